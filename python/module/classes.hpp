// What the classes of this module need beyond pybind11: constructors that leave no object half made, close(), and
// garbage collection.
#pragma once

#include "arguments.hpp"

namespace lanefold::python {

// Gives a class a constructor.  The first line of the class's documentation is its signature.  __new__ makes the whole
// object, so there is no object that still waits for __init__.
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

// Makes the constructor of a class raise, because only the package makes its objects.
inline void define_no_constructor(const py::handle &type) {
  reinterpret_cast<PyTypeObject *>(type.ptr())->tp_new = [](PyTypeObject *self, PyObject *, PyObject *) {
    const char *name = std::strrchr(self->tp_name, '.') + 1;
    PyErr_Format(PyExc_TypeError, "%s: it has no constructor; help(lanefold.%s) tells what makes one", name, name);
    return static_cast<PyObject *>(nullptr);
  };
}

template <class Type> py::object close_object(const Arguments &given) {
  py::cast<Type &>(py::handle(given.self())).close();
  return py::none();
}
template <class Type> py::object enter_object(const Arguments &given) {
  return py::reinterpret_borrow<py::object>(given.self());
}
template <class Type> py::object leave_object(const Arguments &given) { return close_object<Type>(given); }

// Gives a class close(), and support for `with`, which closes the object at the end of the block.
template <class Type> void define_close(const py::class_<Type> &type, const char *documentation) {
  Function<close_object<Type>>::define(type, documentation);
  Function<enter_object<Type>>::define(type, "__enter__($self)\n--\n\nReturns the object itself.");
  Function<leave_object<Type>>::define(
      type, "__exit__($self, type=None, value=None, traceback=None)\n--\n\nCloses the object.");
}

// The C++ object inside a Python object; NULL while the Python object is being made.
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
    // Before 2.10.4, pybind11 leaves the object tracked while its destructor runs, which may start a collection.
    type->ht_type.tp_dealloc = [](PyObject *self) {
      PyObject_GC_UnTrack(self);
      Py_TYPE(self)->tp_base->tp_dealloc(self);
    };
  });
}

} // namespace lanefold::python
