// Reads IDX files (magic number, sizes, bytes) and trusts nothing in them.  It checks the sizes against what the file
// can hold before it allocates memory, and the file must hold exactly what its header announces.  No file is mapped, so
// one that shrinks is an error and not the end of the process.
#include "trainer/data/dataset.hpp"

#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <filesystem>

namespace lanefold::trainer {

Pixels::Pixels(std::vector<uint8_t> bytes) {
  const auto owned = std::make_shared<const std::vector<uint8_t>>(std::move(bytes));
  data_ = owned->data(), size_ = owned->size(), owner_ = owned;
}

namespace {

constexpr uint64_t largest_ratio = 1032; // deflate compresses by no larger factor

// Reads a file, and decompresses it if it is compressed with gzip.
class Reader {
public:
  explicit Reader(const std::filesystem::path &path) : path_(path) {
    std::error_code problem;
    if (!std::filesystem::is_regular_file(path, problem))
      fail(problem ? "cannot be read: " + problem.message() : "is not a regular file");
    file_.reset(gzopen(path.c_str(), "rb"));
    if (!file_) fail(std::string("cannot be opened: ") + std::strerror(errno));
    std::error_code error;
    size_ = std::filesystem::file_size(path, error);
    if (error) fail("cannot be read: " + error.message());
    const bool named_gzip = path.extension() == ".gz";
    if (size_ > 0 && named_gzip != (gzdirect(file_.get()) == 0))
      fail(named_gzip ? "is not gzip-compressed, as its name says"
                      : "is gzip-compressed, but its name does not end in .gz");
    compressed_ = named_gzip;
    most_ = named_gzip ? size_ * largest_ratio : size_;
  }

  // The file holds at most this many bytes.
  uint64_t most() const { return most_; }

  // Allocates as it reads, so that a false header cannot make it allocate much.
  std::vector<uint8_t> read(uint64_t bytes) try {
    std::vector<uint8_t> result;
    while (result.size() < bytes) {
      const uint64_t have = result.size(), part = std::min<uint64_t>(bytes - have, 1u << 22);
      result.resize(have + part);
      const int got = gzread(file_.get(), result.data() + have, static_cast<unsigned>(part));
      if (got < 0) fail_read();
      if (got == 0) fail_truncated();
      result.resize(have + static_cast<uint64_t>(got));
    }
    return result;
  } catch (const std::bad_alloc &) {
    fail("does not fit into memory");
  }

  // Whether the rest of the file, which must be `bytes` long, is too large to be loaded.  `read_before` bytes come
  // before it.  Only files that are not compressed can be used without that.
  bool stays_file(uint64_t read_before, uint64_t bytes, uint64_t most_loaded) const {
    if (compressed_) return false;
    if (size_ < read_before + bytes) fail_truncated();
    if (size_ > read_before + bytes) fail_longer();
    return bytes > most_loaded;
  }

  // Reads the rest of the file.
  std::vector<uint8_t> rest(uint64_t bytes) {
    std::vector<uint8_t> result = read(bytes);
    expect_end();
    return result;
  }
  const std::filesystem::path &path() const { return path_; }

  uint32_t read_number() {
    const std::vector<uint8_t> b = read(4);
    return uint32_t{b[0]} << 24 | uint32_t{b[1]} << 16 | uint32_t{b[2]} << 8 | b[3];
  }

  void expect_end() {
    uint8_t extra;
    const int got = gzread(file_.get(), &extra, 1);
    if (got < 0) fail_read();
    if (got > 0) fail_longer();
    // Where the checksum and size of gzip are cut off, zlib reports no error here, and only remembers it.
    int code = Z_OK;
    gzerror(file_.get(), &code);
    if (code == Z_BUF_ERROR) fail_truncated();
  }

