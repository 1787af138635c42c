// Numbers as a file stores them.  They are converted to floats when somebody needs them; 32-bit floats that are aligned
// are used where they lie.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace lanefold::model {

enum class Element { f16, bf16, f32, f64, i8, u8, i16, u16, i32, u32, i64, u64, boolean };

uint64_t size_of(Element element);    // bytes
const char *name_of(Element element); // "F32", as safetensors writes it
bool is_floating(Element element);

class Tensor {
public:
  Tensor() = default;
  // `bytes` holds the elements in little-endian order, without any alignment.  owner keeps them alive.
  Tensor(Element element, std::vector<int64_t> shape, const std::byte *bytes, std::shared_ptr<const void> owner);
  // Owns its floats.
  Tensor(std::vector<int64_t> shape, std::vector<float> values);

  Element element() const { return element_; }
  const std::vector<int64_t> &shape() const { return shape_; }
  int64_t count() const { return count_; } // elements
  bool empty() const { return count_ == 0; }

  // Converts every element to float, in the order of the file.  Each is rounded once to nearest even; integers up to 2^24
  // in magnitude are exact.
  void read(float *values) const;
  void read(int64_t first, int64_t count, float *values) const; // a part
  std::vector<float> read() const;
  std::vector<double> read_doubles() const;   // exact, except for integers above 2^53
  std::vector<int64_t> read_integers() const; // of an integer type

  // The floats where they lie, or converted and kept.  Any number of threads may call it.
  const float *floats() const;
  // The floats where they lie; NULL if they are of another type, or not aligned.
  const float *in_place() const;

  // Whether a conversion to float changes a value.
  bool is_rounded() const;

private:
  struct Cache {
    std::mutex mutex;
    std::vector<float> values;
  };
  Element element_ = Element::f32;
  std::vector<int64_t> shape_;
  int64_t count_ = 0;
  const std::byte *bytes_ = nullptr;
  std::shared_ptr<const void> owner_;
  std::shared_ptr<Cache> cache_;
};

// A matrix of rows x columns, stored by columns.
std::vector<float> transposed(const std::vector<float> &matrix, int64_t rows, int64_t columns);

// The product of the dimensions; -1 if one is negative or the product exceeds 2^47.
int64_t count_of(const std::vector<int64_t> &shape);
std::string text_of(const std::vector<int64_t> &shape); // "784 x 300"

} // namespace lanefold::model
