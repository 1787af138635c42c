// Addresses of lines that lie `stride` floats apart, for loops that read several lines.  Left alone, compilers keep a
// pointer for each line and advance it: one instruction per line, and more registers than there are.
#pragma once

#include <cstdint>

namespace lanefold::simd {

// x86, up to 8 lines.  There are few general registers, so each address is a sum of few terms: the base, optionally 5
// strides, and 0, 1, 2, 3 or 4 strides.  The addressing mode itself scales one stride to 2 or 4.
class ScaledLines {
public:
  explicit ScaledLines(int64_t stride) {
    const int64_t bytes = stride * static_cast<int64_t>(sizeof(float));
    one_ = bytes, three_ = 3 * bytes, five_ = 5 * bytes;
  }
  // Call this function in each iteration.  It hides from the compiler that one_ stays the same.  Otherwise the compiler
  // holds further multiples in registers of their own.  Up to three lines have no further multiples.
  template <int Count> [[gnu::always_inline]] void keep() {
    if constexpr (Count > 3) asm("" : "+r"(one_));
    static_assert(Count <= 8);
  }
  [[gnu::always_inline]] const float *at(const float *base, int i) const {
    const char *p = reinterpret_cast<const char *>(base);
    if (i >= 5) p += five_, i -= 5;
    return reinterpret_cast<const float *>(p + (i == 3 ? three_ : i * one_));
  }

private:
  int64_t one_, three_, five_;
};

// AArch64, up to 8 lines.  An address is the sum of two registers.  The second four lines have a base of their own, which
// costs an addition and saves registers for the code after the loop.
class OffsetLines {
public:
  explicit OffsetLines(int64_t stride) {
    const int64_t bytes = stride * static_cast<int64_t>(sizeof(float));
    one_ = hidden(bytes), two_ = hidden(2 * bytes), three_ = hidden(3 * bytes), four_ = hidden(4 * bytes);
  }
  template <int Count> void keep() { static_assert(Count <= 8); } // they are in registers already
  [[gnu::always_inline]] const float *at(const float *base, int i) const {
    const char *p = reinterpret_cast<const char *>(base);
    if (i >= 4) p += four_, i -= 4;
    return reinterpret_cast<const float *>(p + (i == 0 ? 0 : i == 1 ? one_ : i == 2 ? two_ : three_));
  }

private:
  // Hides from the compiler that they are multiples of one number.
  static int64_t hidden(int64_t x) {
    asm("" : "+r"(x));
    return x;
  }

  int64_t one_, two_, three_, four_;
};

} // namespace lanefold::simd
