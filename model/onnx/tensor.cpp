// Reads a TensorProto.  Raw bytes and packed numbers of a fixed size stay where they lie; other encodings are decoded.
#include "model/onnx/external.hpp"
#include "model/onnx/proto.hpp"

#include <charconv>
#include <concepts>
#include <cstring>

namespace lanefold::model::onnx {

namespace {

// The numbers of TensorProto.DataType.
enum DataType { type_float = 1, type_string = 8, type_double = 11, type_count = 17 };
// By TensorProto.DataType.
constexpr int elements[type_count] = {-1,
                                      static_cast<int>(Element::f32),
                                      static_cast<int>(Element::u8),
                                      static_cast<int>(Element::i8),
                                      static_cast<int>(Element::u16),
                                      static_cast<int>(Element::i16),
                                      static_cast<int>(Element::i32),
                                      static_cast<int>(Element::i64),
                                      -1,
                                      static_cast<int>(Element::boolean),
                                      static_cast<int>(Element::f16),
                                      static_cast<int>(Element::f64),
                                      static_cast<int>(Element::u32),
                                      static_cast<int>(Element::u64),
                                      -1,
                                      -1,
                                      static_cast<int>(Element::bf16)};

// The fields of a TensorProto.
struct Fields {
  std::vector<int64_t> shape;
  int64_t type = 0;
  std::string_view name, raw, packed; // packed: the only record of fixed-size numbers
  bool has_raw = false, is_external = false, has_segment = false;
  std::vector<std::string_view> texts;
  std::vector<int64_t> integers;  // int32_data, int64_data and uint64_data
  std::vector<std::byte> numbers; // float_data and double_data that are not one record
  std::map<std::string_view, std::string_view> external;
};

std::pair<std::string_view, std::string_view> entry_of(std::string_view bytes) {
  std::pair<std::string_view, std::string_view> entry;
  Message message(bytes);
  while (const uint32_t field = message.next())
    if (field == 1) entry.first = message.bytes();
    else if (field == 2) entry.second = message.bytes();
    else message.skip();
  return entry;
}

template <std::floating_point Number> void append(std::vector<std::byte> &bytes, Number number) {
  const size_t size = bytes.size();
  bytes.resize(size + sizeof number);
  std::memcpy(&bytes[size], &number, sizeof number);
}

void append(std::vector<std::byte> &bytes, std::string_view record) {
  const auto *from = reinterpret_cast<const std::byte *>(record.data());
  bytes.insert(bytes.end(), from, from + record.size());
}

// A record of float_data or double_data.  A single packed one stays where it lies.
void read_fixed(Message &message, bool is_double, Fields &fields) {
  if (message.is_packed() && fields.packed.empty() && fields.numbers.empty()) {
    fields.packed = message.bytes();
    return;
  }
  append(fields.numbers, std::exchange(fields.packed, {}));
  if (message.is_packed()) append(fields.numbers, message.bytes());
  else if (is_double) append(fields.numbers, message.long_real());
  else append(fields.numbers, message.real());
}

Fields fields_of(std::string_view bytes) {
  Fields fields;
  Message message(bytes);
  while (const uint32_t field = message.next()) switch (field) {
    case 1: message.append_integers(fields.shape); break;
    case 2: fields.type = message.integer(); break;
    case 3: fields.has_segment = true, message.skip(); break;
    case 4: read_fixed(message, false, fields); break;
    case 5:
    case 7:
    case 11: message.append_integers(fields.integers); break;
    case 6: fields.texts.push_back(message.bytes()); break;
    case 8: fields.name = message.bytes(); break;
    case 9: fields.raw = message.bytes(), fields.has_raw = true; break;
    case 10: read_fixed(message, true, fields); break;
    case 13: fields.external.insert(entry_of(message.bytes())); break;
    case 14: fields.is_external = message.integer() == 1; break;
    default: message.skip();
    }
  return fields;
}

// Checks that `size` bytes are what the shape needs, and lets the array refer to them.
void refer(Array &array, const void *bytes, uint64_t size, std::shared_ptr<const void> owner, const std::string &name) {
  const uint64_t needed = static_cast<uint64_t>(array.count()) * size_of(array.element);
  if (size != needed)
    throw ModelError("tensor " + name + " has " + std::to_string(size) + " bytes; its shape, " + text_of(array.shape) +
                     ", needs " + std::to_string(needed));
  array.bytes = static_cast<const std::byte *>(bytes);
  array.owner = std::move(owner);
}

uint64_t number_of(const Fields &fields, std::string_view key, uint64_t otherwise, const std::string &name) {
  const auto found = fields.external.find(key);
  if (found == fields.external.end()) return otherwise;
  uint64_t number = 0;
  const char *end = found->second.data() + found->second.size();
  const auto [stop, error] = std::from_chars(found->second.data(), end, number);
  if (error != std::errc() || stop != end)
    throw ModelError("tensor " + name + ": the " + std::string(key) + " of its external data is " +
                     in_quotes(found->second) + "; expected a number of bytes");
  return number;
}

void read_external(Array &array, const Fields &fields, ExternalData *external, const std::string &name) {
  const auto location = fields.external.find("location");
  if (location == fields.external.end() || !external)
    throw ModelError("tensor " + name + " has external data without a location");
  const Content &content = external->open(std::string(location->second));
  const uint64_t offset = number_of(fields, "offset", 0, name);
  if (offset > content.size)
    throw ModelError("tensor " + name + " starts behind the end of " + in_quotes(location->second));
  const uint64_t length = number_of(fields, "length", content.size - offset, name);
  if (length > content.size - offset)
    throw ModelError("tensor " + name + " ends behind the end of " + in_quotes(location->second));
  refer(array, content.data + offset, length, content.owner, name);
}

// Integers that came as varints.  16-bit floats come as the integers of their bits.
void read_integers(Array &array, const Fields &fields, const std::string &name) {
  const auto bytes = std::make_shared<std::vector<std::byte>>();
  const size_t size = size_of(array.element);
  bytes->resize(fields.integers.size() * size);
  for (size_t i = 0; i < fields.integers.size(); ++i) std::memcpy(&(*bytes)[i * size], &fields.integers[i], size);
  refer(array, bytes->data(), bytes->size(), bytes, name);
}

void check_shape(const Fields &fields, const std::string &name) {
  if (count_of(fields.shape) < 0)
    throw ModelError("tensor " + name + " has the impossible shape " + text_of(fields.shape));
  if (fields.has_segment) throw ModelError("tensor " + name + " is stored in segments", LF_UNSUPPORTED);
}

} // namespace

int element_of(int64_t type) { return type >= 0 && type < type_count ? elements[type] : -1; }

bool is_floating_type(int64_t type) {
  const int element = element_of(type);
  return element >= 0 && is_floating(static_cast<Element>(element));
}

bool is_half_type(int64_t type) {
  return is_floating_type(type) && size_of(static_cast<Element>(element_of(type))) == 2;
}

Array parse_tensor(std::string_view message, const std::shared_ptr<const void> &owner, ExternalData *external,
                   std::string_view *tensor_name) {
  Fields fields = fields_of(message);
  if (tensor_name) *tensor_name = fields.name;
  const std::string name = in_quotes(fields.name);
  check_shape(fields, name);
  Array array;
  array.shape = std::move(fields.shape);
  if (fields.type == type_string) {
    if (array.count() != static_cast<int64_t>(fields.texts.size()))
      throw ModelError("tensor " + name + " has " + std::to_string(fields.texts.size()) + " strings; its shape is " +
                       text_of(array.shape));
    array.texts = std::make_shared<const std::vector<std::string_view>>(std::move(fields.texts));
    return array;
  }
  const int element = element_of(fields.type);
  if (element < 0)
    throw ModelError(
        "tensor " + name + " has elements of type " + std::to_string(fields.type) +
            "; Lanefold reads floating-point numbers of 16, 32 and 64 bits, integers, booleans and strings",
        LF_UNSUPPORTED);
  array.element = static_cast<Element>(element);
  if (fields.is_external) {
    read_external(array, fields, external, name);
  } else if (fields.has_raw) {
    refer(array, fields.raw.data(), fields.raw.size(), owner, name);
  } else if (fields.type == type_float || fields.type == type_double) {
    const auto numbers = std::make_shared<const std::vector<std::byte>>(std::move(fields.numbers));
    if (numbers->empty()) refer(array, fields.packed.data(), fields.packed.size(), owner, name);
    else refer(array, numbers->data(), numbers->size(), numbers, name);
  } else {
    read_integers(array, fields, name);
  }
  return array;
}

} // namespace lanefold::model::onnx
