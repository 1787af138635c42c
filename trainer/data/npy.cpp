// The header is a Python dictionary with three keys.
#include "trainer/data/npy.hpp"

#include "trainer/data/dataset.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

namespace lanefold::trainer {
namespace {

constexpr uint64_t most_header = 1 << 16; // bytes
constexpr int64_t most_elements = int64_t{1} << 47;

struct Type {
  const char *name;
  uint64_t size; // bytes
  float (*read)(const char *);
};

template <class T> float read_as(const char *bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof value);
  return static_cast<float>(value);
}

constexpr Type types[] = {{"f4", 4, read_as<float>},    {"f8", 8, read_as<double>},   {"u1", 1, read_as<uint8_t>},
                          {"i1", 1, read_as<int8_t>},   {"b1", 1, read_as<uint8_t>},  {"u2", 2, read_as<uint16_t>},
                          {"i2", 2, read_as<int16_t>},  {"u4", 4, read_as<uint32_t>}, {"i4", 4, read_as<int32_t>},
                          {"u8", 8, read_as<uint64_t>}, {"i8", 8, read_as<int64_t>}};

const Type *type_of(const std::string &name) {
  for (const Type &type : types)
    if (name == type.name) return &type;
  return nullptr;
}

bool is_printable(const std::string &text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 127; });
}

// The short text in quotes; "" if there is none.
std::string quoted(const char *text) {
  constexpr size_t most = 16;
  if (*text != '\'' && *text != '"') return "";
  const std::string begin(text + 1, strnlen(text + 1, most));
  const size_t end = begin.find(*text);
  return end == std::string::npos ? "" : begin.substr(0, end);
}

} // namespace

void NpyReader::fail(const std::string &message) const { throw DataError(path_ + ": " + message); }

NpyReader::NpyReader(const std::string &path)
    : path_(path), file_(std::make_unique<std::ifstream>(path, std::ios::binary)) {
  if (!*file_) fail("cannot be read: " + std::string(std::strerror(errno)));
  check();
}

NpyReader::NpyReader(std::string name, std::string bytes)
    : path_(std::move(name)), file_(std::make_unique<std::istringstream>(std::move(bytes))) {
  check();
}

void NpyReader::need_matrix() const {
  if (shape_.empty() || shape_.size() > 2)
    fail("has " + std::to_string(shape_.size()) + " dimensions; expected 1 or 2");
}

void NpyReader::check() {
  file_->seekg(0, std::ios::end);
  const auto size = static_cast<uint64_t>(file_->tellg());
  char start[12] = {};
  if (size < sizeof start) fail("is too short for an NPY file");
  read_bytes(0, start, sizeof start);
  if (std::memcmp(start, "\x93NUMPY", 6) != 0) fail("is not an NPY file");
  if (start[6] < 1 || start[6] > 3) fail("has version " + std::to_string(start[6]) + " of the format; expected 1 to 3");
  uint16_t short_length = 0;
  uint32_t length = 0;
  std::memcpy(&short_length, start + 8, 2), std::memcpy(&length, start + 8, 4);
  if (start[6] == 1) length = short_length;
  const uint64_t begin = start[6] == 1 ? 10 : 12;
  if (length > most_header || length > size - begin) fail("has a header that is longer than the file or than 64 KiB");
  std::string header(length, 0);
  read_bytes(begin, header.data(), length);
  read_header(header);
  data_ = begin + length;
  const uint64_t expected = data_ + static_cast<uint64_t>(rows_ * columns_) * type_of(type_)->size;
  if (size != expected) fail("is " + std::to_string(size) + " bytes long; its header says " + std::to_string(expected));
}

