// Reads signatures and arguments, and words the errors.
#include "arguments.hpp"

#include <cstring>
#include <stdexcept>

namespace lanefold::python {

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
  if (static_cast<size_t>(count) > signature.positional)
    throw py::type_error(signature.call + ": " + std::to_string(count) + " arguments are given by position; expected " +
                         std::to_string(signature.positional) + " at most, and the others by name");
  for (Py_ssize_t i = 0; i < count; ++i) values_[i] = given[i];
  for (Py_ssize_t i = 0; keywords != nullptr && i < PyTuple_GET_SIZE(keywords); ++i) {
    PyObject *keyword = PyTuple_GET_ITEM(keywords, i);
    size_t at = 0;
    while (at < known.size() && known[at].name != keyword) ++at;
    if (at == known.size()) // a keyword that was made at run time need not be interned
      for (at = 0; at < known.size() && PyUnicode_Compare(known[at].name, keyword) != 0;) ++at;
    if (at == known.size()) refuse_keyword(keyword);
    if (values_[at] != nullptr)
      throw py::type_error(signature.call + ": " + name(at) + " is given twice; expected once");
    values_[at] = given[count + i];
  }
  for (size_t i = 0; i < known.size(); ++i) {
    if (values_[i] == nullptr && known[i].required)
      throw py::type_error(signature.call + ": " + name(i) + " is missing");
    if (values_[i] == Py_None && !known[i].required) values_[i] = nullptr;
  }
}

void Arguments::refuse_keyword(PyObject *keyword) const {
  std::string known;
  for (size_t i = 0; i < signature_.parameters.size(); ++i) known += (i ? ", " : "") + std::string(name(i));
  throw py::type_error(signature_.call + ": '" + PyUnicode_AsUTF8(keyword) +
                       "' is not an argument; expected one of: " + known);
}

double number_from(const char *call, const char *name, PyObject *value) {
  const double number = PyFloat_AsDouble(value);
  if (number == -1 && PyErr_Occurred()) {
    PyErr_Clear();
    refuse_type(call, name, value, "a number");
  }
  return number;
}

int64_t whole_from(const char *call, const char *name, PyObject *value) {
  const auto index = py::reinterpret_steal<py::object>(PyNumber_Index(value));
  const int64_t number = index ? PyLong_AsLongLong(index.ptr()) : -1;
  if (number == -1 && PyErr_Occurred()) {
    PyErr_Clear();
    refuse_type(call, name, value, "a whole number below 2^63");
  }
  return number;
}

double Arguments::number(size_t i, double otherwise) const {
  return is_given(i) ? number_from(call(), name(i), values_[i]) : otherwise;
}

int64_t Arguments::whole(size_t i, int64_t otherwise) const {
  return is_given(i) ? whole_from(call(), name(i), values_[i]) : otherwise;
}

std::string Arguments::text(size_t i) const {
  if (!is_given(i)) return "";
  if (!PyUnicode_Check(values_[i])) refuse_type(signature_.call, name(i), values_[i], "a string");
  return py::handle(values_[i]).cast<std::string>();
}

bool Arguments::flag(size_t i, bool otherwise) const {
  PyObject *value = values_[i];
  if (value == nullptr) return otherwise;
  if (value != Py_True && value != Py_False) refuse_type(signature_.call, name(i), value, "True or False");
  return value == Py_True;
}

int32_t Arguments::word(size_t i, const char *const *words, int32_t otherwise) const {
  PyObject *value = values_[i];
  if (value == nullptr) return otherwise;
  const char *text = PyUnicode_Check(value) ? PyUnicode_AsUTF8(value) : nullptr;
  std::string known;
  for (int32_t code = 0; words[code] != nullptr; ++code) {
    if (text != nullptr && std::strcmp(text, words[code]) == 0) return code;
    known += (code ? ", '" : "'") + std::string(words[code]) + "'";
  }
  PyErr_Clear();
  if (text == nullptr) refuse_type(signature_.call, name(i), value, "one of: " + known);
  refuse_value(signature_.call, std::string(name(i)) + " is '" + text + "'; expected one of: " + known);
}

std::string describe(PyObject *object) {
  if (object == Py_None) return "None";
  const std::string type = Py_TYPE(object)->tp_name;
  if (PyUnicode_Check(object) || PyLong_Check(object) || PyFloat_Check(object)) {
    std::string text = py::repr(object).cast<std::string>();
    if (text.size() > 40) text = text.substr(0, 40) + "...";
    return text + " (" + type + ")";
  }
  return "of the type " + type;
}

void refuse_type(const std::string &call, const std::string &name, PyObject *given, const std::string &expected) {
  throw py::type_error(call + ": " + name + " is " + describe(given) + "; expected " + expected);
}

void refuse_value(const std::string &call, const std::string &message) { throw py::value_error(call + ": " + message); }

} // namespace lanefold::python
