// Strict reading and writing.
#include "model/safetensors/safetensors.hpp"

#include "cli/object_reader.hpp"

#include <algorithm>
#include <cstring>

namespace lanefold::model {
namespace {

constexpr uint64_t most_header = 100'000'000, length_bytes = 8;
constexpr const char *metadata_key = "__metadata__";

uint64_t header_length(const Content &content) {
  uint64_t length = 0;
  std::memcpy(&length, content.data, sizeof length);
  return length;
}

// Of an array of whole numbers that are not negative.
std::vector<int64_t> sizes(const cli::ObjectReader &object, const cli::Json &array, const std::string &what) {
  std::vector<int64_t> numbers;
  if (!array.is_array()) object.fail("has " + what + " that is not an array");
  for (const cli::Json &number : array.elements()) {
    if (!number.is_whole()) object.fail("has " + what + " with a number that is not whole: " + number.dump());
    if (number.whole() < 0) object.fail("has " + what + " with a number out of range: " + number.dump());
    numbers.push_back(number.whole());
  }
  return numbers;
}

constexpr Element all_elements[] = {Element::f16, Element::bf16, Element::f32,    Element::f64, Element::i8,
                                    Element::u8,  Element::i16,  Element::u16,    Element::i32, Element::u32,
                                    Element::i64, Element::u64,  Element::boolean};

struct Entry {
  std::string name, dtype;
  std::vector<int64_t> shape;
  uint64_t begin, end; // bytes from the end of the header
};

Entry read_entry(const std::string &name, const cli::Json &value) {
  cli::ObjectReader fields(value, name);
  Entry entry{name, fields.text("dtype"), sizes(fields, fields.at("shape"), "a shape"), 0, 0};
  const std::vector<int64_t> offsets = sizes(fields, fields.at("data_offsets"), "data_offsets");
  fields.end();
  if (offsets.size() != 2 || offsets[1] < offsets[0]) fields.fail("has data_offsets that are not a begin and an end");
  entry.begin = static_cast<uint64_t>(offsets[0]), entry.end = static_cast<uint64_t>(offsets[1]);
  if (count_of(entry.shape) < 0) fields.fail("has a shape with too many elements");
  return entry;
}

void add(TensorFile &file, const Entry &entry, const std::byte *data, const std::shared_ptr<const void> &owner) {
  for (const Element element : all_elements) {
    if (entry.dtype != name_of(element)) continue;
    if (static_cast<uint64_t>(count_of(entry.shape)) * size_of(element) != entry.end - entry.begin)
      throw ModelError(entry.name + " has data_offsets that do not fit its shape");
    file.tensors.emplace(entry.name, Tensor(element, entry.shape, data + entry.begin, owner));
    return;
  }
  file.unknown[entry.name] = entry.dtype;
}

void read_metadata(const cli::Json &value, TensorFile &file) {
  if (!value.is_object()) throw ModelError("__metadata__ is not a JSON object");
  for (const auto &[key, entry] : value.members()) {
    if (!entry.is_text()) throw ModelError("__metadata__ has a \"" + key + "\" that is not a string");
    file.metadata[key] = entry.text();
  }
}

} // namespace

bool looks_like_safetensors(const Content &content) {
  if (content.size <= length_bytes) return false;
  const uint64_t length = header_length(content);
  return length <= most_header && length > 0 && static_cast<char>(content.data[length_bytes]) == '{';
}

TensorFile read_safetensors(const Content &content) {
  if (content.size <= length_bytes) throw ModelError("is too short for a safetensors file");
  const uint64_t length = header_length(content);
  if (length > most_header || length > content.size - length_bytes)
    throw ModelError(
        "is not a safetensors file, or is cut off: its header would be longer than the file or than 100 MB");
  const std::string text(reinterpret_cast<const char *>(content.data) + length_bytes, length);
  const uint64_t size = content.size - length_bytes - length;
  TensorFile file;
  std::vector<Entry> entries;
  try {
    const cli::Json header = cli::parse_strictly(text, "the header");
    if (!header.is_object()) throw ModelError("the header is not a JSON object");
    for (const auto &[name, value] : header.members())
      if (name == metadata_key) read_metadata(value, file);
      else entries.push_back(read_entry(name, value));
  } catch (const cli::JsonError &problem) {
    throw ModelError(problem.what());
  }
  std::stable_sort(entries.begin(), entries.end(), [](const Entry &a, const Entry &b) {
    return a.begin != b.begin ? a.begin < b.begin : a.end < b.end;
  });
  uint64_t offset = 0;
  for (const Entry &entry : entries) {
    if (entry.begin != offset)
      throw ModelError(entry.name + " has data_offsets that leave a hole, or overlap another tensor");
    if (entry.end > size) throw ModelError(entry.name + " has data_offsets that lie outside the file");
    offset = entry.end;
    add(file, entry, content.data + length_bytes + length, content.owner);
  }
  if (offset != size)
    throw ModelError("is " + std::to_string(content.size) + " bytes long, but should be " +
                     std::to_string(content.size - size + offset));
  return file;
}

TensorsToWrite write_safetensors(const std::map<std::string, std::string> &metadata,
                                 const std::vector<std::pair<std::string, const Tensor *>> &tensors) {
  cli::Json header = cli::Json::object();
  for (const auto &[key, value] : metadata) header[metadata_key][key] = value;
  TensorsToWrite file;
  uint64_t offset = 0;
  for (const auto &[name, tensor] : tensors) {
    const uint64_t bytes = static_cast<uint64_t>(tensor->count()) * sizeof(float);
    const std::vector<uint64_t> offsets = {offset, offset + bytes};
    header.append(name, {{"dtype", "F32"}, {"shape", tensor->shape()}, {"data_offsets", offsets}});
    file.values.emplace_back(reinterpret_cast<const char *>(tensor->floats()), bytes);
    offset += bytes;
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  const uint64_t length = text.size();
  file.head.assign(reinterpret_cast<const char *>(&length), sizeof length);
  file.head += text;
  return file;
}

} // namespace lanefold::model
