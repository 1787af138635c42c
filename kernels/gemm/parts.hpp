// Even cuts: 13 rows in parts of at most 6 are 5, 4 and 4, not 6, 6 and 1, because a tile of one row is slow.
#pragma once

#include <cstdint>

namespace lanefold::gemm {

// Cuts `total` into the fewest parts of at most `most`.  Sizes differ by at most 1, and the larger parts come first.
class EvenParts {
public:
  constexpr EvenParts(int64_t total, int64_t most) : count_(total > 0), size_(total), larger_(0) {
    if (total <= most) return;
    count_ = total <= 2 * most ? 2 : quotient(total + most - 1, most);
    size_ = count_ == 2 ? total / 2 : quotient(total, count_);
    larger_ = total - size_ * count_;
  }
  constexpr int64_t count() const { return count_; }
  constexpr int64_t size(int64_t index) const { return size_ + (index < larger_); }
  constexpr int64_t begin(int64_t index) const { return index * size_ + (index < larger_ ? index : larger_); }
  // The number of parts from `index` on that have the size of that part.
  int64_t equal_from(int64_t index) const { return (index < larger_ ? larger_ : count_) - index; }

private:
  // A 32-bit division takes at most half as long as a 64-bit one.
  static constexpr int64_t quotient(int64_t x, int64_t y) {
    return ((x | y) >> 32) == 0 ? static_cast<uint32_t>(x) / static_cast<uint32_t>(y) : x / y;
  }

  int64_t count_, size_, larger_;
};

} // namespace lanefold::gemm
