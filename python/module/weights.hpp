// Packed weights, as Python objects.
#pragma once

#include "call.hpp"

namespace lanefold::python {

class PackedWeights {
public:
  PackedWeights(std::shared_ptr<lf_packed_weights> packed, int64_t k, int64_t n)
      : packed_(std::move(packed)), k_(k), n_(n) {}

  // Refuses weights that are closed.  A call holds what this returns, so that another thread may close them.
  std::shared_ptr<lf_packed_weights> live(const char *call, const char *name) const {
    if (packed_ == nullptr) refuse_value(call, std::string(name) + " is closed; expected open lanefold.PackedWeights");
    return packed_;
  }
  void close() { packed_.reset(); }
  bool closed() const { return packed_ == nullptr; }
  int64_t k() const { return k_; }
  int64_t n() const { return n_; }

private:
  std::shared_ptr<lf_packed_weights> packed_;
  int64_t k_, n_;
};

// The weights of a layer: k x n floats, or packed ones.
class Weights {
public:
  Weights(const Arguments &given, size_t i, Access access);

  int64_t k = 0, n = 0;
  float *w = nullptr; // NULL if they are packed
  int64_t stride = 1;
  std::shared_ptr<lf_packed_weights> packed;

private:
  std::optional<Memory> memory_;
};

} // namespace lanefold::python