void NpyReader::read_header(const std::string &text) {
  constexpr const char *spaces = " \t\n";
  // The text behind 'key': and its spaces, which a NUL ends.
  const auto value = [&](const std::string &key) {
    size_t at = std::min(text.find("'" + key + "'"), text.find('"' + key + '"'));
    if (at != std::string::npos) at = text.find_first_not_of(spaces, at + key.size() + 2);
    if (at != std::string::npos && text[at] == ':') at = text.find_first_not_of(spaces, at + 1);
    else at = std::string::npos;
    if (at == std::string::npos) fail("has a header without a valid " + key);
    return text.c_str() + at;
  };
  const std::string type = quoted(value("descr"));
  type_ = type.substr(std::min(type.find_first_not_of("<>=|"), type.size()));
  if (type.starts_with('>') || type_of(type_) == nullptr)
    fail((is_printable(type) ? "has numbers of the type " + type : std::string("has a header without a valid descr")) +
         "; expected little-endian floats of 32 or 64 bits, or integers");
  const std::string order = value("fortran_order");
  columns_first_ = order.starts_with("True");
  if (!columns_first_ && !order.starts_with("False")) fail("has a header without a valid fortran_order");
  const char *shape = value("shape");
  if (*shape++ != '(') fail("has a header without a valid shape");
  constexpr size_t most_dimensions = 8;
  std::vector<int64_t> &sizes = shape_;
  int64_t elements = 1;
  for (; *shape != ')'; ++shape) {
    if (std::strchr(" ,", *shape) != nullptr && *shape != 0) continue;
    if (*shape < '0' || *shape > '9' || sizes.size() >= most_dimensions) fail("has a header without a valid shape");
    int64_t size = 0;
    for (; *shape >= '0' && *shape <= '9'; ++shape) {
      if (size > most_elements) fail("has a dimension that is too large");
      size = 10 * size + (*shape - '0');
    }
    --shape;
    if (size > 0 && elements > most_elements / size) fail("has too many elements");
    sizes.push_back(size), elements *= size;
  }
  rows_ = sizes.size() < 2 ? 1 : sizes[0];
  columns_ = rows_ == 0 ? sizes[1] : elements / rows_;
  if (columns_first_ && sizes.size() > 2)
    fail("has " + std::to_string(sizes.size()) + " dimensions in column-major order");
}

void NpyReader::read_bytes(uint64_t at, char *to, uint64_t count) {
  file_->seekg(static_cast<std::streamoff>(at));
  file_->read(to, static_cast<std::streamsize>(count));
  if (!*file_) fail("cannot be read, or has become shorter");
}

std::vector<uint8_t> NpyReader::bytes() {
  std::vector<uint8_t> all(static_cast<size_t>(rows_ * columns_));
  read_bytes(data_, reinterpret_cast<char *>(all.data()), all.size());
  if (!columns_first_) return all;
  std::vector<uint8_t> rows(all.size());
  for (int64_t i = 0; i < rows_; ++i)
    for (int64_t j = 0; j < columns_; ++j)
      rows[static_cast<size_t>(i * columns_ + j)] = all[static_cast<size_t>(j * rows_ + i)];
  return rows;
}

std::unique_ptr<Rows> NpyReader::rows_in_file(std::vector<size_t> picks) const {
  const Type &type = *type_of(type_);
  const FileRows::Layout layout{data_, rows_, columns_, type.size, type.read};
  return std::make_unique<FileRows>(path_, layout, std::move(picks));
}

void NpyReader::read(int64_t first, int64_t count, std::vector<float> &x) {
  const Type &type = *type_of(type_);
  x.resize(static_cast<size_t>(count * columns_));
  // Runs of numbers that follow each other in the file: rows, or parts of columns.
  const int64_t runs = columns_first_ ? columns_ : 1, length = columns_first_ ? count : count * columns_;
  bytes_.resize(static_cast<size_t>(length) * type.size);
  for (int64_t run = 0; run < runs; ++run) {
    const int64_t at = columns_first_ ? run * rows_ + first : first * columns_;
    read_bytes(data_ + static_cast<uint64_t>(at) * type.size, bytes_.data(), bytes_.size());
    for (int64_t i = 0; i < length; ++i)
      x[static_cast<size_t>(columns_first_ ? i * columns_ + run : i)] =
          type.read(bytes_.data() + static_cast<size_t>(i) * type.size);
  }
}

} // namespace lanefold::trainer
