// Memory on whole cache lines, the same for all that race.
#pragma once

#include "../reference.hpp"

#include <algorithm>
#include <cstdint>

namespace lanefold::bench {

class Buffer {
public:
  explicit Buffer(const Floats &values) : memory_(values.size() + 32), data_(memory_.data()) {
    while (reinterpret_cast<uintptr_t>(data_) % 64 != 0) ++data_;
    std::copy(values.begin(), values.end(), data_);
  }
  explicit Buffer(int64_t floats) : Buffer(Floats(static_cast<size_t>(floats))) {}
  Buffer(const Buffer &) = delete;
  Buffer &operator=(const Buffer &) = delete;
  float *data() { return data_; }

private:
  Floats memory_;
  float *data_;
};

} // namespace lanefold::bench
