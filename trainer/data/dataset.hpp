// Images as bytes, with labels: what is trained and tested on.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace lanefold::trainer {

inline constexpr int64_t classes = 10;

struct Images {
  int64_t rows = 0, columns = 0;
  std::vector<uint8_t> pixels; // count x rows x columns
  std::vector<uint8_t> labels; // count, each below `classes`

  int64_t count() const { return static_cast<int64_t>(labels.size()); }
  int64_t features() const { return rows * columns; }
  const uint8_t *image(int64_t index) const { return pixels.data() + index * features(); }
};

struct Dataset {
  std::string name;
  Images train, test;
};

// What is wrong with a file of data; the message names it.
class DataError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The folder, or the built-in digits if it is empty.
Dataset load(const std::string &folder);

// MNIST or Fashion-MNIST as published: IDX files, gzip-compressed or not.  Throws DataError.
Dataset read_idx(const std::string &folder);

// Digits drawn from strokes; the same bytes on every machine.
Dataset draw_digits(int64_t train = 60000, int64_t test = 10000);

} // namespace lanefold::trainer
