// Converts what a file stores to floats, doubles and integers.
#include "model/tensor.hpp"

#include <bit>
#include <cstring>

namespace lanefold::model {
namespace {

struct Kind {
  const char *name;
  uint64_t bytes;
  bool floating;
};
// In the order of Element.
constexpr Kind kinds[] = {{"F16", 2, true},  {"BF16", 2, true}, {"F32", 4, true},  {"F64", 8, true},  {"I8", 1, false},
                          {"U8", 1, false},  {"I16", 2, false}, {"U16", 2, false}, {"I32", 4, false}, {"U32", 4, false},
                          {"I64", 8, false}, {"U64", 8, false}, {"BOOL", 1, false}};

const Kind &kind_of(Element element) { return kinds[static_cast<size_t>(element)]; }

template <class T> T load(const std::byte *from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

// Exact: the exponent of a half is rebiased by a product with a power of two, which also makes subnormal numbers normal.
float from_half(uint16_t bits) {
  const uint32_t magnitude = static_cast<uint32_t>(bits & 0x7fff) << 13, sign = static_cast<uint32_t>(bits & 0x8000)
                                                                                << 16;
  const float value = (bits & 0x7c00) == 0x7c00 ? std::bit_cast<float>(magnitude | 0x7f800000u)
                                                : std::bit_cast<float>(magnitude) * 0x1p112f;
  return std::bit_cast<float>(std::bit_cast<uint32_t>(value) | sign);
}
float from_brain(uint16_t bits) { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }

// Calls take(i, number) for each element, in order.
template <class Stored, class Convert, class Take>
void convert_each(const std::byte *bytes, int64_t count, const Convert &convert, const Take &take) {
  for (int64_t i = 0; i < count; ++i) take(i, convert(load<Stored>(bytes + static_cast<uint64_t>(i) * sizeof(Stored))));
}

template <class Take> void for_each_number(Element element, const std::byte *bytes, int64_t count, const Take &take) {
  const auto as_it_is = [](auto number) { return number; };
  switch (element) {
  case Element::f16: return convert_each<uint16_t>(bytes, count, from_half, take);
  case Element::bf16: return convert_each<uint16_t>(bytes, count, from_brain, take);
  case Element::f32: return convert_each<float>(bytes, count, as_it_is, take);
  case Element::f64: return convert_each<double>(bytes, count, as_it_is, take);
  case Element::i8: return convert_each<int8_t>(bytes, count, as_it_is, take);
  case Element::u8:
  case Element::boolean: return convert_each<uint8_t>(bytes, count, as_it_is, take);
  case Element::i16: return convert_each<int16_t>(bytes, count, as_it_is, take);
  case Element::u16: return convert_each<uint16_t>(bytes, count, as_it_is, take);
  case Element::i32: return convert_each<int32_t>(bytes, count, as_it_is, take);
  case Element::u32: return convert_each<uint32_t>(bytes, count, as_it_is, take);
  case Element::i64: return convert_each<int64_t>(bytes, count, as_it_is, take);
  case Element::u64: return convert_each<uint64_t>(bytes, count, as_it_is, take);
  }
}

constexpr int64_t most_elements = int64_t{1} << 47; // as in the C API

} // namespace

uint64_t size_of(Element element) { return kind_of(element).bytes; }
const char *name_of(Element element) { return kind_of(element).name; }
bool is_floating(Element element) { return kind_of(element).floating; }

int64_t count_of(const std::vector<int64_t> &shape) {
  int64_t count = 1;
  bool has_zero = false;
  for (const int64_t size : shape) {
    if (size < 0) return -1;
    has_zero |= size == 0;
    if (size > 0 && (count > most_elements / size)) return -1;
    if (size > 0) count *= size;
  }
  return has_zero ? 0 : count;
}

std::string text_of(const std::vector<int64_t> &shape) {
  if (shape.empty()) return "a single number";
  std::string text;
  for (const int64_t size : shape) text += (text.empty() ? "" : " x ") + std::to_string(size);
  return text;
}

Tensor::Tensor(Element element, std::vector<int64_t> shape, const std::byte *bytes, std::shared_ptr<const void> owner)
    : element_(element), shape_(std::move(shape)), count_(count_of(shape_)), bytes_(bytes), owner_(std::move(owner)),
      cache_(std::make_shared<Cache>()) {}

Tensor::Tensor(std::vector<int64_t> shape, std::vector<float> values) : shape_(std::move(shape)) {
  const auto kept = std::make_shared<std::vector<float>>(std::move(values));
  count_ = static_cast<int64_t>(kept->size());
  bytes_ = reinterpret_cast<const std::byte *>(kept->data());
  owner_ = kept;
}

void Tensor::read(float *values) const { read(0, count_, values); }

void Tensor::read(int64_t first, int64_t count, float *values) const {
  const std::byte *bytes = bytes_ + static_cast<uint64_t>(first) * size_of(element_);
  if (element_ == Element::f32) {
    if (count > 0) std::memcpy(values, bytes, static_cast<size_t>(count) * sizeof(float));
    return;
  }
  for_each_number(element_, bytes, count, [=](int64_t i, auto number) { values[i] = static_cast<float>(number); });
}

std::vector<float> Tensor::read() const {
  std::vector<float> values(static_cast<size_t>(count_));
  read(values.data());
  return values;
}

std::vector<double> Tensor::read_doubles() const {
  std::vector<double> values(static_cast<size_t>(count_));
  for_each_number(element_, bytes_, count_,
                  [&](int64_t i, auto number) { values[static_cast<size_t>(i)] = static_cast<double>(number); });
  return values;
}

std::vector<int64_t> Tensor::read_integers() const {
  std::vector<int64_t> values(static_cast<size_t>(count_));
  for_each_number(element_, bytes_, count_,
                  [&](int64_t i, auto number) { values[static_cast<size_t>(i)] = static_cast<int64_t>(number); });
  return values;
}

const float *Tensor::in_place() const {
  const bool aligned = reinterpret_cast<uintptr_t>(bytes_) % alignof(float) == 0;
  return element_ == Element::f32 && aligned ? reinterpret_cast<const float *>(bytes_) : nullptr;
}

const float *Tensor::floats() const {
  if (const float *values = in_place()) return values;
  const std::lock_guard lock(cache_->mutex);
  if (cache_->values.empty()) cache_->values = read();
  return cache_->values.data();
}

bool Tensor::is_rounded() const {
  if (element_ == Element::f16 || element_ == Element::bf16 || element_ == Element::f32) return false;
  bool is_rounded = false;
  for_each_number(element_, bytes_, count_, [&](int64_t, auto number) {
    const auto value = static_cast<double>(number);
    is_rounded |= value == value && static_cast<double>(static_cast<float>(value)) != value;
  });
  return is_rounded;
}

std::vector<float> transposed(const std::vector<float> &matrix, int64_t rows, int64_t columns) {
  std::vector<float> result(matrix.size());
  for (int64_t j = 0; j < columns; ++j)
    for (int64_t i = 0; i < rows; ++i)
      result[static_cast<size_t>(j * rows + i)] = matrix[static_cast<size_t>(i * columns + j)];
  return result;
}

} // namespace lanefold::model
