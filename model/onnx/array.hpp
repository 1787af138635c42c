// A constant of a graph.  It refers to the bytes of the file where it can, so that weights are never copied.
#pragma once

#include "model/tensor.hpp"

#include <limits>
#include <string_view>

namespace lanefold::model::onnx {

// The number of rows, among the integers of a shape, when the graph leaves it open.
constexpr int64_t symbolic_batch = std::numeric_limits<int64_t>::min();

// Limits what a graph may compute, because a small graph can use the same constant in every node.
class Budget {
public:
  explicit Budget(uint64_t numbers) : left_(numbers) {}
  void take(uint64_t numbers); // throws ModelError when nothing is left

private:
  uint64_t left_;
};

struct Array {
  Element element = Element::f32;
  bool transposed = false; // The bytes hold the transpose of this matrix.
  bool symbolic = false;   // An integer may be symbolic_batch.
  std::vector<int64_t> shape;
  const std::byte *bytes = nullptr;
  std::shared_ptr<const void> owner;
  std::shared_ptr<const std::vector<std::string_view>> texts; // strings instead of bytes

  int64_t count() const { return count_of(shape); }
  Tensor tensor() const { return Tensor(element, shape, bytes, owner); } // of an array that is not transposed
  std::vector<double> doubles() const;
  std::vector<int64_t> integers() const;         // A floating-point number is truncated, as Cast does.
  Array reshaped(std::vector<int64_t> to) const; // to the same number of elements
};

Array array_of(std::vector<int64_t> shape, std::vector<int64_t> values);
Array array_of(std::vector<int64_t> shape, std::vector<double> values);

// The same matrix with the elements of its rows side by side.
Array plain(const Array &array);

// Rows `indices` of the first axis; each index is valid.  `shape` is the shape of the result.
Array gathered(const Array &array, const std::vector<int64_t> &indices, std::vector<int64_t> shape);

// Arrays of one type and rank, which agree in every dimension but `axis`.
Array concatenated(const std::vector<Array> &arrays, size_t axis);

// The numbers of `array`, repeated as NumPy broadcasts them to a shape of the same rank or a higher one.  Empty if the
// shapes do not fit.
std::vector<double> broadcast(const std::vector<double> &values, const std::vector<int64_t> &from,
                              const std::vector<int64_t> &to);

// The axis counted from the front; -1 if an array of this rank does not have it.
int64_t axis_of(int64_t axis, size_t rank);

} // namespace lanefold::model::onnx
