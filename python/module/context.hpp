// Contexts of the library, as Python objects.
#pragma once

#include "executor.hpp"

#include <lanefold/lanefold.h>

#include <memory>

namespace lanefold::python {

// A context of the library.  It lives until its owner has closed it and no call uses it any more.
struct LiveContext {
  lf_context *context = nullptr;
  std::unique_ptr<Executor> executor;
  std::unique_ptr<Log> log;

  LiveContext() = default;
  ~LiveContext() { lf_context_destroy(context); }
  LiveContext(const LiveContext &) = delete;
  LiveContext &operator=(const LiveContext &) = delete;
  bool calls_python() const { return executor != nullptr || log != nullptr; }
};

class Context {
public:
  explicit Context(std::shared_ptr<LiveContext> live) : live_(std::move(live)) {}

  // Refuses a context that is closed.
  const std::shared_ptr<LiveContext> &live(const char *call) const;
  void close();
  void stay_open() { stays_open_ = true; }
  bool closed() const { return live_ == nullptr; }

  // Shows the garbage collector the Python objects that this one holds.
  template <class Visit> void visit(const Visit &visit) const {
    if (live_ && live_->executor) visit(live_->executor->callable());
    if (live_ && live_->log) visit(live_->log->callable());
  }
  void clear() {
    if (!stays_open_) live_.reset();
  }

private:
  std::shared_ptr<LiveContext> live_;
  bool stays_open_ = false;
};

// The context of the argument `context`, or the default one, which the first call makes.
const std::shared_ptr<LiveContext> &context_of(const char *call, PyObject *given);

// Raises what the library refuses: lanefold.InvalidArgument, MemoryError or lanefold.Error.
[[noreturn]] void refuse_status(lf_status status, const char *call, std::string message);

void define_context(py::module_ &module);

} // namespace lanefold::python
