// The rules on arguments, and the messages that name what breaks them.
#include "runtime/check.hpp"

#include <algorithm>
#include <cinttypes>
#include <cstdarg>
#include <cstdio>
#include <cstring>

namespace lanefold::runtime {
namespace {

// No struct is nearly as large. A struct_size beyond this means that the field was not set.
constexpr uint32_t largest_struct = 4096, smallest_struct = 8;

} // namespace

lf_status Check::fail(lf_status status, const char *format, ...) {
  if (!ok()) return status_;
  status_ = status;
  char text[message_size];
  va_list values;
  va_start(values, format);
  std::vsnprintf(text, sizeof text, format, values);
  va_end(values);
  return note_error(serial_, status, call_, text);
}

void Check::present(const char *name, const void *pointer) {
  if (pointer == nullptr) fail(LF_INVALID_ARGUMENT, "%s is NULL", name);
}

// A smaller struct comes from an older caller, or from one that needs no more. The fields that it lacks are 0.
// A size that is a multiple of 8 cuts no field in half, because fields of 8 bytes lie at multiples of 8.
void Check::read_struct(const char *name, const void *given, void *whole, uint32_t known_size) {
  present(name, given);
  if (!ok()) return;
  uint32_t size;
  std::memcpy(&size, given, sizeof size);
  if (size < smallest_struct || size > largest_struct || size % smallest_struct != 0) {
    fail(LF_INVALID_ARGUMENT, "%s.struct_size is %" PRIu32 ", but the struct has %" PRIu32 " bytes", name, size,
         known_size);
    return;
  }
  std::memcpy(whole, given, std::min(size, known_size));
  if (size <= known_size) return;
  const char *bytes = static_cast<const char *>(given);
  if (std::any_of(bytes + known_size, bytes + size, [](char byte) { return byte != 0; })) {
    fail(LF_UNSUPPORTED, "%s uses a field that this library does not know (struct_size %" PRIu32 ", known %" PRIu32 ")",
         name, size, known_size);
  }
}

lf_batch_norm *Check::read_batch_norm(const lf_batch_norm *given) {
  batch_norm_ = read("batch_norm", given);
  return ok() ? &batch_norm_ : nullptr;
}

void Check::flags_unknown(const char *name, uint32_t unknown, const char *known_names) {
  fail(LF_UNSUPPORTED, "%s has unknown bits 0x%" PRIx32 "; known are: %s", name, unknown, known_names);
}

void Check::code(const char *name, int32_t given, int32_t count, const char *known_names) {
  if (given < 0 || given >= count)
    fail(LF_UNSUPPORTED, "%s is %" PRId32 ", but must be one of: %s", name, given, known_names);
}

void Check::size_out_of_range(const NamedSize &size, int64_t least) {
  if (size.value < least)
    fail(LF_INVALID_ARGUMENT, "%s is %" PRId64 ", but must be at least %" PRId64, size.name, size.value, least);
  else
    fail(LF_INVALID_ARGUMENT, "%s is %" PRId64 ", but must be at most %" PRId64, size.name, size.value, largest_size);
}

void Check::value(const char *name, double given, bool good, const char *rule) {
  if (!good && !sizes_only_) fail(LF_INVALID_ARGUMENT, "%s is %g, but must be %s", name, given, rule);
}

void Check::value(const char *name, int64_t given, bool good, const char *rule) {
  if (!good && !sizes_only_) fail(LF_INVALID_ARGUMENT, "%s is %" PRId64 ", but must be %s", name, given, rule);
}

void Check::together(NamedPointer one, NamedPointer other) {
  if (sizes_only_ || (one.pointer == nullptr) == (other.pointer == nullptr)) return;
  if (one.pointer == nullptr) std::swap(one, other);
  fail(LF_INVALID_ARGUMENT, "%s is NULL, but %s is given; expected both or neither", other.name, one.name);
}

void Check::write_text(std::string_view from, char *text, uint64_t size, uint64_t *needed) {
  if (text == nullptr && size > 0) fail(LF_INVALID_ARGUMENT, "text is NULL, but size is %" PRIu64, size);
  if (!ok()) return;
  if (size > 0) {
    const std::size_t length = std::min<uint64_t>(from.size(), size - 1);
    std::memcpy(text, from.data(), length);
    text[length] = 0;
  }
  if (needed != nullptr) *needed = from.size() + 1;
}

void Check::labels(const int32_t *labels, int64_t m, int64_t n) {
  if (!ok() || sizes_only_) return;
  for (int64_t i = 0; i < m; ++i) {
    if (labels[i] >= 0 && labels[i] < n) continue;
    fail(LF_INVALID_ARGUMENT, "labels[%" PRId64 "] is %" PRId32 ", but must be in 0..%" PRId64, i, labels[i], n - 1);
    return;
  }
}

void Check::rows(const uint32_t *rows, int64_t m, int64_t count) {
  if (rows == nullptr) value("m", m, m <= count, "at most count if rows is NULL");
  if (!ok() || sizes_only_ || rows == nullptr) return;
  for (int64_t i = 0; i < m; ++i) {
    if (rows[i] < count) continue;
    fail(LF_INVALID_ARGUMENT, "rows[%" PRId64 "] is %" PRIu32 ", but must be below count, which is %" PRId64, i,
         rows[i], count);
    return;
  }
}

// In a check of sizes alone, strides are as short as possible, and every address is valid.
void Check::refuse_operand(const char *name, const void *pointer, uint64_t element_size, const Shape &shape) {
  const auto address = reinterpret_cast<uintptr_t>(pointer);
  if (sizes_only_) {
    if (measure(this, element_size, {shape.rows, shape.columns, shape.columns, ""}) >= 0) return;
  } else if (pointer == nullptr) {
    fail(LF_INVALID_ARGUMENT, "%s is NULL, but has %" PRId64 " x %" PRId64 " elements", name, shape.rows,
         shape.columns);
    return;
  } else if (address % element_size != 0) {
    fail(LF_INVALID_ARGUMENT, "%s is not aligned to %" PRIu64 " bytes", name, element_size);
    return;
  } else if (shape.stride < shape.columns) {
    fail(LF_INVALID_ARGUMENT, "%s is %" PRId64 ", but %s has %" PRId64 " columns", shape.stride_name, shape.stride,
         name, shape.columns);
    return;
  } else if (operand_count_ == most_operands) {
    fail(LF_INTERNAL, "too many operands");
    return;
  }
  fail(LF_INVALID_ARGUMENT, "%s is too large: %" PRId64 " x %" PRId64 " elements, %" PRId64 " from row to row", name,
       shape.rows, shape.columns, sizes_only_ ? shape.columns : shape.stride);
}

// Two matrices whose ranges of bytes meet may still be different columns of one larger matrix, if they have the same
// stride. A single row fits any stride.
bool Check::overlap(const Operand &one, const Operand &other) {
  const auto one_begin = reinterpret_cast<uintptr_t>(one.pointer);
  const auto other_begin = reinterpret_cast<uintptr_t>(other.pointer);
  if (other_begin < one_begin) return overlap(other, one);
  if (one_begin + one.bytes <= other_begin) return false;
  if (one.one_row && other.one_row) return true;
  if (!one.one_row && !other.one_row && one.stride_bytes() != other.stride_bytes()) return true;
  const uint64_t stride = one.one_row ? other.stride_bytes() : one.stride_bytes();
  const uint64_t offset = (other_begin - one_begin) % stride;
  return offset < one.row_bytes() || offset + other.row_bytes() > stride;
}

bool Check::same(const Operand &output, const Operand &other) {
  return output.may_be != nullptr && std::strcmp(output.may_be, other.name) == 0 && output.pointer == other.pointer &&
         output.bytes == other.bytes && output.one_row == other.one_row &&
         (output.one_row || output.stride_bytes() == other.stride_bytes());
}

void Check::refuse_overlap(const Operand &one, const Operand &other) {
  if (!overlap(one, other) || same(one, other) || same(other, one)) return;
  const Operand &output = one.written ? one : other;
  fail(LF_INVALID_ARGUMENT, "%s overlaps %s", output.name, (&output == &one ? other : one).name);
}

} // namespace lanefold::runtime
