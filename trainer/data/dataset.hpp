// Labelled samples to train and test on: images as bytes, or rows of numbers.
#pragma once

#include "trainer/data/rows.hpp"
#include "trainer/data/schema.hpp"
#include "trainer/distributed/ranks.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace lanefold::trainer {

inline constexpr int64_t digit_classes = 10; // of the built-in digits and of MNIST

// Constant bytes, in memory that it shares.
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

// A sample has rows x columns features: bytes, which stand for byte / 255, or numbers.
struct Samples {
  int64_t rows = 0, columns = 0;
  bool are_bytes = false;              // the features are bytes
  Pixels pixels;                       // samples x rows x columns, if they are bytes in memory
  std::vector<int32_t> labels;         // the class of each sample; -1: unknown; none for a regression
  std::shared_ptr<const Rows> numbers; // otherwise; bytes are divided by 255
  std::vector<uint32_t> chosen;        // sample i is row chosen[i] of pixels or numbers; empty: row i
  std::vector<float> targets = {};     // of a regression: samples x outputs; NaN: unknown
  int64_t outputs = 0;                 // of a regression

  int64_t count() const {
    return outputs > 0 ? static_cast<int64_t>(targets.size()) / outputs : static_cast<int64_t>(labels.size());
  }
  int64_t features() const { return rows * columns; }
  int64_t number_of(int64_t i) const { return chosen.empty() ? i : chosen[static_cast<size_t>(i)]; }
  const uint8_t *image(int64_t index) const { return pixels.data() + index * features(); }
};

struct Dataset {
  std::string name;
  Samples train, test;
  Schema schema;
  std::string reason = {}; // why the task was guessed; "": it was not

  int64_t classes() const { return static_cast<int64_t>(schema.classes.size()); }
};

// The name of the data set that draw_digits() makes.
inline constexpr const char *digits_name = "built-in digits";

enum class Needs { all, test };

// Reads MNIST or Fashion-MNIST as published: IDX files, compressed with gzip or not.  Files that are not compressed and
// have more bytes than `most_loaded` stay files.  The files may also lie in folders below, where torchvision and Kaggle
// put them.  Elements may have any type of IDX; those that are not bytes become numbers.  Without the training images,
// `train` stays empty.  Throws DataError.
Dataset read_idx(const std::string &folder, Needs needs = Needs::all, uint64_t most_loaded = most_loaded_bytes());

// Whether a file is one of IDX, compressed with gzip or not.
bool is_idx(const std::string &path);
// Reads one IDX file of images.  Each label is -1.  Throws DataError.
Samples read_idx_images(const std::string &path, uint64_t most_loaded = most_loaded_bytes());

// Draws digits from strokes, with the same bytes on every machine.  Ranks divide the work.
Dataset draw_digits(int64_t train = 60000, int64_t test = 10000, Ranks &ranks = alone());

} // namespace lanefold::trainer
