// The tasks of one parallel loop, as Python sees them, and the loop itself.
#include "executor.hpp"

#include "classes.hpp"
#include "gil.hpp"

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <vector>

namespace lanefold::python {
namespace {

// One parallel loop.  Threads of Python may keep it longer than the loop lasts.
struct Loop {
  Loop(int64_t task_count, lf_task function, void *argument)
      : count(task_count), task(function), arg(argument), taken(static_cast<size_t>(task_count)) {}

  const int64_t count;
  const lf_task task;
  void *const arg;
  std::vector<std::atomic<bool>> taken;
  std::atomic<int64_t> next{0};
  std::mutex mutex;
  std::condition_variable idle;
  int64_t running = 0; // threads within enter() and leave()
  bool ended = false;

  // A thread may run tasks only between enter() and leave().
  bool enter() {
    const std::lock_guard lock(mutex);
    if (!ended) ++running;
    return !ended;
  }
  void leave() {
    const std::lock_guard lock(mutex);
    if (--running == 0) idle.notify_all();
  }
  bool take(int64_t i) { return !taken[static_cast<size_t>(i)].exchange(true); }
  // Runs tasks until each has been taken.
  void work() {
    for (int64_t i; (i = next.fetch_add(1)) < count;)
      if (take(i)) task(arg, i);
  }
  // Runs what is left, and waits for the tasks of other threads.
  void finish() {
    work();
    std::unique_lock lock(mutex);
    idle.wait(lock, [&] { return running == 0; });
    ended = true;
  }
};

// What a callable gets as `task`.
struct Task {
  std::shared_ptr<Loop> loop;

  void run(int64_t i) const {
    if (i < 0 || i >= loop->count)
      throw py::index_error("task: the index is " + std::to_string(i) + "; expected 0 to " +
                            std::to_string(loop->count - 1));
    bool during_call, mine = false;
    {
      const WithoutGil released; // the end of the loop waits for this block, and must not wait for the GIL
      during_call = loop->enter();
      if (during_call) {
        mine = loop->take(i);
        if (mine) loop->task(loop->arg, i);
        loop->leave();
      }
    }
    if (!during_call) refuse_value("task", "its call has ended; expected to be called only while the executor runs");
    if (!mine) refuse_value("task", "the index " + std::to_string(i) + " was run before; expected each one once");
  }
  void work() const {
    const WithoutGil released;
    if (!loop->enter()) return;
    loop->work();
    loop->leave();
  }
};

py::object run_task(const Arguments &given) {
  py::cast<const Task &>(py::handle(given.self())).run(given.whole(0, 0));
  return py::none();
}

py::object work_on_tasks(const Arguments &given) {
  py::cast<const Task &>(py::handle(given.self())).work();
  return py::none();
}

// The exception that an executor has raised in this thread.
thread_local PyObject *pending_type, *pending_value, *pending_traceback;

} // namespace

Executor::Executor(py::object callable, int32_t threads) : callable_(std::move(callable)), executor_{} {
  executor_.struct_size = sizeof executor_;
  executor_.threads = threads;
  executor_.self = this;
  executor_.parallel_for = parallel_for;
}

void Executor::parallel_for(void *self, int64_t count, lf_task task, void *arg) {
  std::shared_ptr<Loop> loop;
  {
    const WithGil taken;
    PyObject *const result = guarded([&] {
      loop = std::make_shared<Loop>(count, task, arg);
      return static_cast<Executor *>(self)->callable_(count, Task{loop});
    });
    if (result == nullptr) {
      if (pending_type == nullptr) PyErr_Fetch(&pending_type, &pending_value, &pending_traceback);
      else PyErr_Clear();
    }
    Py_XDECREF(result);
  }
  if (loop) loop->finish();
  else
    for (int64_t i = 0; i < count; ++i) task(arg, i);
}

void Log::write(void *self, int32_t level, const char *message) {
  const WithGil taken;
  const py::object &callable = static_cast<Log *>(self)->callable_;
  PyObject *const result = guarded([&] { return callable(level == LF_LOG_WARNING ? 30 : 20, string_of(message)); });
  if (result == nullptr) PyErr_WriteUnraisable(callable.ptr());
  Py_XDECREF(result);
}

void Executor::raise_pending() {
  if (pending_type == nullptr) return;
  PyErr_Restore(pending_type, pending_value, pending_traceback);
  pending_type = pending_value = pending_traceback = nullptr;
  throw py::error_already_set();
}

void define_executor(py::module_ &module) {
  py::class_<Task> type(module, "Task", R"(The tasks of one parallel loop.  An executor gets them with their number.

task(i) runs task i, and raises if it was run before.  task.work() runs tasks that nobody has taken, until none is left.
Both release the GIL, and any number of threads may call them.)",
                        py::is_final());
  type.attr("__module__") = "lanefold";
  define_no_constructor(type);
  Function<run_task>::define(type, "__call__($self, i)\n--\n\nRuns task i.");
  Function<work_on_tasks>::define(type, "work($self)\n--\n\nRuns tasks that nobody has taken, until none is left.");
}

} // namespace lanefold::python
