// What the trainer's tests share: temporary folders, files of given bytes, IDX data made to measure.
#pragma once

#include "trainer/data/dataset.hpp"
#include "support.hpp"

#include <doctest/doctest.h>
#include <zlib.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace lanefold::test {

// A new folder, gone with all it holds at the end.
class TemporaryFolder {
public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "lanefold-test-XXXXXX").string();
    REQUIRE(mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder &) = delete;
  TemporaryFolder &operator=(const TemporaryFolder &) = delete;

  const std::string &path() const { return path_; }
  std::string operator/(const std::string &name) const { return path_ + "/" + name; }

  size_t entries() const { return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(path_), {})); }

private:
  std::string path_;
};

inline void write_file(const std::string &path, const std::string &bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.close();
  REQUIRE(file.good());
}

inline std::string read_file(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  REQUIRE(file.good());
  return {std::istreambuf_iterator<char>(file), {}};
}

// One gzip member: 10 bytes of header, the deflate stream, CRC-32 and size (4 bytes each, least significant first).
inline std::string gzip(const std::string &bytes) {
  z_stream stream{};
  REQUIRE(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string result(deflateBound(&stream, bytes.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef *>(const_cast<char *>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef *>(result.data());
  stream.avail_out = static_cast<uInt>(result.size());
  REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  result.resize(stream.total_out);
  deflateEnd(&stream);
  return result;
}

inline constexpr uint32_t images_magic = 0x803, labels_magic = 0x801;

// Numbers of 4 bytes, most significant first, then the payload.
inline std::string idx(const std::vector<uint32_t> &header, const std::string &payload) {
  std::string bytes;
  for (const uint32_t number : header)
    for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(number >> shift & 255);
  return bytes + payload;
}

// Images that differ clearly by class: pixels whose index is near the label modulo ten are bright, the rest noise.
inline trainer::Images make_images(int64_t count, int64_t side, uint64_t seed) {
  Random random(seed);
  trainer::Images images;
  images.rows = images.columns = side;
  std::vector<uint8_t> pixels;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t label = i % trainer::classes;
    images.labels.push_back(static_cast<uint8_t>(label));
    for (int64_t j = 0; j < side * side; ++j)
      pixels.push_back(static_cast<uint8_t>((j % trainer::classes == label ? 160 : 0) + random.below(90)));
  }
  images.pixels = trainer::Pixels(std::move(pixels));
  return images;
}

inline std::string images_file(const trainer::Images &images) {
  return idx({images_magic, static_cast<uint32_t>(images.count()), static_cast<uint32_t>(images.rows),
              static_cast<uint32_t>(images.columns)},
             {images.pixels.begin(), images.pixels.end()});
}

inline std::string labels_file(const trainer::Images &images) {
  return idx({labels_magic, static_cast<uint32_t>(images.count())}, {images.labels.begin(), images.labels.end()});
}

// The four files as MNIST names them, plain.
inline void write_idx(const TemporaryFolder &folder, const trainer::Images &train, const trainer::Images &test) {
  write_file(folder / "train-images-idx3-ubyte", images_file(train));
  write_file(folder / "train-labels-idx1-ubyte", labels_file(train));
  write_file(folder / "t10k-images-idx3-ubyte", images_file(test));
  write_file(folder / "t10k-labels-idx1-ubyte", labels_file(test));
}

// The message of the Expected that `call` throws; "nothing thrown" without; whatever else is thrown passes through.
template <class Expected, class Call> std::string message_of(const Call &call) {
  try {
    call();
  } catch (const Expected &error) {
    return error.what();
  }
  return "nothing thrown";
}

inline bool equal(const trainer::Pixels &a, const trainer::Pixels &b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

inline bool contains(const std::string &text, const std::string &part) { return text.find(part) != std::string::npos; }

// Folder of real data sets; empty, and said so, if there is none.
inline std::string real_data() {
  const char *folder = std::getenv("LANEFOLD_TEST_DATA");
  if (folder && *folder) return folder;
  MESSAGE("SKIPPED: LANEFOLD_TEST_DATA names no folder with mnist/ and fashion-mnist/");
  return {};
}

} // namespace lanefold::test