  [[noreturn]] void fail(const std::string &what) const { throw DataError(path_.string() + ": " + what); }

private:
  [[noreturn]] void fail_read() const {
    int code = Z_OK;
    const char *text = gzerror(file_.get(), &code);
    if (code == Z_BUF_ERROR) fail_truncated();
    fail(std::string("is broken: ") + (code == Z_ERRNO ? std::strerror(errno) : text));
  }
  [[noreturn]] void fail_truncated() const { fail("ends too early"); }
  [[noreturn]] void fail_longer() const { fail("holds more than its header announces"); }

  struct Close {
    void operator()(gzFile file) const { gzclose(file); }
  };
  std::filesystem::path path_;
  std::unique_ptr<gzFile_s, Close> file_;
  uint64_t size_ = 0, most_ = 0;
  bool compressed_ = false;
};

// Finds folder/part-kind-idxN-ubyte, with a hyphen as published or with a dot, and with .gz or without.
std::filesystem::path find(const std::filesystem::path &folder, const std::string &part, const std::string &kind) {
  for (const char *ending : {"", ".gz"})
    for (const char *joint : {"-", "."}) {
      const auto path = folder / (part + "-" + kind.substr(0, 6) + joint + kind.substr(7) + ending);
      std::error_code error;
      // Some archives have each file in a folder of the same name.
      if (std::filesystem::is_directory(path, error) && std::filesystem::exists(path / path.filename(), error))
        return path / path.filename();
      if (std::filesystem::exists(path, error) || error) return path;
    }
  throw DataError((folder / (part + "-" + kind)).string() + ": no such file, nor with .gz");
}

// The types of elements that an IDX file may have.  All have their most significant byte first.
struct ElementType {
  uint8_t code;
  uint64_t bytes;
  bool is_whole;
  double (*read)(const uint8_t *);
};

template <class T> double read_as(const uint8_t *bytes) {
  uint8_t reversed[sizeof(T)];
  std::reverse_copy(bytes, bytes + sizeof(T), reversed);
  T value;
  std::memcpy(&value, reversed, sizeof value);
  return static_cast<double>(value);
}

constexpr ElementType element_types[] = {{0x08, 1, true, read_as<uint8_t>}, {0x09, 1, true, read_as<int8_t>},
                                         {0x0B, 2, true, read_as<int16_t>}, {0x0C, 4, true, read_as<int32_t>},
                                         {0x0D, 4, false, read_as<float>},  {0x0E, 8, false, read_as<double>}};

// What a file announces: `count` samples of rows x columns elements.
struct IdxHeader {
  const ElementType *type;
  uint64_t count, rows = 1, columns = 1, bytes = 4; // bytes: of the header itself
};

IdxHeader read_header(Reader &file, const char *what) {
  constexpr uint32_t most_dimensions = 8;
  const uint32_t magic = file.read_number(), dimensions = magic & 0xff;
  const auto type = std::find_if(std::begin(element_types), std::end(element_types),
                                 [&](const ElementType &each) { return each.code == magic >> 8; });
  if (type == std::end(element_types) || dimensions == 0 || dimensions > most_dimensions)
    file.fail(std::string("is not an IDX file of ") + what + " (wrong magic number)");
  IdxHeader h{type, file.read_number()};
  h.bytes += 4 * dimensions;
  for (uint32_t i = 1; i < dimensions; ++i) {
    const uint64_t size = file.read_number();
    if (size == 0) file.fail("holds no pixels");
    uint64_t &product = i == 1 && dimensions > 2 ? h.rows : h.columns;
    if (size > file.most() || product > file.most() / size) file.fail("announces more than the file can hold");
    product *= size;
  }
  return h;
}

IdxHeader read_images_header(Reader &images) {
  const IdxHeader h = read_header(images, "images");
  if (h.count == 0) images.fail("holds no pixels");
  // The divisions keep the products from overflowing.
  if (h.columns > images.most() / h.rows || h.rows * h.columns > images.most() / h.type->bytes ||
      h.count > images.most() / (h.rows * h.columns * h.type->bytes))
    images.fail("announces " + std::to_string(h.count) + " images of " + std::to_string(h.rows) + " x " +
                std::to_string(h.columns) + ", more than the file can hold");
  return h;
}

std::vector<int32_t> read_labels(Reader &labels, uint64_t count, const std::string &images) {
  const IdxHeader h = read_header(labels, "labels");
  if (h.rows * h.columns != 1 || !h.type->is_whole) labels.fail("is not an IDX file of labels (wrong magic number)");
  if (h.count != count)
    labels.fail("holds " + std::to_string(h.count) + " labels for the " + std::to_string(count) + " images of " +
                images);
  const std::vector<uint8_t> bytes = labels.read(count * h.type->bytes);
  labels.expect_end();
  std::vector<int32_t> result(count);
  for (uint64_t i = 0; i < count; ++i) {
    const auto value = static_cast<int64_t>(h.type->read(bytes.data() + i * h.type->bytes));
    if (value < 0 || value >= most_classes)
      labels.fail("label " + std::to_string(i) + " is " + std::to_string(value) + ", but must be 0 to " +
                  std::to_string(most_classes - 1));
    result[i] = static_cast<int32_t>(value);
  }
  return result;
}

std::shared_ptr<const Rows> read_numbers(Reader &file, const IdxHeader &h) {
  const uint64_t features = h.rows * h.columns, size = h.type->bytes;
  GrowingFloats values;
  std::vector<float> row(features);
  for (uint64_t i = 0; i < h.count; ++i) {
    const std::vector<uint8_t> bytes = file.read(features * size);
    for (uint64_t j = 0; j < features; ++j) {
      row[j] = static_cast<float>(h.type->read(bytes.data() + j * size));
      if (!std::isfinite(row[j]))
        file.fail("element " + std::to_string(j) + " of sample " + std::to_string(i) + " is not finite");
    }
    values.append(row.data(), row.size());
  }
  file.expect_end();
  return std::make_shared<StoredRows>(std::move(values), static_cast<int64_t>(h.count), static_cast<int64_t>(features));
}

// Rows of bytes that stay in the file.
std::shared_ptr<const Rows> rows_in_file(const Reader &file, const IdxHeader &h) {
  const auto scaled = [](const char *byte) { return static_cast<float>(static_cast<uint8_t>(*byte)) / 255.0f; };
  const FileRows::Layout layout{h.bytes, static_cast<int64_t>(h.count), static_cast<int64_t>(h.rows * h.columns), 1,
                                scaled};
  return std::make_shared<FileRows>(file.path().string(), layout, std::vector<size_t>());
}

// Reads the elements behind a header.
Samples read_elements(Reader &images, const IdxHeader &header, uint64_t most_loaded) {
  Samples result;
  result.rows = static_cast<int64_t>(header.rows);
  result.columns = static_cast<int64_t>(header.columns);
  result.are_bytes = header.type->code == 0x08;
  const uint64_t features = header.rows * header.columns, bytes = header.count * features;
  if (!result.are_bytes) result.numbers = read_numbers(images, header);
  else if (images.stays_file(header.bytes, bytes, most_loaded)) result.numbers = rows_in_file(images, header);
  else result.pixels = images.rest(bytes);
  return result;
}

// Reads labels before pixels, because they are few and show whether the header of the images can be true.
Samples read_part(const std::filesystem::path &folder, const std::string &part, uint64_t most_loaded) {
  const auto images_path = find(folder, part, "images-idx3-ubyte"),
             labels_path = find(folder, part, "labels-idx1-ubyte");
  Reader images(images_path), labels(labels_path);
  const IdxHeader header = read_images_header(images);
  std::vector<int32_t> of_images = read_labels(labels, header.count, images_path.string());
  Samples result = read_elements(images, header, most_loaded);
  result.labels = std::move(of_images);
  return result;
}

int32_t classes_of(const Samples &samples) {
  return samples.labels.empty() ? 0 : *std::max_element(samples.labels.begin(), samples.labels.end()) + 1;
}

// The folders in which MNIST and similar data sets are found: as published, as torchvision keeps them, and as Kaggle
// unpacks them.
std::filesystem::path folder_of(const std::filesystem::path &given) {
  constexpr const char *below[] = {"", "raw", "MNIST/raw", "FashionMNIST/raw", "KMNIST/raw", "QMNIST/raw"};
  constexpr const char *names[] = {"t10k-images-idx3-ubyte", "t10k-images.idx3-ubyte"};
  const auto is_there = [&](const std::filesystem::path &folder) {
    std::error_code error;
    for (const char *name : names)
      for (const char *ending : {"", ".gz"})
        if (std::filesystem::exists(folder / (std::string(name) + ending), error)) return true;
    return false;
  };
  std::vector<std::filesystem::path> found;
  for (const char *name : below)
    if (is_there(given / name)) found.push_back(given / name);
  if (found.size() == 1 || (!found.empty() && found.front() == given / "")) return found.front();
  if (found.size() > 1)
    throw DataError(given.string() + ": holds several data sets: " + found[0].string() + " and " + found[1].string() +
                    "; name one of them");
  const std::filesystem::path above = std::filesystem::absolute(given).lexically_normal().parent_path();
  for (const std::filesystem::path &folder : {above, above.parent_path()})
    for (const char *name : below)
      if (is_there(folder / name))
        throw DataError(given.string() + ": holds no IDX files; did you mean " +
                        (folder / name).lexically_normal().string() + "?");
  return given;
}

} // namespace

bool is_idx(const std::string &path) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) return false;
  const std::unique_ptr<gzFile_s, int (*)(gzFile)> file(gzopen(path.c_str(), "rb"), gzclose);
  uint8_t magic[4];
  return file && gzread(file.get(), magic, sizeof magic) == sizeof magic && magic[0] == 0 && magic[1] == 0 &&
         std::any_of(std::begin(element_types), std::end(element_types),
                     [&](const ElementType &type) { return type.code == magic[2]; });
}

