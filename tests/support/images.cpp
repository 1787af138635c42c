#include "images.hpp"

#include "random.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>

namespace lanefold::test {

std::string idx(const std::vector<uint32_t> &header, const std::string &payload) {
  std::string bytes;
  for (const uint32_t number : header)
    for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(number >> shift & 255);
  return bytes + payload;
}

trainer::Samples make_images(int64_t count, int64_t side, uint64_t seed) {
  Random random(seed);
  trainer::Samples images;
  images.rows = images.columns = side, images.are_bytes = true;
  std::vector<uint8_t> pixels;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t label = i % trainer::digit_classes;
    images.labels.push_back(static_cast<int32_t>(label));
    for (int64_t j = 0; j < side * side; ++j)
      pixels.push_back(static_cast<uint8_t>((j % trainer::digit_classes == label ? 160 : 0) + random.below(90)));
  }
  images.pixels = trainer::Pixels(std::move(pixels));
  return images;
}

std::string images_file(const trainer::Samples &images) {
  return idx({images_magic, static_cast<uint32_t>(images.count()), static_cast<uint32_t>(images.rows),
              static_cast<uint32_t>(images.columns)},
             {images.pixels.begin(), images.pixels.end()});
}

std::string labels_file(const trainer::Samples &images) {
  return idx({labels_magic, static_cast<uint32_t>(images.count())}, {images.labels.begin(), images.labels.end()});
}

void write_idx(const TemporaryFolder &folder, const trainer::Samples &train, const trainer::Samples &test) {
  write_file(folder / "train-images-idx3-ubyte", images_file(train));
  write_file(folder / "train-labels-idx1-ubyte", labels_file(train));
  write_file(folder / "t10k-images-idx3-ubyte", images_file(test));
  write_file(folder / "t10k-labels-idx1-ubyte", labels_file(test));
}

bool equal(const trainer::Pixels &a, const trainer::Pixels &b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

std::string real_data() {
  const char *folder = std::getenv("LANEFOLD_TEST_DATA");
  if (folder && *folder) return folder;
  MESSAGE("SKIPPED: LANEFOLD_TEST_DATA names no folder with mnist/ and fashion-mnist/");
  return {};
}

} // namespace lanefold::test
