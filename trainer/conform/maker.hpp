// What makes random cases: a maker, and one function for each operation.
#pragma once

#include "trainer/conform/case.hpp"

#include <lanefold/lanefold.h>

namespace lanefold::trainer::conform {

// Makes a case from random numbers.
class Maker {
public:
  Maker(int32_t op, int64_t index, int64_t way)
      : made_{op, {}, {}}, stream_(19, Purpose::study, static_cast<uint32_t>(op * 10000 + index)), way_(way) {}

  double uniform(double low, double high) { return static_cast<float>(stream_.uniform(low, high)); }
  int64_t below(int64_t n) { return stream_.below(static_cast<uint32_t>(n)); }
  bool chance(int64_t one_in) { return below(one_in) == 0; }
  // One of `count` ways to call, such as the activations.  Successive cases take them in turn.
  int64_t way(int64_t count) const { return way_ % count; }
  void set(const std::string &name, double value) { made_.numbers[name] = value; }
  Case take() { return std::move(made_); }

  void reads(const std::string &name, int64_t rows, int64_t columns, double low = -1, double high = 1) {
    add(name, rows, columns, true, false, low, high);
  }
  void updates(const std::string &name, int64_t rows, int64_t columns, double low = -1, double high = 1) {
    add(name, rows, columns, true, true, low, high);
  }
  void writes(const std::string &name, int64_t rows, int64_t columns) {
    made_.arrays.push_back({name, rows, columns, false, true});
  }
  // Indices below n.
  void indices(const std::string &name, int64_t count, int64_t n, Element element) {
    Array made{name, 1, count, true, false, element};
    for (int64_t i = 0; i < count; ++i) made.values.push_back(static_cast<double>(below(n)));
    made_.arrays.push_back(made);
  }
  Array &last() { return made_.arrays.back(); }

private:
  void add(const std::string &name, int64_t rows, int64_t columns, bool is_read, bool is_written, double low,
           double high) {
    Array made{name, rows, columns, is_read, is_written};
    for (int64_t i = 0; i < rows * columns; ++i) made.values.push_back(uniform(low, high));
    made_.arrays.push_back(std::move(made));
  }

  Case made_;
  Stream stream_;
  int64_t way_;
};

struct Sizes {
  int64_t m, n, k;
};

// What the functions below share.
inline void set_activation(Maker &make) {
  make.set("activation", static_cast<double>(make.way(LF_ACTIVATION_COUNT)));
  make.set("alpha", make.uniform(0, 1.5));
}
void normalization(Maker &make, int64_t n, bool training);
void losses_of_part(Maker &make, int64_t m);

// cases_norm.cpp
void batch_norm_forward(Maker &make, const Sizes &s);
void batch_norm_backward(Maker &make, const Sizes &s);
void fold_batch_norm(Maker &make, const Sizes &s);
void batch_norm_moments(Maker &make, const Sizes &s);
void batch_norm_merge(Maker &make, const Sizes &s);
void column_sums(Maker &make, const Sizes &s);

} // namespace lanefold::trainer::conform
