// Images as bytes, with labels: what is trained and tested on.
#pragma once

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace lanefold::trainer {

inline constexpr int64_t classes = 10;

// Bytes that nobody changes: in memory of their own, or a file's, mapped.
class Pixels {
public:
  Pixels() = default;
  Pixels(std::vector<uint8_t> bytes); // NOLINT: as good as the vector
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

// What is wrong with a file of data; the message names it.
class DataError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

enum class Needs { all, test };

// The folder, or the built-in digits if it is empty.  What is not asked for stays empty.
Dataset load(const std::string &folder, Needs needs = Needs::all);

// MNIST or Fashion-MNIST as published: IDX files, gzip-compressed, or not and then mapped: such a file must keep its
// size while it is used.  Throws DataError.
Dataset read_idx(const std::string &folder, Needs needs = Needs::all);

// Digits drawn from strokes; the same bytes on every machine.
Dataset draw_digits(int64_t train = 60000, int64_t test = 10000);

} // namespace lanefold::trainer