Samples read_idx_images(const std::string &path, uint64_t most_loaded) {
  Reader images(path);
  const auto header = read_images_header(images);
  Samples result = read_elements(images, header, most_loaded);
  result.labels.assign(header.count, -1);
  return result;
}

Dataset read_idx(const std::string &path, Needs needs, uint64_t most_loaded) {
  if (!std::filesystem::is_directory(path)) throw DataError(path + ": no such folder");
  const std::filesystem::path folder = folder_of(path);
  Dataset data{path, {}, {}, {}};
  if (needs == Needs::all) data.train = read_part(folder, "train", most_loaded);
  data.test = read_part(folder, "t10k", most_loaded);
  const int32_t classes = classes_of(needs == Needs::all ? data.train : data.test);
  data.schema.classes = numbered_classes(classes), data.schema.scales_bytes = data.test.are_bytes;
  if (needs == Needs::test) return data;
  if (data.train.rows != data.test.rows || data.train.columns != data.test.columns)
    throw DataError(path + ": training images are " + std::to_string(data.train.rows) + " x " +
                    std::to_string(data.train.columns) + ", but test images " + std::to_string(data.test.rows) + " x " +
                    std::to_string(data.test.columns));
  if (data.train.are_bytes != data.test.are_bytes)
    throw DataError(
        path + ": training and test images must both be bytes, which are divided by 255, or both be other numbers");
  if (classes_of(data.test) > classes)
    throw DataError(path + ": a test image has the label " + std::to_string(classes_of(data.test) - 1) +
                    ", but no training image has it");
  if (classes < 2) throw DataError(path + ": all training images have the label 0");
  return data;
}

} // namespace lanefold::trainer
