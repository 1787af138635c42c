// Reads arrays, and says what is wrong with those that the library cannot take.
#include "array.hpp"

#include "dlpack.hpp"

#include <cstring>

namespace lanefold::python {
namespace {

// In NumPy's flags of an array.
constexpr int writeable = 0x0400;

std::string tuple(const Py_ssize_t *values, int count) {
  std::string text = "(";
  for (int i = 0; i < count; ++i) text += (i ? ", " : "") + std::to_string(values[i]);
  return text + (count == 1 ? ",)" : ")");
}

} // namespace

Memory::Memory(const char *call, const char *name, PyObject *object, const ElementType &type, Access access)
    : call_(call), name_(name), type_(type), access_(access) {
  if (Py_TYPE(object) == numpy.array) read_numpy(object);
  else if (PyObject_TypeCheck(object, numpy.array)) {
    if (PyObject_TypeCheck(object, numpy.masked_array))
      refuse_type("is a masked array", ", and the mask would be ignored" + cure(".filled(0)", "without a mask"));
    read_numpy(object);
  } else if (PyObject_CheckBuffer(object)) read_buffer(object);
  else if (attribute_or_null(object, "__dlpack__")) read_dlpack(object);
  else
    python::refuse_type(call, name, object,
                        std::string("an array of ") + type.name +
                            ": NumPy's, or one with DLPack or the buffer protocol");
  if ((reinterpret_cast<uintptr_t>(data) & static_cast<uintptr_t>(type.bytes - 1)) != 0) {
    release();
    refuse("is not aligned to " + std::to_string(type.bytes) + " bytes; expected aligned elements" +
           cure("numpy.array(" + std::string(name) + ")", "with numpy.empty"));
  }
}

std::string Memory::cure(const std::string &of_input, const std::string &of_output) const {
  if (access_ == Access::write) return ": create " + std::string(name_) + " " + of_output;
  return ": " + (of_input[0] == '.' ? name_ + of_input : of_input);
}

void Memory::read_numpy(PyObject *object) {
  const auto *array = py::detail::array_proxy(object);
  const auto *descr = py::detail::array_descriptor_proxy(array->descr);
  // NumPy has two numbers for integers of the same size.
  const bool same_type =
      descr->type_num == type_.number || (descr->kind == type_.kind && type_.kind != 'f' &&
                                          py::handle(object).attr("itemsize").cast<int>() == type_.bytes);
  if (!same_type || descr->byteorder == '>') {
    const auto given = py::str(py::handle(array->descr)).cast<std::string>();
    const std::string type = "numpy." + std::string(type_.name);
    const std::string how = cure(".astype(" + type + ")", "with dtype=" + type);
    if (same_type) refuse_type("has the byte order of the type " + given, " in native byte order" + how);
    refuse_type("has the type " + given, how);
  }
  if (access_ == Access::write && (array->flags & writeable) == 0) refuse_read_only();
  data = array->data;
  set_layout(array->nd, array->dimensions, array->strides);
}

void Memory::read_buffer(PyObject *object) {
  const int how = PyBUF_STRIDES | PyBUF_FORMAT;
  if (PyObject_GetBuffer(object, &buffer_, access_ == Access::write ? how | PyBUF_WRITABLE : how) != 0) {
    py::error_already_set error;
    if (access_ == Access::write && (error.matches(PyExc_BufferError) || error.matches(PyExc_ValueError))) {
      if (PyObject_GetBuffer(object, &buffer_, how) == 0) {
        PyBuffer_Release(&buffer_);
        refuse_read_only();
      }
      PyErr_Clear();
    }
    refuse_unreadable(error, "a live array");
  }
  holds_ = Holds::buffer;
  std::string format = buffer_.format == nullptr ? "B" : buffer_.format;
  const bool swapped = format[0] == '>' || format[0] == '!';
  if (std::strchr("@=<>!", format[0]) != nullptr) format.erase(0, 1);
  const bool same_type = format.size() == 1 && buffer_.itemsize == type_.bytes &&
                         (format[0] == type_.format || (type_.kind == 'i' && format == "l") ||
                          (type_.kind == 'u' && type_.bytes == 4 && format == "L"));
  const std::string given = buffer_.format == nullptr ? "B" : buffer_.format;
  if (same_type && !swapped) {
    data = static_cast<char *>(buffer_.buf);
    return set_layout(buffer_.ndim, buffer_.shape, buffer_.strides);
  }
  release();
  const std::string expected = std::string(", format '") + type_.format + "'";
  if (same_type) refuse_type("has the byte order of the format '" + given + "'", expected + " in native byte order");
  refuse_type("has elements of the format '" + given + "'", expected);
}

void Memory::read_dlpack(PyObject *object) {
  using namespace dlpack;
  const py::handle array(object);
  py::tuple device;
  py::object capsule;
  try {
    device = py::tuple(array.attr("__dlpack_device__")());
  } catch (py::error_already_set &error) {
    refuse_unreadable(error, "an array that others may read");
  }
  if (device.empty()) refuse("has an empty __dlpack_device__(); expected a type and a number");
  need_cpu(whole_from(call_, (std::string(name_) + ".__dlpack_device__()[0]").c_str(), py::object(device[0]).ptr()));
  try {
    const py::tuple newest = py::make_tuple(1, 0);
    // A producer may know neither the newest version nor `copy`.
    std::vector<py::dict> attempts = {py::dict(py::arg("max_version") = newest), py::dict()};
    if (access_ == Access::write)
      attempts.insert(attempts.begin(), py::dict(py::arg("max_version") = newest, py::arg("copy") = false));
    for (const py::dict &options : attempts) try {
        capsule = array.attr("__dlpack__")(**options);
        break;
      } catch (const py::error_already_set &error) {
        if (options.empty() || !error.matches(PyExc_TypeError)) throw;
      }
  } catch (py::error_already_set &error) {
    refuse_unreadable(error, "an array that others may read");
  }
  const Tensor *tensor = nullptr;
  uint64_t flags = 0;
  // Whoever renames the capsule owns the tensor.
  if (auto *managed = static_cast<ManagedVersioned *>(PyCapsule_GetPointer(capsule.ptr(), "dltensor_versioned"))) {
    PyCapsule_SetName(capsule.ptr(), "used_dltensor_versioned");
    holds_ = Holds::dlpack_versioned, tensor_ = managed, tensor = &managed->tensor;
    if (const uint32_t major = managed->major; major != 1) {
      release(); // all versions agree on where the deleter is
      refuse("offers DLPack's version " + std::to_string(major) + "; expected version 1 or older");
    }
    flags = managed->flags;
  } else {
    PyErr_Clear();
    auto *plain = static_cast<Managed *>(PyCapsule_GetPointer(capsule.ptr(), "dltensor"));
    if (plain == nullptr) {
      PyErr_Clear();
      refuse("gives no DLPack tensor; expected __dlpack__() to return a capsule \"dltensor\"");
    }
    PyCapsule_SetName(capsule.ptr(), "used_dltensor");
    holds_ = Holds::dlpack, tensor_ = plain, tensor = &plain->tensor;
  }
  try {
    need_cpu(tensor->device.type);
    const uint8_t code = type_.kind == 'f' ? floating_point : type_.kind == 'i' ? signed_integer : unsigned_integer;
    const DataType &type = tensor->type;
    if (type.code != code || type.bits != 8 * type_.bytes || type.lanes != 1)
      refuse_type("has elements of DLPack's code " + std::to_string(type.code) + " with " + std::to_string(type.bits) +
                      " bits" + (type.lanes == 1 ? "" : " in " + std::to_string(type.lanes) + " lanes"),
                  "");
    if (access_ == Access::write && (flags & read_only) != 0) refuse_read_only();
    if (access_ == Access::write && (flags & is_copied) != 0) refuse("gives a copy; expected its own memory");
    data = static_cast<char *>(tensor->data) + tensor->byte_offset;
    const int count = tensor->dimensions;
    Py_ssize_t new_shape[2] = {1, 1}, new_strides[2] = {0, 0};
    for (int i = 0; i < std::min(count, 2); ++i) {
      new_shape[i] = tensor->shape[i];
      if (tensor->strides != nullptr) new_strides[i] = tensor->strides[i] * type_.bytes;
    }
    set_layout(count, new_shape, tensor->strides != nullptr ? new_strides : nullptr);
  } catch (...) {
    release();
    throw;
  }
}

void Memory::need_cpu(int64_t device) const {
  for (const int32_t readable : {dlpack::cpu, dlpack::cuda_host, dlpack::rocm_host, dlpack::cuda_managed})
    if (device == readable) return;
  refuse("is in the memory of a device (DLPack's type " + std::to_string(device) +
         "); expected an array in the memory of the CPU" + cure(".cpu()", "on the CPU"));
}
void Memory::set_layout(int64_t count, const Py_ssize_t *new_shape, const Py_ssize_t *new_strides) {
  dimensions = static_cast<int>(count);
  Py_ssize_t next = type_.bytes; // without strides, the array is row-major and has no gaps
  for (int i = std::min(dimensions, 2); i-- > 0;) {
    shape[i] = new_shape[i], strides[i] = new_strides != nullptr ? new_strides[i] : next;
    next *= shape[i];
  }
}

void Memory::release() {
  using namespace dlpack;
  const Holds held = holds_;
  holds_ = Holds::nothing;
  switch (held) {
  case Holds::nothing: return;
  case Holds::buffer: return PyBuffer_Release(&buffer_);
  case Holds::dlpack:
    if (auto *managed = static_cast<Managed *>(tensor_); managed->deleter != nullptr) managed->deleter(managed);
    return;
  case Holds::dlpack_versioned:
    if (auto *managed = static_cast<ManagedVersioned *>(tensor_); managed->deleter != nullptr)
      managed->deleter(managed);
    return;
  }
}

void Memory::refuse(const std::string &what) const { refuse_value(call_, std::string(name_) + " " + what); }

void Memory::refuse_type(const std::string &what, const std::string &cure) const {
  python::refuse_type(call_, std::string(name_) + " " + what + "; expected " + type_.name + cure);
}

void Memory::refuse_read_only() const { refuse("is read-only; expected a writable array"); }

void Memory::refuse_unreadable(py::error_already_set &error, const char *expected) const {
  const std::string message =
      std::string(name_) + " does not give its memory: " + message_of(error.value().ptr()) + "; expected " + expected;
  // PyTorch raises RuntimeError for a tensor that it does not lend.  AttributeError says that a method is missing.
  if (error.type().ptr() == PyExc_RuntimeError || error.matches(PyExc_AttributeError))
    refuse_value_because(error.value(), call_, message);
  error.restore();
  refuse_value(call_, message);
}

void Memory::need_dimensions(int count) const {
  if (dimensions == count) return;
  refuse("has " + std::to_string(dimensions) + (dimensions == 1 ? " dimension" : " dimensions") + "; expected " +
         std::to_string(count));
}

std::string Memory::shape_text() const { return "the shape " + tuple(shape, std::min(dimensions, 2)); }

void Memory::refuse_layout(const char *expected, char order) const {
  const char *why = "";
  for (int i = 0; i < std::min(dimensions, 2); ++i) {
    if (shape[i] < 2) continue;
    if (strides[i] < 0) why = " (it runs backwards)";
    else if (strides[i] == 0) why = " (it repeats elements)";
  }
  refuse("has " + shape_text() + " and the strides " + tuple(strides, std::min(dimensions, 2)) + " in bytes" + why +
         "; expected " + expected +
         (order == 'F' ? cure("numpy.asfortranarray(" + std::string(name_) + ")", "contiguous, with order='F'")
                       : cure("numpy.ascontiguousarray(" + std::string(name_) + ")", "contiguous")));
}

namespace {

// Whether `rows` rows of `columns` adjacent elements lie row_stride bytes apart without overlap.
bool fits(Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t row_stride, Py_ssize_t column_stride, Py_ssize_t size) {
  if (rows == 0 || columns == 0) return true;
  if (columns > 1 && column_stride != size) return false;
  return rows == 1 || (row_stride % size == 0 && row_stride >= columns * size);
}

} // namespace

template <class Element> MatrixView<Element> matrix(const Memory &memory, Order order) {
  memory.need_dimensions(2);
  constexpr auto size = static_cast<Py_ssize_t>(sizeof(Element));
  const Py_ssize_t *shape = memory.shape, *strides = memory.strides;
  const auto view = [&](int rows, int columns, bool transposed) -> MatrixView<Element> {
    const bool has_stride = shape[rows] > 1 && shape[columns] > 0;
    return {reinterpret_cast<Element *>(memory.data), shape[rows], shape[columns],
            has_stride ? strides[rows] / size : std::max<Py_ssize_t>(shape[columns], 1), transposed};
  };
  if (order != Order::columns && fits(shape[0], shape[1], strides[0], strides[1], size)) return view(0, 1, false);
  if (order != Order::rows && fits(shape[1], shape[0], strides[1], strides[0], size)) return view(1, 0, true);
  memory.refuse_layout(order == Order::rows      ? "rows of adjacent elements (row-major)"
                       : order == Order::columns ? "columns of adjacent elements (column-major)"
                                                 : "rows or columns of adjacent elements",
                       order == Order::columns ? 'F' : 'C');
}
template MatrixView<float> matrix(const Memory &, Order);
template MatrixView<uint8_t> matrix(const Memory &, Order);

void need_shape(const Memory &memory, int64_t rows, int64_t columns) {
  memory.need_dimensions(2);
  if (memory.shape[0] == rows && memory.shape[1] == columns) return;
  const Py_ssize_t expected[2] = {rows, columns};
  memory.refuse("has " + memory.shape_text() + "; expected " + tuple(expected, 2));
}

void *vector(const Memory &memory, int64_t n) {
  memory.need_dimensions(1);
  const Py_ssize_t expected = n;
  if (memory.shape[0] != n) memory.refuse("has " + memory.shape_text() + "; expected " + tuple(&expected, 1));
  if (n > 1 && memory.strides[0] != memory.element_bytes()) memory.refuse_layout("adjacent elements");
  return memory.data;
}

py::object new_array(int64_t rows, int64_t columns, bool column_major) {
  constexpr py::ssize_t size = sizeof(float);
  if (column_major) return py::array_t<float>({rows, columns}, {size, size * std::max<py::ssize_t>(rows, 1)});
  return py::array_t<float>({rows, columns});
}

float *elements(const py::object &array) {
  return static_cast<float *>(static_cast<void *>(py::detail::array_proxy(array.ptr())->data));
}

} // namespace lanefold::python
