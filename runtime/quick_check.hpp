// Decides whether the rules on arguments hold, without writing a message. A call asks this class first, because Check
// takes as long as a small product. What this class cannot decide at once, such as large sizes and
// interleaved matrices, it leaves to Check, which has the same members.
#pragma once

#include "runtime/check.hpp"

#include <bit>

namespace lanefold::runtime {

class QuickCheck {
public:
  // Whether all rules certainly hold.
  bool ok() const { return !broken_; }
  static constexpr bool sizes_only() { return false; }

  template <class... Anything> void fail(lf_status, const char *, Anything...) { broken_ = true; }
  void present(const char *, const void *pointer) { broken_ |= pointer == nullptr; }

  template <class Struct> Struct read(const char *, const Struct *given) {
    if (given == nullptr || given->struct_size != sizeof(Struct)) return broken_ = true, Struct{};
    return *given;
  }
  const lf_batch_norm *read_batch_norm(const lf_batch_norm *given) {
    // The caller's struct serves as it is.
    if (given == nullptr || given->struct_size != sizeof *given) return broken_ = true, nullptr;
    return given;
  }

  void flags(const char *, uint32_t given, uint32_t known, const char *) { broken_ |= (given & ~known) != 0; }
  void code(const char *, int32_t given, int32_t count, const char *) { broken_ |= given < 0 || given >= count; }
  void sizes(std::initializer_list<NamedSize> sizes, int64_t least = 0) {
    for (const NamedSize &size : sizes) broken_ |= size.value < least || size.value >= most_size;
  }
  template <class Value> void value(const char *, Value, bool good, const char *) { broken_ |= !good; }
  void together(NamedPointer one, NamedPointer other) {
    broken_ |= (one.pointer == nullptr) != (other.pointer == nullptr);
  }
  void labels(const int32_t *labels, int64_t m, int64_t n) {
    if (broken_) return;
    for (int64_t i = 0; i < m; ++i) broken_ |= labels[i] < 0 || labels[i] >= n;
  }
  void rows(const uint32_t *rows, int64_t m, int64_t count) {
    broken_ |= rows == nullptr && m > count;
    if (broken_ || rows == nullptr) return;
    for (int64_t i = 0; i < m; ++i) broken_ |= rows[i] >= count;
  }

  template <class Element>
  [[gnu::always_inline]] void reads(const char *name, const Element *pointer, const Shape &shape) {
    operand(name, nullptr, reinterpret_cast<uintptr_t>(pointer), sizeof(Element), false, shape);
  }
  template <class Element>
  [[gnu::always_inline]] void writes(const char *name, Element *pointer, const Shape &shape,
                                     const char *may_be = nullptr) {
    operand(name, may_be, reinterpret_cast<uintptr_t>(pointer), sizeof(Element), true, shape);
  }
  [[gnu::always_inline]] void overlaps() {
    for (uint32_t outputs = written_; outputs != 0; outputs &= outputs - 1) {
      const Operand &output = operands_[std::countr_zero(outputs)];
      for (int i = 0; i < count_; ++i) {
        const Operand &other = operands_[i];
        if (&other != &output && output.begin < other.end && other.begin < output.end && !same(output, other))
          broken_ = true;
      }
    }
  }

private:
  struct Operand {
    uintptr_t begin, end;
    const char *name, *may_be;
    int64_t stride;
  };
  static constexpr int most_operands = 16;
  static constexpr int64_t most_size = 1 << 20, most_stride = int64_t{1} << 30;
  static constexpr uintptr_t most_address = uintptr_t{1} << 60;

  // An output that may be another operand.
  static bool same(const Operand &output, const Operand &other) {
    return output.may_be != nullptr && output.begin == other.begin && output.end == other.end &&
           output.stride == other.stride && std::strcmp(output.may_be, other.name) == 0;
  }

  [[gnu::always_inline]] void operand(const char *name, const char *may_be, uintptr_t begin, uint64_t element_size,
                                      bool written, const Shape &shape) {
    if (shape.rows == 0 || shape.columns == 0) return;
    broken_ |= shape.stride < shape.columns || shape.stride >= most_stride;
    broken_ |= begin == 0 || (begin & (element_size - 1)) != 0 || begin >= most_address || count_ == most_operands;
    if (broken_) return;
    const auto elements = static_cast<uint64_t>((shape.rows - 1) * shape.stride + shape.columns);
    operands_[count_] = {begin, begin + elements * element_size, name, may_be, shape.stride};
    written_ |= static_cast<uint32_t>(written) << count_++;
  }

  bool broken_ = false;
  int count_ = 0;
  uint32_t written_ = 0;
  Operand operands_[most_operands];
};

} // namespace lanefold::runtime
