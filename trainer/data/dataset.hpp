// Labelled images as bytes, to train and test on.
#pragma once

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace lanefold::trainer {

inline constexpr int64_t classes = 10;

// Constant bytes, in memory that it shares: allocated, or mapped from a file.
class Pixels {
public:
  Pixels() = default;
  Pixels(std::vector<uint8_t> bytes); // NOLINT: an implicit conversion is welcome here
  Pixels(std::shared_ptr<const void> owner, const uint8_t *data, size_t size)
      : owner_(std::move(owner)), data_(data), size_(size) {}

  const uint8_t *data() const { return data_; }
  size_t size() const { return size_; }
  const uint8_t *begin() const { return data_; }
  const uint8_t *end() const { return data_ + size_; }
  Pixels first(size_t count) const { return {owner_, data_, count}; }

private:
  std::shared_ptr<const void> owner_;
  const uint8_t *data_ = nullptr;
  size_t size_ = 0;
};

struct Images {
  int64_t rows = 0, columns = 0;
  Pixels pixels;               // count x rows x columns
  std::vector<uint8_t> labels; // count, each below `classes`

  int64_t count() const { return static_cast<int64_t>(labels.size()); }
  int64_t features() const { return rows * columns; }
  const uint8_t *image(int64_t index) const { return pixels.data() + index * features(); }
};

struct Dataset {
  std::string name;
  Images train, test;
};

// A file of data that cannot be used.  The message names it and says why.
class DataError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

enum class Needs { all, test };

// Loads the folder, or the built-in digits if `folder` is "".  Without the training images, `train` stays empty.
Dataset load(const std::string &folder, Needs needs = Needs::all);

// Reads MNIST or Fashion-MNIST as published: IDX files, compressed with gzip or not.  Files that are not compressed are
// mapped, and must keep their size while they are used.  Throws DataError.
Dataset read_idx(const std::string &folder, Needs needs = Needs::all);

// Draws digits from strokes, with the same bytes on every machine.
Dataset draw_digits(int64_t train = 60000, int64_t test = 10000);

} // namespace lanefold::trainer
