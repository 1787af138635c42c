// What the classes of this module need beyond pybind11: constructors without half-made objects, and garbage collection.
#pragma once

#include "arguments.hpp"

namespace lanefold::python {

// Gives a class a constructor.  The first line of the class's documentation is its signature.  An object is made whole by
// __new__, so there is none that __init__ has not reached.
template <auto make, class Value> void define_constructor(py::class_<Value> &type, const char *documentation) {
  static Signature signature;
  signature.read("", documentation);
  auto *const object = reinterpret_cast<PyTypeObject *>(type.ptr());
  object->tp_new = [](PyTypeObject *, PyObject *positional, PyObject *named) {
    return guarded([&] {
      std::vector<PyObject *> given;
      py::list names;
      for (const py::handle argument : py::reinterpret_borrow<py::tuple>(positional)) given.push_back(argument.ptr());
      const size_t count = given.size();
      if (named != nullptr)
        for (const auto &[name, argument] : py::reinterpret_borrow<py::dict>(named))
          names.append(name), given.push_back(argument.ptr());
      const Arguments arguments(signature, nullptr, given.data(), static_cast<Py_ssize_t>(count),
                                py::tuple(names).ptr());
      return py::cast(make(arguments), py::return_value_policy::take_ownership);
    });
  };
  object->tp_init = [](PyObject *, PyObject *, PyObject *) { return 0; };
}

// Takes the constructor from a class whose objects only the module makes.
template <class Value> void remove_constructor(py::class_<Value> &type) {
  reinterpret_cast<PyTypeObject *>(type.ptr())->tp_new = nullptr;
}

// The C++ object of a Python object; NULL while that is being made.
template <class Value> Value *value_of(PyObject *self) {
  return static_cast<Value *>(reinterpret_cast<py::detail::instance *>(self)->get_value_and_holder().value_ptr());
}

// Lets the garbage collector see what the objects of a class hold: Value has visit(visitor), which calls visitor(object)
// for each reference, and clear(), which drops them.
template <class Value> py::custom_type_setup collected() {
  return py::custom_type_setup([](PyHeapTypeObject *type) {
    type->ht_type.tp_flags |= Py_TPFLAGS_HAVE_GC;
    type->ht_type.tp_traverse = [](PyObject *self, visitproc visit, void *arg) {
#if PY_VERSION_HEX >= 0x03090000
      Py_VISIT(Py_TYPE(self));
#endif
      int result = 0;
      if (const Value *value = value_of<Value>(self))
        value->visit([&](const py::handle &held) {
          if (result == 0 && held) result = visit(held.ptr(), arg);
        });
      return result;
    };
    type->ht_type.tp_clear = [](PyObject *self) {
      if (Value *value = value_of<Value>(self)) value->clear();
      return 0;
    };
  });
}

} // namespace lanefold::python
