// The rules in which the public calls state what their arguments must be. The first rule that is broken decides the
// status and the message, and later ones are skipped.
#pragma once

#include "kernels/compiler_flags.h"
#include "runtime/error.hpp"

#include <lanefold/norm.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <string_view>

namespace lanefold::runtime {

// A row-major matrix; stride is in elements.
struct Shape {
  int64_t rows;
  int64_t columns;
  int64_t stride;
  const char *stride_name;
};

inline Shape vector(int64_t n) { return {1, n, n, ""}; }

struct NamedSize {
  const char *name;
  int64_t value;
};

struct NamedPointer {
  const char *name;
  const void *pointer;
};

// The largest size. Beyond it, index arithmetic could overflow.
inline constexpr int64_t largest_size = int64_t{1} << 47;

class Check {
public:
  // call: the name of the call, with which each message begins.
  Check(uint64_t serial, const char *call) : serial_(serial), call_(call) {}
  Check(const Check &) = delete;
  Check &operator=(const Check &) = delete;

  // From here on, only sizes, flags and codes are checked. Pointers, strides and other values are not.
  void look_at_sizes_only() { sizes_only_ = true; }
  bool sizes_only() const { return sizes_only_; }

  bool ok() const { return status_ == LF_OK; }
  lf_status status() const { return status_; }

  // Says that a rule is broken. The format is that of printf.
  lf_status fail(lf_status status, const char *format, ...) __attribute__((format(printf, 3, 4), cold));

  void present(const char *name, const void *pointer);

  // Returns a copy of the caller's struct, in which the fields that the caller lacks are 0. The rule is broken by NULL,
  // and by a field that the library does not know and that is not 0.
  template <class Struct> Struct read(const char *name, const Struct *given) {
    uint32_t size = 0;
    if (given != nullptr) std::memcpy(&size, given, sizeof size);
    if (size == sizeof(Struct)) return *given;
    Struct whole{};
    read_struct(name, given, &whole, sizeof whole);
    whole.struct_size = sizeof whole;
    return whole;
  }
  // The same for a nested struct. The copy lives as long as this object.
  lf_batch_norm *read_batch_norm(const lf_batch_norm *given);

  void flags(const char *name, uint32_t given, uint32_t known, const char *known_names) {
    if ((given & ~known) != 0) flags_unknown(name, given & ~known, known_names);
  }
  void code(const char *name, int32_t given, int32_t count, const char *known_names);
  void sizes(std::initializer_list<NamedSize> sizes, int64_t least = 0) {
    for (const NamedSize &size : sizes)
      if (size.value < least || size.value > largest_size) size_out_of_range(size, least);
  }
  // A value with a rule of its own. The message is "name is value, but must be rule".
  void value(const char *name, double given, bool good, const char *rule);
  void value(const char *name, int64_t given, bool good, const char *rule);
  // Both pointers are NULL, or neither is.
  void together(NamedPointer one, NamedPointer other);
  // labels[m], each in [0, n).
  void labels(const int32_t *labels, int64_t m, int64_t n);
  // rows[m], each in [0, count). NULL stands for the first m rows.
  void rows(const uint32_t *rows, int64_t m, int64_t count);

  // An operand of the call. Unless it is empty, it is not NULL, it is aligned to its type, its rows do not overlap, and
  // its last byte has an address. may_be: the operand that this output may be identical to, with the same stride.
  template <class Element> void reads(const char *name, const Element *pointer, const Shape &shape) {
    static_assert((sizeof(Element) & (sizeof(Element) - 1)) == 0);
    operand(name, nullptr, pointer, sizeof(Element), false, shape);
  }
  template <class Element>
  void writes(const char *name, Element *pointer, const Shape &shape, const char *may_be = nullptr) {
    operand(name, may_be, pointer, sizeof(Element), true, shape);
  }
  // No output overlaps another operand.
  void overlaps() {
    for (int i = 0; i < operand_count_; ++i)
      for (int j = 0; j < i; ++j)
        if (meet(operands_[i], operands_[j])) refuse_overlap(operands_[i], operands_[j]);
  }

  // Copies as much of a text as fits, and ends it with 0. *needed, unless needed is NULL, gets the size that holds all
  // of it. The rule is broken by a buffer that is NULL although its size is not 0.
  void write_text(std::string_view from, char *text, uint64_t size, uint64_t *needed);

private:
  // bytes: the distance from the first byte to the end of the last element.
  struct Operand {
    const char *name;
    const char *may_be;
    const void *pointer;
    uint64_t bytes;
    int64_t columns, stride; // in elements; the stride of a single row means nothing
    uint32_t element_size;
    bool written, one_row;
    uint64_t row_bytes() const { return static_cast<uint64_t>(columns) * element_size; }
    uint64_t stride_bytes() const { return static_cast<uint64_t>(stride) * element_size; }
  };
  static constexpr int most_operands = 16;

  void read_struct(const char *name, const void *given, void *whole, uint32_t known_size);
  void flags_unknown(const char *name, uint32_t unknown, const char *known_names) __attribute__((cold));
  void size_out_of_range(const NamedSize &size, int64_t least) __attribute__((cold));
  void refuse_operand(const char *name, const void *pointer, uint64_t element_size, const Shape &shape)
      __attribute__((cold));
  void refuse_overlap(const Operand &one, const Operand &other) __attribute__((cold));
  static bool overlap(const Operand &one, const Operand &other);
  static bool same(const Operand &output, const Operand &other);

  // A valid operand costs a few instructions. The functions above find words for an invalid one.
  void operand(const char *name, const char *may_be, const void *pointer, uint64_t element_size, bool written,
               const Shape &shape) {
    if (!ok() || shape.rows == 0 || shape.columns == 0) return;
    const int64_t bytes = measure(pointer, element_size, shape);
    if (sizes_only_ || bytes < 0 || operand_count_ == most_operands)
      return refuse_operand(name, pointer, element_size, shape);
    operands_[operand_count_++] = {name,
                                   may_be,
                                   pointer,
                                   static_cast<uint64_t>(bytes),
                                   shape.columns,
                                   shape.stride,
                                   static_cast<uint32_t>(element_size),
                                   written,
                                   shape.rows == 1};
  }

  // Returns the bytes from the first element to the end of the last one, or a negative number if a rule is broken.
  // Sizes are known to be at most largest_size.
  static int64_t measure(const void *pointer, uint64_t element_size, const Shape &shape) {
    const auto address = reinterpret_cast<uintptr_t>(pointer);
    constexpr int64_t most_elements = int64_t{1} << 58;
    int64_t elements;
    bool broken = __builtin_mul_overflow(shape.rows - 1, shape.stride, &elements);
    broken |= shape.stride < shape.columns;
    broken |= elements > most_elements;
    const auto bytes = (static_cast<uint64_t>(elements) + static_cast<uint64_t>(shape.columns)) * element_size;
    broken |= address == 0;
    broken |= (address & (element_size - 1)) != 0;
    broken |= address + bytes < address;
    return broken ? -1 : static_cast<int64_t>(bytes);
  }

  static bool meet(const Operand &one, const Operand &other) {
    const auto begin = reinterpret_cast<uintptr_t>(one.pointer),
               other_begin = reinterpret_cast<uintptr_t>(other.pointer);
    return (one.written || other.written) && begin < other_begin + other.bytes && other_begin < begin + one.bytes;
  }

  const uint64_t serial_;
  const char *const call_;
  lf_status status_ = LF_OK;
  bool sizes_only_ = false;
  int operand_count_ = 0;
  Operand operands_[most_operands];
  lf_batch_norm batch_norm_;
};

} // namespace lanefold::runtime
