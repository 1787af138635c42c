// Arrays from Python, without copies: NumPy's, and objects that offer the buffer protocol or DLPack.
#pragma once

#include "arguments.hpp"

#include <pybind11/numpy.h>

namespace lanefold::python {

// What the elements of an argument must be.
struct ElementType {
  const char *name; // as NumPy calls it
  char kind;        // 'f', 'i' or 'u'
  int bytes;
  int number;  // in NumPy's list of types
  char format; // in the buffer protocol
};
inline constexpr ElementType float32 = {"float32", 'f', 4, 11, 'f'}, int32 = {"int32", 'i', 4, 5, 'i'},
                             uint8 = {"uint8", 'u', 1, 2, 'B'}, uint32 = {"uint32", 'u', 4, 6, 'I'};

enum class Access { read, write };

// The memory of one argument.  It stays valid as long as this object lives and somebody holds the Python object.
class Memory {
public:
  Memory(const char *call, const char *name, PyObject *object, const ElementType &type, Access access);
  ~Memory() {
    if (holds_ != Holds::nothing) release();
  }
  Memory(const Memory &) = delete;
  Memory &operator=(const Memory &) = delete;

  // Refuses an array that does not have this number of dimensions.
  void need_dimensions(int count) const;
  // Refuses the array: "CALL: NAME WHAT".
  [[noreturn]] void refuse(const std::string &what) const;
  // "the shape (2, 3)"
  std::string shape_text() const;
  // order: the expected order as NumPy names it, 'C' or 'F'
  [[noreturn]] void refuse_layout(const char *expected, char order = 'C') const;

  int element_bytes() const { return type_.bytes; }
  const char *name() const { return name_; }
  // Where the last element ends, if the strides are not negative.
  const char *end() const {
    if (shape[0] == 0 || shape[1] == 0) return data;
    return data + (shape[0] - 1) * strides[0] + (shape[1] - 1) * strides[1] + type_.bytes;
  }

  char *data = nullptr;
  int dimensions = 0;
  Py_ssize_t shape[2] = {1, 1}, strides[2] = {0, 0}; // strides in bytes

private:
  enum class Holds { nothing, buffer, dlpack, dlpack_versioned };

  void read_numpy(PyObject *object);
  void read_buffer(PyObject *object);
  void read_dlpack(PyObject *object);
  void need_cpu(int64_t device) const;
  void set_layout(int64_t count, const Py_ssize_t *new_shape, const Py_ssize_t *new_strides);
  [[noreturn]] void refuse_type(const std::string &what, const std::string &cure) const;
  [[noreturn]] void refuse_read_only() const;
  [[noreturn]] void refuse_unreadable(py::error_already_set &error, const char *expected) const;
  // Says how the caller gets an array that is accepted.  For an output, a copy is no cure, because the
  // results would go to the copy.
  std::string cure(const std::string &of_input, const std::string &of_output) const;
  void release();

  const char *const call_, *const name_;
  const ElementType &type_;
  const Access access_;
  Holds holds_ = Holds::nothing;
  union {
    Py_buffer buffer_;
    void *tensor_;
  };
};

// A matrix as the library takes it: rows of adjacent elements, and the distance from row to row in elements.
// With `transposed`, it is the transpose of what Python gave.
template <class Element> struct MatrixView {
  Element *data;
  int64_t rows, columns, stride;
  bool transposed;
};
using Matrix = MatrixView<float>;

enum class Order { rows, columns, any };

// Reads a matrix whose rows or columns are contiguous; with Order::any, it prefers rows.
template <class Element = float> MatrixView<Element> matrix(const Memory &memory, Order order);

// Refuses an array of another shape.
void need_shape(const Memory &memory, int64_t rows, int64_t columns);

// Reads n adjacent elements.
void *vector(const Memory &memory, int64_t n);

// New arrays without values.
py::object new_array(int64_t rows, int64_t columns, bool column_major = false);
template <class Element = float> py::array_t<Element> new_array(int64_t n) {
  // pybind11 before 2.12 would compute the stride from a field that NumPy 2 has moved.
  return py::array_t<Element>({n}, {static_cast<py::ssize_t>(sizeof(Element))});
}
float *elements(const py::object &array);

} // namespace lanefold::python
