// Constants of a graph: reading their numbers, and the few operations that exporters leave to be computed on them.
#include "model/onnx/array.hpp"
#include "model/model.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace lanefold::model::onnx {

namespace {

template <typename Number> Array owning(Element element, std::vector<int64_t> shape, std::vector<Number> values) {
  auto owner = std::make_shared<const std::vector<Number>>(std::move(values));
  Array array;
  array.element = element;
  array.shape = std::move(shape);
  array.bytes = reinterpret_cast<const std::byte *>(owner->data());
  array.owner = owner;
  return array;
}

// The product of the dimensions [from, to).
int64_t extent(const std::vector<int64_t> &shape, size_t from, size_t to) {
  int64_t product = 1;
  for (size_t i = from; i < to; ++i) product *= shape[i];
  return product;
}

} // namespace

void Budget::take(uint64_t numbers) {
  if (numbers > left_)
    throw ModelError("the graph repeats its constants so often that they take many times the size of the file",
                     LF_UNSUPPORTED);
  left_ -= numbers;
}

std::vector<double> Array::doubles() const { return transposed ? plain(*this).doubles() : tensor().read_doubles(); }

std::vector<int64_t> Array::integers() const {
  if (transposed) return plain(*this).integers();
  if (!is_floating(element)) return tensor().read_integers();
  std::vector<int64_t> integers;
  for (double value : tensor().read_doubles())
    integers.push_back(std::abs(value) < 0x1p53 ? static_cast<int64_t>(value) : 0);
  return integers;
}

Array Array::reshaped(std::vector<int64_t> to) const {
  Array array = plain(*this);
  array.shape = std::move(to);
  return array;
}

Array array_of(std::vector<int64_t> shape, std::vector<int64_t> values) {
  const bool symbolic = std::find(values.begin(), values.end(), symbolic_batch) != values.end();
  Array array = owning(Element::i64, std::move(shape), std::move(values));
  array.symbolic = symbolic;
  return array;
}

Array array_of(std::vector<int64_t> shape, std::vector<double> values) {
  return owning(Element::f64, std::move(shape), std::move(values));
}

Array plain(const Array &array) {
  if (!array.transposed) return array;
  const auto rows = static_cast<size_t>(array.shape[0]), columns = static_cast<size_t>(array.shape[1]);
  const size_t size = size_of(array.element);
  std::vector<std::byte> bytes(rows * columns * size);
  for (size_t i = 0; columns != 0 && i < rows; ++i)
    for (size_t j = 0; j < columns; ++j)
      std::memcpy(&bytes[(i * columns + j) * size], array.bytes + (j * rows + i) * size, size);
  return owning(array.element, array.shape, std::move(bytes));
}

Array gathered(const Array &array, const std::vector<int64_t> &indices, std::vector<int64_t> shape) {
  const Array from = plain(array);
  const auto row = static_cast<size_t>(extent(from.shape, 1, from.shape.size())) * size_of(from.element);
  std::vector<std::byte> bytes(row * indices.size());
  for (size_t i = 0; row && i < indices.size(); ++i)
    std::memcpy(&bytes[i * row], from.bytes + static_cast<size_t>(indices[i]) * row, row);
  Array result = owning(from.element, std::move(shape), std::move(bytes));
  result.symbolic = from.symbolic;
  return result;
}

Array concatenated(const std::vector<Array> &arrays, size_t axis) {
  const Array &first = arrays.front();
  std::vector<int64_t> shape = first.shape;
  shape[axis] = 0;
  bool symbolic = false;
  for (const Array &array : arrays) shape[axis] += array.shape[axis], symbolic |= array.symbolic;
  std::vector<std::byte> bytes;
  const size_t size = size_of(first.element);
  std::vector<Array> parts;
  for (const Array &array : arrays) parts.push_back(plain(array));
  const int64_t runs = count_of(shape) == 0 ? 0 : extent(shape, 0, axis);
  for (int64_t i = 0; i < runs; ++i)
    for (const Array &part : parts) {
      const size_t run = static_cast<size_t>(extent(part.shape, axis, part.shape.size())) * size;
      const std::byte *from = part.bytes + static_cast<size_t>(i) * run;
      bytes.insert(bytes.end(), from, from + run);
    }
  Array result = owning(first.element, std::move(shape), std::move(bytes));
  result.symbolic = symbolic;
  return result;
}

std::vector<double> broadcast(const std::vector<double> &values, const std::vector<int64_t> &from,
                              const std::vector<int64_t> &to) {
  if (from.size() > to.size()) return {};
  std::vector<size_t> strides(to.size(), 0); // in elements of `values`; 0 where they repeat
  size_t stride = 1;
  for (size_t i = from.size(); i-- > 0;) {
    const size_t axis = i + to.size() - from.size();
    if (from[i] != 1 && from[i] != to[axis]) return {};
    if (from[i] != 1) strides[axis] = stride;
    stride *= static_cast<size_t>(from[i]);
  }
  std::vector<double> result(static_cast<size_t>(count_of(to)));
  std::vector<int64_t> position(to.size(), 0);
  size_t offset = 0;
  for (double &value : result) {
    value = values[offset];
    for (size_t axis = to.size(); axis-- > 0;) {
      offset += strides[axis];
      if (++position[axis] < to[axis]) break;
      offset -= strides[axis] * static_cast<size_t>(to[axis]);
      position[axis] = 0;
    }
  }
  return result;
}

int64_t axis_of(int64_t axis, size_t rank) {
  const auto count = static_cast<int64_t>(rank);
  if (axis < -count || axis >= count) return -1;
  return axis < 0 ? axis + count : axis;
}

} // namespace lanefold::model::onnx
