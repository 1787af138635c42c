// Releases and takes the GIL.  A thread that waits for the GIL when the interpreter ends never gets it, and waits here
// until the process ends.
#pragma once

#include <pybind11/pybind11.h>

#include <cxxabi.h>
#include <unistd.h>

namespace lanefold::python {

// Runs `take`, which waits for the GIL.  When the interpreter has ended, older versions of CPython unwind the thread
// instead, which would run destructors that need the GIL.
template <class Take> auto take_gil(const Take &take) noexcept {
  try {
    return take();
  } catch (const abi::__forced_unwind &) {
    for (;;) pause(); // until the process ends
  }
}

class WithoutGil {
public:
  WithoutGil() = default;
  ~WithoutGil() {
    take_gil([&] { PyEval_RestoreThread(thread_); });
  }
  WithoutGil(const WithoutGil &) = delete;
  WithoutGil &operator=(const WithoutGil &) = delete;

private:
  PyThreadState *const thread_ = PyEval_SaveThread();
};

class WithGil {
public:
  WithGil() = default;
  ~WithGil() { PyGILState_Release(state_); }
  WithGil(const WithGil &) = delete;
  WithGil &operator=(const WithGil &) = delete;

private:
  const PyGILState_STATE state_ = take_gil([] { return PyGILState_Ensure(); });
};

} // namespace lanefold::python
