// Reads signatures and arguments, and words the errors.
#include "arguments.hpp"

#include <pybind11/numpy.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <stdexcept>

namespace lanefold::python {

NumPy numpy;

void import_numpy() {
  const auto type = [](const char *module, const char *name) {
    return reinterpret_cast<PyTypeObject *>(py::module_::import(module).attr(name).cast<py::object>().release().ptr());
  };
  numpy.array = type("numpy", "ndarray");
  numpy.masked_array = type("numpy.ma", "MaskedArray");
  numpy.boolean = type("numpy", "bool_");
  py::detail::npy_api::get();
}

void Signature::read(const std::string &owner, const char *documentation) {
  const std::string line(documentation, std::strcspn(documentation, "\n"));
  const size_t open = line.find('('), close = line.rfind(')');
  name = line.substr(0, open);
  call = owner + name;
  bool by_position = true;
  for (size_t at = open + 1; at < close;) {
    const size_t end = std::min(line.find(", ", at), close);
    const std::string parameter = line.substr(at, end - at);
    at = end + 2;
    if (parameter == "$self" || parameter == "/") continue;
    if (parameter == "*") {
      by_position = false;
      continue;
    }
    const size_t equals = parameter.find('=');
    parameters.push_back(
        {PyUnicode_InternFromString(parameter.substr(0, equals).c_str()), equals == std::string::npos});
    if (by_position) ++positional;
  }
  if (parameters.size() > most) throw std::logic_error(call + " has more parameters than Arguments holds");
}

Arguments::Arguments(const Signature &signature, PyObject *self, PyObject *const *given, Py_ssize_t count,
                     PyObject *keywords)
    : signature_(signature), self_(self), values_{} {
  const std::vector<Signature::Parameter> &known = signature.parameters;
  if (static_cast<size_t>(count) > signature.positional) refuse_count(static_cast<size_t>(count));
  for (Py_ssize_t i = 0; i < count; ++i) values_[i] = given[i];
  for (Py_ssize_t i = 0; keywords != nullptr && i < PyTuple_GET_SIZE(keywords); ++i) {
    PyObject *keyword = PyTuple_GET_ITEM(keywords, i);
    size_t at = 0;
    while (at < known.size() && known[at].name != keyword) ++at;
    if (at == known.size()) // a keyword that was made at run time need not be interned
      for (at = 0; at < known.size() && PyUnicode_Compare(known[at].name, keyword) != 0;) ++at;
    if (at == known.size()) refuse_keyword(keyword);
    if (values_[at] != nullptr) refuse_type(signature.call, std::string(name(at)) + " is given twice; expected once");
    values_[at] = given[count + i];
  }
  for (size_t i = 0; i < known.size(); ++i) {
    if (values_[i] == nullptr && known[i].required) refuse_type(signature.call, std::string(name(i)) + " is missing");
    if (values_[i] == Py_None && !known[i].required) values_[i] = nullptr;
  }
}

void Arguments::refuse_count(size_t count) const {
  const std::string were = std::to_string(count) + (count == 1 ? " argument is" : " arguments are");
  if (signature_.parameters.empty()) refuse_type(signature_.call, were + " given; expected none");
  std::string expected = " given by position; expected " + std::to_string(signature_.positional) + " at most";
  if (signature_.positional < signature_.parameters.size()) expected += ", and the others by name";
  refuse_type(signature_.call, were + expected);
}

namespace {

// A Python string in UTF-8, with escapes for what UTF-8 cannot hold.  "" if the conversion fails.
std::string utf8(const py::object &text) {
  const auto bytes = py::reinterpret_steal<py::object>(
      text ? PyUnicode_AsEncodedString(text.ptr(), "utf-8", "backslashreplace") : nullptr);
  if (bytes) return {PyBytes_AS_STRING(bytes.ptr()), static_cast<size_t>(PyBytes_GET_SIZE(bytes.ptr()))};
  if (PyErr_ExceptionMatches(PyExc_Exception) == 0) throw py::error_already_set();
  PyErr_Clear();
  return "";
}

// The repr of a string or a number, or its beginning.  "" if there is no repr, as for an int of more than 4300 digits.
std::string shown(PyObject *object) {
  constexpr Py_ssize_t most = 40;
  const auto begin = [](PyObject *text) {
    return py::reinterpret_steal<py::object>(text != nullptr ? PyUnicode_Substring(text, 0, most) : nullptr);
  };
  const bool is_long = PyUnicode_Check(object) && PyUnicode_GET_LENGTH(object) > most;
  const auto part = is_long ? begin(object) : py::reinterpret_borrow<py::object>(object);
  const auto whole = py::reinterpret_steal<py::object>(part ? PyObject_Repr(part.ptr()) : nullptr);
  const bool is_cut = is_long || (whole && PyUnicode_GET_LENGTH(whole.ptr()) > most);
  const std::string text = utf8(begin(whole.ptr()));
  return is_cut && !text.empty() ? text + "..." : text;
}

std::string shown_or_type(PyObject *object) {
  const std::string text = shown(object);
  return text.empty() ? describe(object) : text;
}

// Takes the pending exception if it is about a value, and lets any other one propagate.
py::object take_cause() {
  if (PyErr_Occurred() == nullptr) return {};
  bool about_a_value = false;
  for (PyObject *type :
       {PyExc_TypeError, PyExc_ValueError, PyExc_BufferError, PyExc_OverflowError, PyExc_AttributeError})
    about_a_value = about_a_value || PyErr_ExceptionMatches(type) != 0;
  if (!about_a_value) throw py::error_already_set();
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  PyErr_NormalizeException(&type, &value, &traceback);
  if (traceback != nullptr) PyException_SetTraceback(value, traceback);
  Py_XDECREF(type), Py_XDECREF(traceback);
  return py::reinterpret_steal<py::object>(value);
}

[[noreturn]] void raise(PyObject *type, const std::string &message, const py::object &cause) {
  const py::object error = py::handle(type)(string_of(message));
  if (cause) PyException_SetCause(error.ptr(), py::object(cause).release().ptr()); // it steals the reference
  PyErr_SetObject(type, error.ptr());
  throw py::error_already_set();
}

// describe() must not run while an exception is pending, so take_cause() runs first.
[[noreturn]] void refuse_given(PyObject *type, const std::string &call, const std::string &name, PyObject *given,
                               const std::string &expected) {
  const py::object cause = take_cause();
  raise(type, call + ": " + name + " is " + describe(given) + "; expected " + expected, cause);
}

} // namespace

void Arguments::refuse_keyword(PyObject *keyword) const {
  std::string known;
  for (size_t i = 0; i < signature_.parameters.size(); ++i) known += (i ? ", " : "") + std::string(name(i));
  if (known.empty()) known = "no argument";
  else known = "one of: " + known;
  refuse_type(signature_.call, shown_or_type(keyword) + " is not an argument; expected " + known);
}

double number_from(const char *call, const char *name, PyObject *value) {
  if (PyFloat_CheckExact(value)) return PyFloat_AS_DOUBLE(value);
  const double number = is_flag(value) ? -1 : PyFloat_AsDouble(value);
  if (number == -1 && (is_flag(value) || PyErr_Occurred() != nullptr)) refuse_type(call, name, value, "a number");
  return number;
}

int64_t whole_from(const char *call, const char *name, PyObject *value) {
  const auto index = py::reinterpret_steal<py::object>(is_flag(value) ? nullptr : PyNumber_Index(value));
  const int64_t number = index ? PyLong_AsLongLong(index.ptr()) : -1;
  if (!index || (number == -1 && PyErr_Occurred() != nullptr))
    refuse_type(call, name, value, "a whole number below 2^63");
  return number;
}

bool flag_from(const char *call, const char *name, PyObject *value) {
  if (value == Py_True) return true;
  if (!is_flag(value)) refuse_type(call, name, value, "True or False");
  return !is_false(value);
}

std::string_view text_from(const char *call, const char *name, PyObject *value) {
  if (!PyUnicode_Check(value)) refuse_type(call, name, value, "a string");
  Py_ssize_t size;
  const char *text = PyUnicode_AsUTF8AndSize(value, &size);
  if (text == nullptr) refuse_value(call, name, value, "a string that UTF-8 can hold");
  const std::string_view view(text, static_cast<size_t>(size));
  if (view.find('\0') != std::string_view::npos) refuse_value(call, name, value, "a string without the character NUL");
  return view;
}

uint64_t bits_from(const char *call, const char *name, PyObject *value) {
  const auto index = py::reinterpret_steal<py::object>(is_flag(value) ? nullptr : PyNumber_Index(value));
  const uint64_t bits = index ? PyLong_AsUnsignedLongLong(index.ptr()) : 0;
  if (!index || PyErr_Occurred() != nullptr) refuse_type(call, name, value, "a whole number from 0 to 2^64 - 1");
  return bits;
}

int32_t word_from(const char *call, const char *name, PyObject *value, const char *const *words) {
  const bool is_text = PyUnicode_Check(value);
  for (int32_t code = 0; is_text && words[code] != nullptr; ++code)
    if (PyUnicode_CompareWithASCIIString(value, words[code]) == 0) return code;
  std::string known = "one of: ";
  for (int32_t code = 0; words[code] != nullptr; ++code) known += (code ? ", '" : "'") + std::string(words[code]) + "'";
  if (!is_text) refuse_type(call, name, value, known);
  refuse_value(call, std::string(name) + " is " + shown_or_type(value) + "; expected " + known);
}

double Arguments::number(size_t i, double otherwise) const {
  return is_given(i) ? number_from(call(), name(i), values_[i]) : otherwise;
}

int64_t Arguments::whole(size_t i, int64_t otherwise) const {
  return is_given(i) ? whole_from(call(), name(i), values_[i]) : otherwise;
}

uint64_t Arguments::bits(size_t i, uint64_t otherwise) const {
  return is_given(i) ? bits_from(call(), name(i), values_[i]) : otherwise;
}

bool Arguments::flag(size_t i, bool otherwise) const {
  return is_given(i) ? flag_from(call(), name(i), values_[i]) : otherwise;
}

std::string Arguments::text(size_t i) const {
  return is_given(i) ? std::string(text_from(call(), name(i), values_[i])) : "";
}

std::string Arguments::path(size_t i) const {
  if (!is_given(i)) return "";
  PyObject *given = nullptr;
  if (PyUnicode_FSConverter(values_[i], &given) == 0) {
    constexpr const char *expected = "a path, without the character NUL and in the encoding of the file system";
    if (PyErr_ExceptionMatches(PyExc_TypeError) != 0) refuse_type(call(), name(i), values_[i], expected);
    refuse_value(call(), name(i), values_[i], expected);
  }
  const auto bytes = py::reinterpret_steal<py::object>(given);
  return {PyBytes_AS_STRING(given), static_cast<size_t>(PyBytes_GET_SIZE(given))};
}

int32_t Arguments::word(size_t i, const char *const *words, int32_t otherwise) const {
  return is_given(i) ? word_from(call(), name(i), values_[i], words) : otherwise;
}

py::object attribute_or_null(PyObject *object, const char *name) {
  auto value = py::reinterpret_steal<py::object>(PyObject_GetAttrString(object, name));
  if (!value && PyErr_ExceptionMatches(PyExc_AttributeError) == 0) throw py::error_already_set();
  PyErr_Clear();
  return value;
}

std::string describe(PyObject *object) {
  if (object == Py_None) return "None";
  constexpr std::string_view inner = "lanefold._lanefold."; // where the compiled classes are
  std::string type = Py_TYPE(object)->tp_name;
  if (type.compare(0, inner.size(), inner) == 0) type.erase(std::strlen("lanefold."), std::strlen("_lanefold."));
  const bool is_short = PyUnicode_Check(object) || PyLong_Check(object) || PyFloat_Check(object);
  const std::string text = is_short ? shown(object) : "";
  return text.empty() ? "of the type " + type : text + " (" + type + ")";
}

py::object string_of(std::string_view text) {
  auto string = py::reinterpret_steal<py::object>(
      PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "backslashreplace"));
  if (!string) throw py::error_already_set();
  return string;
}

