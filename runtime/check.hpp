// The vocabulary in which the public calls state what their arguments must be. The first rule that is broken makes the
// status and the message; the later ones are then skipped.
#pragma once

#include "runtime/error.hpp"

#include <lanefold/norm.h>

#include <cstddef>
#include <cstdint>
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

class Check {
public:
  // call: the name that opens each message.
  Check(uint64_t serial, const char *call) : serial_(serial), call_(call) {}
  Check(const Check &) = delete;
  Check &operator=(const Check &) = delete;

  // From here on only sizes, flags and codes count: pointers, strides and other values are passed over.
  void look_at_sizes_only() { sizes_only_ = true; }
  bool sizes_only() const { return sizes_only_; }

  bool ok() const { return status_ == LF_OK; }
  lf_status status() const { return status_; }

  // Breaks a rule. The format is that of printf.
  lf_status fail(lf_status status, const char *format, ...) __attribute__((format(printf, 3, 4)));

  void present(const char *name, const void *pointer);

  // A copy of the caller's struct with the fields that it does not have as 0. NULL, or fields that this library does
  // not have, break the rule.
  template <class Struct> Struct read(const char *name, const Struct *given) {
    Struct whole{};
    read_struct(name, given, &whole, sizeof whole);
    whole.struct_size = sizeof whole;
    return whole;
  }
  // The same for a nested one; the copy lives as long as this.
  lf_batch_norm *read_batch_norm(const lf_batch_norm *given);

  void flags(const char *name, uint32_t given, uint32_t known, const char *known_names);
  void code(const char *name, int32_t given, int32_t count, const char *known_names);
  void sizes(std::initializer_list<NamedSize> sizes, int64_t least = 0);
  // A value with a rule of its own: "name is value, but must be rule".
  void value(const char *name, double given, bool good, const char *rule);
  void value(const char *name, int64_t given, bool good, const char *rule);
  // Both are there, or neither.
  void together(NamedPointer one, NamedPointer other);
  // labels[m], each in 0..n-1.
  void labels(const int32_t *labels, int64_t m, int64_t n);

  // An operand of the call: there unless empty, aligned to its type, strides long enough, bytes countable.
  // may_be: name of the operand that an output may be, with the same stride.
  template <class Element> void reads(const char *name, const Element *pointer, const Shape &shape) {
    operand({name, nullptr, pointer, sizeof(Element), false, false, 0, 0, 0}, shape);
  }
  template <class Element>
  void writes(const char *name, Element *pointer, const Shape &shape, const char *may_be = nullptr) {
    operand({name, may_be, pointer, sizeof(Element), true, false, 0, 0, 0}, shape);
  }
  // No output overlaps another operand.
  void overlaps();

  // Not a rule but an answer: copies as much of a text as fits, ended with 0; *needed, unless NULL, gets the size that
  // holds it all. A NULL buffer that is said to have a size breaks the rule.
  void write_text(std::string_view from, char *text, uint64_t size, uint64_t *needed);

private:
  // Rows of row_bytes, one each stride_bytes; bytes from the first to behind the last.
  struct Operand {
    const char *name;
    const char *may_be;
    const void *pointer;
    uint64_t element_size;
    bool written;
    bool one_row;
    uint64_t bytes, row_bytes, stride_bytes;
  };
  static constexpr int most_operands = 16;

  void read_struct(const char *name, const void *given, void *whole, uint32_t known_size);
  void operand(Operand operand, const Shape &shape);
  static bool overlap(const Operand &one, const Operand &other);
  static bool same(const Operand &output, const Operand &other);

  const uint64_t serial_;
  const char *const call_;
  lf_status status_ = LF_OK;
  bool sizes_only_ = false;
  int operand_count_ = 0;
  Operand operands_[most_operands];
  lf_batch_norm batch_norm_;
};

} // namespace lanefold::runtime
