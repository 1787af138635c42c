// What every suite shares: the subjects that are measured, shapes, names, and how a case is verified, then timed.
#pragma once

#include "products.hpp"

#include <lanefold/lanefold.hpp>

#include <benchmark/benchmark.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace lanefold::bench {

// A plugin with a number of threads, and the context that answers for both; made once, kept to the end.
struct Subject {
  std::string isa;
  int threads;
  std::shared_ptr<const Context> context;
};

// Each plugin that can run here, with one thread and with as many as there are CPUs.
std::vector<Subject> make_subjects();
std::shared_ptr<const Context> make_context(const std::string &isa, int threads);

// The layers of 784-300-100-10 at batch 200.
inline constexpr Shape reference_layers[] = {{200, 300, 784}, {200, 100, 300}, {200, 10, 100}};

std::string sizes(int64_t m, int64_t n); // "m:200/n:300"
std::string sizes(const Shape &shape);   // "m:200/n:300/k:784"

// One thing to measure.
class Case {
public:
  virtual ~Case() = default;
  virtual void run() = 0;
  // What is wrong with the result of the first run, "" if nothing is.
  virtual std::string fault() const = 0;

  double flops = 0;    // of one run; 0: not reported
  double elements = 0; // of one run; 0: not reported
};

// Registers operation/isa:.../sizes/threads:... for a subject.  make is called when the benchmark runs, not when it is
// listed.  The first result is verified; a wrong one, or an Error, skips the case with a message.
void add(const std::string &operation, const Subject &subject, const std::string &sizes,
         std::function<std::unique_ptr<Case>()> make);

template <class Made, class... Arguments>
void add_case(const std::string &operation, const Subject &subject, const std::string &sizes, Arguments... arguments) {
  add(operation, subject, sizes,
      [=]() -> std::unique_ptr<Case> { return std::make_unique<Made>(*subject.context, arguments...); });
}

// How many cases were skipped with a message so far.
int failures();

// The suites; the subjects of one problem stand next to each other.
void add_peak(const std::vector<Subject> &subjects);
void add_gemm(const std::vector<Subject> &subjects);
void add_dense(const std::vector<Subject> &subjects);
void add_activation(const std::vector<Subject> &subjects);
void add_norm(const std::vector<Subject> &subjects);
void add_batch(const std::vector<Subject> &subjects);
void add_step(const std::vector<Subject> &subjects);

} // namespace lanefold::bench
