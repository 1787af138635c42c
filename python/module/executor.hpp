// Python callables as the executor and the log of a context.
#pragma once

#include "arguments.hpp"

#include <lanefold/context.h>

namespace lanefold::python {

// Calls executor(count, task).  The GIL is held only for that: tasks run without it.  The calling thread runs the tasks
// that the callable has left.  If the callable raises, the results are still complete, and raise_pending() raises the
// exception afterwards.
class Executor {
public:
  Executor(py::object callable, int32_t threads);

  const lf_executor *get() const { return &executor_; }

  const py::object &callable() const { return callable_; }

  // Raises what an executor has raised in this thread since the last time.
  static void raise_pending();

private:
  static void parallel_for(void *self, int64_t count, lf_task task, void *arg);

  py::object callable_;
  lf_executor executor_;
};

// Calls log(level, message) with the levels of Python's module logging.  An exception that the callable raises
// goes to sys.unraisablehook.
class Log {
public:
  explicit Log(py::object callable) : callable_(std::move(callable)) {}

  const py::object &callable() const { return callable_; }
  static void write(void *self, int32_t level, const char *message);

private:
  py::object callable_;
};

void define_executor(py::module_ &module);

} // namespace lanefold::python
