// Reads IDX files (magic number, sizes, bytes) and trusts nothing in them.  It checks the sizes against what the file
// can hold before it allocates memory, and the file must hold exactly what its header announces.  Pixels that are not
// compressed are mapped into memory.
#include "trainer/data/dataset.hpp"

#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace lanefold::trainer {

Pixels::Pixels(std::vector<uint8_t> bytes) {
  const auto owned = std::make_shared<const std::vector<uint8_t>>(std::move(bytes));
  data_ = owned->data(), size_ = owned->size(), owner_ = owned;
}

namespace {

constexpr uint32_t labels_magic = 0x00000801, images_magic = 0x00000803;
constexpr uint64_t header_bytes = 16;    // of images
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

  // Reads the rest of the file, which must be `bytes` long.  `read_before` bytes come before it.
  Pixels rest(uint64_t read_before, uint64_t bytes) {
    if (compressed_) {
      Pixels result = read(bytes);
      expect_end();
      return result;
    }
    if (size_ < read_before + bytes) fail_truncated();
    if (size_ > read_before + bytes) fail_longer();
    const size_t size = size_;
    const int file = open(path_.c_str(), O_RDONLY | O_CLOEXEC);
    void *map = file < 0 ? MAP_FAILED : mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file, 0);
    const int error = errno;
    if (file >= 0) close(file);
    if (map == MAP_FAILED) fail(std::string("cannot be mapped: ") + std::strerror(error));
    const std::shared_ptr<const void> owner(map, [size](void *m) { munmap(m, size); });
    return {owner, static_cast<const uint8_t *>(map) + read_before, bytes};
  }

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
      if (std::filesystem::exists(path, error) || error) return path;
    }
  throw DataError((folder / (part + "-" + kind)).string() + ": no such file, nor with .gz");
}

struct Header {
  uint64_t count, rows, columns;
};

Header read_header(Reader &images) {
  if (images.read_number() != images_magic) images.fail("is not an IDX file of images (wrong magic number)");
  Header h{};
  h.count = images.read_number(), h.rows = images.read_number(), h.columns = images.read_number();
  if (h.count == 0 || h.rows == 0 || h.columns == 0) images.fail("holds no pixels");
  // Each is below 2^32, so rows * columns cannot overflow; the division keeps the rest from overflowing.
  if (h.rows * h.columns > images.most() || h.count > images.most() / (h.rows * h.columns))
    images.fail("announces " + std::to_string(h.count) + " images of " + std::to_string(h.rows) + " x " +
                std::to_string(h.columns) + ", more than the file can hold");
  return h;
}

std::vector<uint8_t> read_labels(Reader &labels, uint64_t count, const std::string &images) {
  if (labels.read_number() != labels_magic) labels.fail("is not an IDX file of labels (wrong magic number)");
  const uint64_t labelled = labels.read_number();
  if (labelled != count)
    labels.fail("holds " + std::to_string(labelled) + " labels for the " + std::to_string(count) + " images of " +
                images);
  std::vector<uint8_t> result = labels.read(count);
  labels.expect_end();
  for (uint64_t i = 0; i < count; ++i)
    if (result[i] >= classes)
      labels.fail("label " + std::to_string(i) + " is " + std::to_string(result[i]) + ", but must be 0 to 9");
  return result;
}

// Reads labels before pixels, because they are few and show whether the header of the images can be true.
Images read_part(const std::filesystem::path &folder, const std::string &part) {
  const auto images_path = find(folder, part, "images-idx3-ubyte"),
             labels_path = find(folder, part, "labels-idx1-ubyte");
  Reader images(images_path), labels(labels_path);
  const Header header = read_header(images);
  Images result;
  result.labels = read_labels(labels, header.count, images_path.string());
  result.rows = static_cast<int64_t>(header.rows);
  result.columns = static_cast<int64_t>(header.columns);
  result.pixels = images.rest(header_bytes, header.count * header.rows * header.columns);
  return result;
}

} // namespace

Dataset read_idx(const std::string &folder, Needs needs) {
  if (!std::filesystem::is_directory(folder)) throw DataError(folder + ": no such folder");
  if (needs == Needs::test) return {folder, {}, read_part(folder, "t10k")};
  Dataset data{folder, read_part(folder, "train"), read_part(folder, "t10k")};
  if (data.train.rows != data.test.rows || data.train.columns != data.test.columns)
    throw DataError(folder + ": training images are " + std::to_string(data.train.rows) + " x " +
                    std::to_string(data.train.columns) + ", but test images " + std::to_string(data.test.rows) + " x " +
                    std::to_string(data.test.columns));
  return data;
}

Dataset load(const std::string &folder, Needs needs) {
  if (folder.empty()) return needs == Needs::test ? draw_digits(0) : draw_digits();
  return read_idx(folder, needs);
}

} // namespace lanefold::trainer
