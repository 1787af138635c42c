// A growing array of floats that never holds a second copy of itself: the operating system moves its pages, not its
// bytes.
#pragma once

#include <cstddef>
#include <cstdint>

namespace lanefold::trainer {

class GrowingFloats {
public:
  GrowingFloats() = default;
  ~GrowingFloats();
  GrowingFloats(GrowingFloats &&other) noexcept { swap(other); }
  GrowingFloats &operator=(GrowingFloats &&other) noexcept { return swap(other), *this; }

  float *data() { return data_; }
  const float *data() const { return data_; }
  size_t size() const { return size_; }
  float &operator[](size_t i) { return data_[i]; }
  float operator[](size_t i) const { return data_[i]; }

  // New elements are 0.  Throws std::bad_alloc.
  void resize(size_t size);
  void append(const float *values, size_t count);

private:
  void swap(GrowingFloats &other) noexcept;

  float *data_ = nullptr;
  size_t size_ = 0, bytes_ = 0; // bytes_: that are mapped
};

} // namespace lanefold::trainer