std::string message_of(PyObject *exception) {
  const std::string text = utf8(py::reinterpret_steal<py::object>(PyObject_Str(exception)));
  return text.empty() ? Py_TYPE(exception)->tp_name : text;
}

void refuse_type(const std::string &call, const std::string &name, PyObject *given, const std::string &expected) {
  refuse_given(PyExc_TypeError, call, name, given, expected);
}

void refuse_type(const std::string &call, const std::string &message) {
  raise(PyExc_TypeError, call + ": " + message, take_cause());
}

void refuse_value(const std::string &call, const std::string &name, PyObject *given, const std::string &expected) {
  refuse_given(PyExc_ValueError, call, name, given, expected);
}

void refuse_value(const std::string &call, const std::string &message) {
  raise(PyExc_ValueError, call + ": " + message, take_cause());
}

void refuse_value_because(const py::object &cause, const std::string &call, const std::string &message) {
  raise(PyExc_ValueError, call + ": " + message, cause);
}

namespace {

// The Python part passes the name of its function, the name of the argument, the value, and what else a check needs.
enum { call_, name_, value_, more_ };

py::object check_whole(const Arguments &given) {
  const std::string call = given.text(call_), name = given.text(name_);
  constexpr int64_t no_limit = std::numeric_limits<int64_t>::max();
  const int64_t number = whole_from(call.c_str(), name.c_str(), given[value_]);
  const int64_t least = given.whole(more_, 0), most = given.whole(more_ + 1, no_limit);
  if (number < least || number > most)
    refuse_value(call, name, given[value_],
                 most == no_limit ? "a whole number that is at least " + std::to_string(least)
                                  : "a whole number from " + std::to_string(least) + " to " + std::to_string(most));
  return py::int_(number);
}

py::object check_seed(const Arguments &given) {
  return py::int_(bits_from(given.text(call_).c_str(), "seed", given[1]));
}

py::object check_number(const Arguments &given) {
  return py::float_(number_from(given.text(call_).c_str(), given.text(name_).c_str(), given[value_]));
}

py::object check_flag(const Arguments &given) {
  return py::bool_(flag_from(given.text(call_).c_str(), given.text(name_).c_str(), given[value_]));
}

py::object check_word(const Arguments &given) {
  std::vector<std::string> texts;
  std::vector<const char *> words;
  for (const py::handle word : py::tuple(given.object(more_))) texts.push_back(word.cast<std::string>());
  for (const std::string &text : texts) words.push_back(text.c_str());
  words.push_back(nullptr);
  return py::str(words[static_cast<size_t>(
      word_from(given.text(call_).c_str(), given.text(name_).c_str(), given[value_], words.data()))]);
}

py::object refuse(const Arguments &given) {
  refuse_type(given.text(call_), given.text(name_), given[value_], given.text(more_));
}

} // namespace

void define_arguments(py::module_ &module) {
  Function<check_whole>::define(module, "_whole(call, name, value, least, most=None)\n--\n\nReturns a whole number.");
  Function<check_seed>::define(module, "_seed(call, value)\n--\n\nReturns a whole number of 64 bits without a sign.");
  Function<check_number>::define(module, "_number(call, name, value)\n--\n\nReturns a number as a float.");
  Function<check_flag>::define(module, "_flag(call, name, value)\n--\n\nReturns True or False.");
  Function<check_word>::define(module, "_word(call, name, value, words)\n--\n\nReturns one of the words.");
  Function<refuse>::define(module, "_refuse(call, name, value, expected)\n--\n\nRaises a TypeError.");
}

} // namespace lanefold::python
