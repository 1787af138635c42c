// One call of the library: its context, the GIL, and what becomes of its status.
#pragma once

#include "array.hpp"
#include "context.hpp"
#include "executor.hpp"
#include "gil.hpp"

#include <initializer_list>
#include <optional>

namespace lanefold::python {

// A struct of the C interface with struct_size filled in and all other fields 0.
template <class Struct> Struct args() {
  Struct value{};
  value.struct_size = sizeof(Struct);
  return value;
}

// What a field of the C struct is called in Python.
struct Renamed {
  const char *field, *argument;
};

inline double volume(int64_t m, int64_t n, int64_t k = 1) {
  return static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k);
}

class Call {
public:
  // Holds the context until the end of the call, so that another thread may close it.
  Call(const Arguments &given, size_t context) : name_(given.call()), live_(context_of(name_, given[context])) {}
  Call(const char *name, PyObject *context) : name_(name), live_(context_of(name, context)) {}

  lf_context *context() const { return live_->context; }

  // Calls function(context, args...).  operations: about how many floating-point operations it takes.  A call that is
  // longer than a few microseconds releases the GIL, and so does every call that may call Python.
  template <class Function, class... Args>
  void run(double operations, std::initializer_list<Renamed> renamed, Function function, Args... args) const {
    lf_status status;
    if (operations < few && !live_->calls_python()) {
      status = function(live_->context, args...);
    } else {
      {
        const WithoutGil released;
        status = function(live_->context, args...);
      }
      if (live_->executor) Executor::raise_pending();
    }
    if (status != LF_OK) refuse(status, renamed);
  }

private:
  static constexpr double few = 30000;
  [[noreturn]] void refuse(lf_status status, std::initializer_list<Renamed> renamed) const;

  const char *const name_;
  const std::shared_ptr<LiveContext> live_;
};

// An array that a call reads.  data() is NULL if it was not given.
class Input {
public:
  Input(const Arguments &given, size_t i, Order order = Order::rows); // any matrix
  Input(const Arguments &given, size_t i, int64_t rows, int64_t columns, Order order = Order::rows,
        Access access = Access::read);
  Input(const Arguments &given, size_t i, int64_t n, Access access = Access::read); // a vector

  float *data() const { return view_.data; }
  const Matrix &view() const { return view_; }
  const std::optional<Memory> &memory() const { return memory_; }

private:
  std::optional<Memory> memory_;
  Matrix view_{nullptr, 0, 0, 0, false};
};

// n integers, such as labels, which must be given.
template <class Element> class Integers {
public:
  Integers(const Arguments &given, size_t i, const ElementType &type, int64_t n)
      : memory_(given.call(), given.name(i), given[i], type, Access::read),
        data_(static_cast<const Element *>(vector(memory_, n))) {}
  const Element *data() const { return data_; }

private:
  Memory memory_;
  const Element *data_;
};

// The types of lanefold/results.py.
struct ResultTypes {
  py::handle dense_gradients, batch_norm_gradients, folded, step, plugin;

  // Runs when Python imports this module.  An import inside a call could deadlock with another thread's import, which
  // waits for the GIL.
  void find();
};
extern ResultTypes result_types;

// False instead of an array means that a result is not wanted.
inline bool is_wanted(const Arguments &given, size_t i) { return !given.is_given(i) || !is_false(given[i]); }

// An array that a call writes: the one that was given, or a new one.
class Output {
public:
  Output(const Arguments &given, size_t i, int64_t rows, int64_t columns, Order order = Order::rows);
  Output(const Arguments &given, size_t i, int64_t n);

  float *data() const { return view_.data; }
  const Matrix &view() const { return view_; }
  const py::object &object() const { return object_; }

private:
  py::object object_;
  std::optional<Memory> memory_;
  Matrix view_;
};

} // namespace lanefold::python
