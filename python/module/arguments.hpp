// The arguments of a call from Python.  pybind11 makes the classes, but its dispatcher takes longer than a small product.
// CPython therefore enters functions and methods by vectorcall.  Each is described once, by its documentation, whose
// first line is the signature that inspect and help() show.
#pragma once

#include <pybind11/pybind11.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace lanefold::python {

namespace py = pybind11;

// The classes of NumPy that arguments are compared with.  import_numpy() finds them when Python imports this module.  A
// static variable inside a call could not import them safely: a second thread could wait for it and hold the GIL, which
// the import needs.
struct NumPy {
  PyTypeObject *array, *masked_array, *boolean;
};
extern NumPy numpy;
void import_numpy();

// The names of the parameters, read from a line such as "sgemm(a, b, *, out=None)".  One without a default is required.
struct Signature {
  struct Parameter {
    PyObject *name; // interned
    bool required;
  };
  static constexpr size_t most = 20;
  std::string name, call;            // "infer", and "Network.infer" for messages
  std::vector<Parameter> parameters; // those that may be given by position come first
  size_t positional = 0;

  void read(const std::string &owner, const char *documentation);
};

class Arguments {
public:
  Arguments(const Signature &signature, PyObject *self, PyObject *const *given, Py_ssize_t count, PyObject *keywords);

  const char *call() const { return signature_.call.c_str(); }
  PyObject *self() const { return self_; }
  const char *name(size_t i) const { return PyUnicode_AsUTF8(signature_.parameters[i].name); }
  // NULL if it was not given, or is None.
  PyObject *operator[](size_t i) const { return values_[i]; }
  bool is_given(size_t i) const { return values_[i] != nullptr; }

  py::object object(size_t i) const {
    return is_given(i) ? py::reinterpret_borrow<py::object>(values_[i]) : py::none();
  }
  std::string text(size_t i) const; // "" if it was not given, and never with a NUL inside
  std::string path(size_t i) const; // the same, for a string, bytes or an os.PathLike
  double number(size_t i, double otherwise) const;
  int64_t whole(size_t i, int64_t otherwise) const;
  uint64_t bits(size_t i, uint64_t otherwise) const; // 64 bits, such as a seed
  bool flag(size_t i, bool otherwise = false) const;
  // The position of a word in a list that ends with NULL.
  int32_t word(size_t i, const char *const *words, int32_t otherwise) const;

private:
  static constexpr size_t most = Signature::most;
  [[noreturn]] void refuse_count(size_t count) const;
  [[noreturn]] void refuse_keyword(PyObject *keyword) const;

  const Signature &signature_;
  PyObject *self_;
  PyObject *values_[most];
};

// "'x' (str)", "None", "of the type list": what was given, for a message.  If the object's
// own repr raises an Exception, the type stands for it.
std::string describe(PyObject *object);
// The message of an exception.
std::string message_of(PyObject *exception);
// Makes a Python string of the library's text, which may end in the middle of a character, or hold a path that is not
// UTF-8.
py::object string_of(std::string_view text);

// Raises a TypeError or a ValueError: "CALL: NAME is GIVEN; expected EXPECTED", or "CALL: MESSAGE".  A pending
// exception becomes its cause.  But a pending exception that is not about the value, such as KeyboardInterrupt or
// MemoryError, propagates instead.
[[noreturn]] void refuse_type(const std::string &call, const std::string &name, PyObject *given,
                              const std::string &expected);
[[noreturn]] void refuse_type(const std::string &call, const std::string &message);
[[noreturn]] void refuse_value(const std::string &call, const std::string &name, PyObject *given,
                               const std::string &expected);
[[noreturn]] void refuse_value(const std::string &call, const std::string &message);
[[noreturn]] void refuse_value_because(const py::object &cause, const std::string &call, const std::string &message);

// Runs the code behind an entry, and turns C++ exceptions into Python's.
template <class Code> PyObject *guarded(const Code &code) {
  try {
    return code().release().ptr();
  } catch (py::error_already_set &error) {
    error.restore();
  } catch (const py::builtin_exception &error) {
    error.set_error();
  } catch (const std::bad_alloc &) {
    PyErr_NoMemory();
  } catch (const std::exception &error) {
    PyErr_SetString(PyExc_RuntimeError, error.what());
  }
  return nullptr;
}

// These read one value of a type.  True and False, Python's or NumPy's, are only flags, never numbers.
double number_from(const char *call, const char *name, PyObject *value);
int64_t whole_from(const char *call, const char *name, PyObject *value);
uint64_t bits_from(const char *call, const char *name, PyObject *value);
bool flag_from(const char *call, const char *name, PyObject *value);
// The text lasts as long as the value.
std::string_view text_from(const char *call, const char *name, PyObject *value);
int32_t word_from(const char *call, const char *name, PyObject *value, const char *const *words);

inline bool is_flag(PyObject *value) { return PyBool_Check(value) || Py_TYPE(value) == numpy.boolean; }
// Whether it is False, Python's or NumPy's.
inline bool is_false(PyObject *value) {
  return value == Py_False || (Py_TYPE(value) == numpy.boolean && PyObject_IsTrue(value) == 0);
}

// An attribute, or a null object if there is none.  Exceptions other than AttributeError propagate.
py::object attribute_or_null(PyObject *object, const char *name);

using Body = py::object (*)(const Arguments &);

// The entry of a function or a method with this body.
template <Body body> class Function {
public:
  static void define(py::module_ &module, const char *documentation) {
    describe("", documentation);
    const auto name = py::str("lanefold");
    auto *function = PyCFunction_NewEx(&definition_, nullptr, name.ptr());
    if (function == nullptr) throw py::error_already_set();
    module.add_object(definition_.ml_name, py::reinterpret_steal<py::object>(function));
  }
  static void define(const py::handle &type, const char *documentation) {
    describe(type.attr("__name__").cast<std::string>() + ".", documentation);
    auto *method = PyDescr_NewMethod(reinterpret_cast<PyTypeObject *>(type.ptr()), &definition_);
    if (method == nullptr) throw py::error_already_set();
    py::setattr(type, definition_.ml_name, py::reinterpret_steal<py::object>(method));
  }

private:
  static inline Signature signature_;
  static inline PyMethodDef definition_;

  static void describe(const std::string &owner, const char *documentation) {
    signature_.read(owner, documentation);
    definition_ = {signature_.name.c_str(), reinterpret_cast<PyCFunction>(reinterpret_cast<void *>(&enter)),
                   METH_FASTCALL | METH_KEYWORDS, documentation};
  }
  static PyObject *enter(PyObject *self, PyObject *const *given, Py_ssize_t count, PyObject *keywords) {
    return guarded([&] { return body(Arguments(signature_, self, given, count, keywords)); });
  }
};

// Lets the Python part of the package check its arguments, and word its errors, in the same way.
void define_arguments(py::module_ &module);

} // namespace lanefold::python
