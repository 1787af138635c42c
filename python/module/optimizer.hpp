// What optimizer_step and Trainer share.
#pragma once

#include "array.hpp"

#include <optional>

namespace lanefold::python {

extern const char *const optimizer_words[];

// All elements of an array without gaps, of one or two dimensions, as one vector.
class Parameters {
public:
  struct Shape {
    int dimensions;
    int64_t rows, columns; // one row if there is one dimension
  };
  // expected: the shape that the array must have, or NULL.
  Parameters(const char *call, const char *name, PyObject *object, Access access, const Shape *expected = nullptr);

  float *data() const { return static_cast<float *>(static_cast<void *>(memory_.data)); }
  int64_t size() const { return shape_.rows * shape_.columns; }
  const Shape &shape() const { return shape_; }
  const Memory &memory() const { return memory_; }

private:
  Memory memory_;
  Shape shape_;
};

} // namespace lanefold::python
