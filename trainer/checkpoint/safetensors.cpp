// Writing and strict reading.
#include "trainer/checkpoint/safetensors.hpp"

#include "cli/atomic_file.hpp"
#include "cli/object_reader.hpp"

#include <filesystem>
#include <system_error>

namespace lanefold::trainer {
namespace {

constexpr uint64_t most_header = 100'000'000;
constexpr const char *metadata_key = "__metadata__";

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

} // namespace

void write_safetensors(const std::string &path, const Metadata &metadata, const std::vector<Tensor> &tensors) {
  cli::Json header = cli::Json::object();
  for (const auto &[key, value] : metadata) header[metadata_key][key] = value;
  uint64_t offset = 0;
  std::vector<std::string_view> parts(2);
  for (const Tensor &tensor : tensors) {
    const uint64_t bytes = tensor.values->size() * sizeof(float);
    const std::vector<uint64_t> offsets = {offset, offset + bytes};
    header.append(tensor.name, {{"dtype", "F32"}, {"shape", tensor.shape}, {"data_offsets", offsets}});
    parts.emplace_back(reinterpret_cast<const char *>(tensor.values->data()), bytes);
    offset += bytes;
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  const uint64_t length = text.size();
  parts[0] = {reinterpret_cast<const char *>(&length), sizeof length};
  parts[1] = text;
  try {
    cli::replace_file(path, parts);
  } catch (const std::system_error &error) {
    throw CheckpointError(path + ": cannot be written: " + error.code().message());
  }
}

SafetensorsReader::SafetensorsReader(const std::string &path) : path_(path) {
  std::error_code error;
  require(std::filesystem::exists(path, error), error ? error.message() : "no such file");
  require(std::filesystem::is_regular_file(path, error), "is not a regular file");
  size_ = std::filesystem::file_size(path, error);
  file_.open(path, std::ios::binary);
  require(!error && file_, "cannot be opened");
  uint64_t length = 0;
  require(size_ > sizeof length, "is too short for a checkpoint");
  require(static_cast<bool>(file_.read(reinterpret_cast<char *>(&length), sizeof length)), "cannot be read");
  require(length <= most_header && length <= size_ - sizeof length,
          "is not a safetensors file, or is cut off: its header would be longer than the file or than 100 MB");
  std::string text(length, ' ');
  require(static_cast<bool>(file_.read(text.data(), static_cast<std::streamsize>(length))), "cannot be read");
  data_ = sizeof length + length;
  try {
    read_header(text);
  } catch (const cli::JsonError &problem) {
    fail(problem.what());
  }
}

void SafetensorsReader::read_header(const std::string &text) {
  const cli::Json header = cli::parse_strictly(text, "the header");
  if (!header.is_object()) fail("the header is not a JSON object");
  uint64_t offset = 0;
  for (const auto &[name, value] : header.members()) {
    if (name == metadata_key) {
      require(value.is_object(), "__metadata__ is not a JSON object");
      for (const auto &[key, entry] : value.members()) {
        require(entry.is_text(), "__metadata__ has a \"" + key + "\" that is not a string");
        metadata_[key] = entry.text();
      }
      continue;
    }
    cli::ObjectReader fields(value, name);
    if (fields.text("dtype") != "F32") fields.fail("is not of type F32");
    const std::vector<int64_t> shape = sizes(fields, fields.at("shape"), "a shape");
    const std::vector<int64_t> offsets = sizes(fields, fields.at("data_offsets"), "data_offsets");
    fields.end();
    uint64_t bytes = sizeof(float);
    for (const int64_t size : shape)
      if (__builtin_mul_overflow(bytes, static_cast<uint64_t>(size), &bytes))
        fields.fail("has a shape with too many elements");
    if (offsets.size() != 2 || static_cast<uint64_t>(offsets[0]) != offset)
      fields.fail("has data_offsets that do not follow the tensor before it without holes");
    if (bytes > size_ - data_ - offset || static_cast<uint64_t>(offsets[1]) != offset + bytes)
      fields.fail("has data_offsets that do not fit its shape, or lie outside the file");
    offset += bytes;
    entries_[name] = {shape, offset - bytes, offset};
  }
  elements_ = static_cast<int64_t>(offset / sizeof(float));
  require(size_ == data_ + offset,
          "is " + std::to_string(size_) + " bytes long, but should be " + std::to_string(data_ + offset));
}

const std::string &SafetensorsReader::metadata(const std::string &key) const {
  const auto at = metadata_.find(key);
  require(at != metadata_.end(), "has no \"" + key + "\" in its metadata");
  return at->second;
}

std::vector<std::string> SafetensorsReader::names() const {
  std::vector<std::string> all;
  for (const auto &[name, entry] : entries_) all.push_back(name);
  return all;
}

std::vector<float> SafetensorsReader::read(const std::string &name, const std::vector<int64_t> &shape) {
  const auto at = entries_.find(name);
  require(at != entries_.end(), "lacks the tensor " + name);
  const Entry &entry = at->second;
  require(entry.shape == shape, name + " has another shape than the network's description");
  std::vector<float> values((entry.end - entry.begin) / sizeof(float));
  file_.seekg(static_cast<std::streamoff>(data_ + entry.begin));
  const auto bytes = static_cast<std::streamsize>(entry.end - entry.begin);
  require(static_cast<bool>(file_.read(reinterpret_cast<char *>(values.data()), bytes)), "cannot be read to its end");
  return values;
}

} // namespace lanefold::trainer
