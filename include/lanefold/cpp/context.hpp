// Contexts that are owned, and what is needed to make one: executors, logs, and the plugins of this machine.
#ifndef LANEFOLD_CPP_CONTEXT_HPP
#define LANEFOLD_CPP_CONTEXT_HPP

#include <lanefold/cpp/calls.hpp>
#include <lanefold/cpp/errors.hpp>
#include <lanefold/cpp/layers.hpp>
#include <lanefold/cpp/macros.hpp>
#include <lanefold/lanefold.h>

#include <algorithm>
#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace lanefold {
inline namespace LANEFOLD_NAMESPACE {

/// A unit of work that an executor runs.  Call it with each index.
struct Task {
  lf_task function; ///< The function of the library that runs a task.
  void *argument;   ///< Its first argument.
  /// Runs the task with this index.  [thread-safe]
  void operator()(int64_t index) const { function(argument, index); }
};

/// \cond
namespace detail {

template <class Callable>
inline constexpr bool is_function = std::is_function_v<std::remove_pointer_t<std::decay_t<Callable>>>;

// What a C callback keeps of a callable: the function, if it is one or points to one, else a pointer to the object.
template <class Callable>
using Kept = std::conditional_t<is_function<Callable>, std::decay_t<Callable>, std::remove_reference_t<Callable> *>;

// A temporary object would be gone by the time that the library calls it.
template <class Callable>
inline constexpr bool can_be_kept = is_function<Callable> || std::is_lvalue_reference_v<Callable>;

template <class Callable> void *keep(Callable &callable) noexcept {
  Kept<Callable &> kept;
  if constexpr (is_function<Callable &>) kept = callable;
  else kept = std::addressof(callable);
  return const_cast<void *>(reinterpret_cast<const void *>(kept));
}

} // namespace detail
/// \endcond

/// Makes an executor of an application's own thread pool.  pool(count, task) runs task(i) once for each i in [0, count),
/// in any order and on at most `threads` threads.  It returns when all are done (lf_parallel_for in context.h).
/// Several threads may call it at the same time.  An exception that leaves it ends the program.  The executor refers to
/// the pool, which must live longer than every context that uses it.  The pool may also be a function.
template <class Pool, std::enable_if_t<detail::can_be_kept<Pool>, int> = 0>
[[nodiscard]] lf_executor make_executor(Pool &&pool, Count<int32_t> threads) noexcept {
  static_assert(std::is_invocable_v<Pool &, int64_t, Task>, "the pool is called with a count and a Task");
  auto executor = args<lf_executor>();
  executor.threads = threads;
  executor.self = detail::keep(pool);
  executor.parallel_for = [](void *self, int64_t count, lf_task task, void *arg) noexcept {
    (*reinterpret_cast<detail::Kept<Pool>>(self))(count, Task{task, arg});
  };
  return executor;
}

/// Sends the messages of a context to write(level, message), where level is LF_LOG_INFO or LF_LOG_WARNING.  Several
/// threads may call it at the same time.  An exception that leaves it ends the program.  The options refer to write,
/// which must live longer than the context.  It may also be a function.
template <class Write, std::enable_if_t<detail::can_be_kept<Write>, int> = 0>
void set_log(lf_context_options &options, Write &&write) noexcept {
  static_assert(std::is_invocable_v<Write &, int32_t, const char *>, "the log is called with a level and a message");
  options.log_self = detail::keep(write);
  options.log = [](void *self, int32_t level, const char *message) noexcept {
    (*reinterpret_cast<detail::Kept<Write>>(self))(level, message);
  };
}

/// A plugin that the library considered.
struct Plugin {
  bool taken;         ///< True if this plugin runs the calls of a context with the same options.
  bool usable;        ///< True if this CPU and operating system can run it.
  int32_t priority;   ///< The usable plugin with the highest priority is taken.
  std::string name;   ///< Such as "avx2".
  std::string vendor; ///< Such as "lanefold".
  std::string path;   ///< The plugin's file, or "built in".
  std::string needs;  ///< The CPU features that it needs, separated by spaces.
  std::string reason; ///< Why it was taken or passed over.

  /// Copies the strings of a candidate.
  explicit Plugin(const lf_plugin_candidate &candidate)
      : taken(candidate.taken != 0), usable(candidate.usable != 0), priority(candidate.priority), name(candidate.name),
        vendor(candidate.vendor), path(candidate.path), needs(candidate.needs), reason(candidate.reason) {}
};

/// Owns a context.  It has the calls of ContextCalls.
template <class Errors> class BasicContext : public ContextCalls<Errors> {
public:
  /// What a call returns if its result is a Value.
  template <class Value> using Returned = typename Errors::template Returned<Value>;

  /// Takes ownership.  On NULL, every call fails.
  explicit BasicContext(lf_context *context = nullptr) noexcept : ContextCalls<Errors>(context) {}
  /// Takes the context of another owner, which then has none.
  BasicContext(BasicContext &&other) noexcept : BasicContext(std::exchange(other.context_, nullptr)) {}
  /// Takes the context of another owner, which then has none, and frees the old one.
  BasicContext &operator=(BasicContext &&other) noexcept {
    lf_context *const taken = std::exchange(other.context_, nullptr); // first, because other may be *this
    const BasicContext old(std::exchange(this->context_, taken));
    return *this;
  }
  /// Frees the context.  No call on it may be running.
  ~BasicContext() { lf_context_destroy(this->get()); }

  /// The same context, with calls that return their errors.
  [[nodiscard]] BasicContextView<ReturnErrors> nothrow() const noexcept LANEFOLD_LIFETIMEBOUND {
    return ContextCalls<Errors>::nothrow();
  }

  /// Makes a context, as lf_context_create() does.
  [[nodiscard]] static Returned<BasicContext> create(const lf_context_options &options = args<lf_context_options>()) {
    lf_context *made = nullptr;
    const lf_status status = lf_context_create(&options, &made);
    return Errors::finish(status, nullptr, BasicContext(made));
  }

  /// Calls visit(candidate) for each plugin, the best one first (lf_enumerate_plugins() in context.h).  If visit throws an
  /// exception, no other plugin is visited, and the exception leaves this function.
  template <class Visit>
  static Returned<void> enumerate_plugins(Visit &&visit,
                                          const lf_context_options &options = args<lf_context_options>()) {
#if defined(__cpp_exceptions)
    struct State {
      std::remove_reference_t<Visit> &visit;
      std::exception_ptr thrown;
    } state{visit, nullptr};
    const lf_status status = lf_enumerate_plugins(
        &options,
        [](void *self, const lf_plugin_candidate *candidate) noexcept {
          State &to = *static_cast<State *>(self);
          if (to.thrown) return;
          try {
            to.visit(*candidate);
          } catch (...) {
            to.thrown = std::current_exception();
          }
        },
        &state);
    if (state.thrown) std::rethrow_exception(state.thrown);
#else
    std::remove_reference_t<Visit> *state = &visit;
    const lf_status status = lf_enumerate_plugins(
        &options,
        [](void *self, const lf_plugin_candidate *candidate) {
          (**static_cast<std::remove_reference_t<Visit> **>(self))(*candidate);
        },
        &state);
#endif
    return Errors::finish(status, nullptr);
  }
  /// Returns each plugin, the best one first.
  [[nodiscard]] static Returned<std::vector<Plugin>>
  plugins(const lf_context_options &options = args<lf_context_options>()) {
    std::vector<Plugin> found;
    const Result<void> done = BasicContext<ReturnErrors>::enumerate_plugins(
        [&](const lf_plugin_candidate &candidate) { found.emplace_back(candidate); }, options);
    if (!done) found.clear();
    return Errors::finish(done.status(), nullptr, std::move(found));
  }
  /// Returns the names of the plugins that this machine can use, the best one first.  Fails with LF_NOT_FOUND if
  /// LANEFOLD_ISA names a plugin that does not exist.
  [[nodiscard]] static Returned<std::vector<std::string>> usable_plugins() {
    std::vector<std::string> names;
    const Result<void> done = BasicContext<ReturnErrors>::enumerate_plugins([&](const lf_plugin_candidate &candidate) {
      if (candidate.usable && std::find(names.begin(), names.end(), candidate.name) == names.end())
        names.emplace_back(candidate.name);
    });
    if (!done) names.clear();
    return Errors::finish(done.status(), nullptr, std::move(names));
  }
  /// Returns the name of the CPU and the features that both the CPU and the operating system offer.
  [[nodiscard]] static Returned<std::string> describe_cpu() {
    return detail::text_of<Errors>(
        nullptr, [](char *text, uint64_t size, uint64_t *needed) { return lf_describe_cpu(text, size, needed); });
  }
};

/// Owns a context whose calls return their errors.  NothrowContext::create() makes one.
using NothrowContext = BasicContext<ReturnErrors>;

#if defined(__cpp_exceptions)
/// Owns a context whose calls throw their errors.
class Context : public BasicContext<ThrowErrors> {
public:
  /// Makes a context, as lf_context_create() does, or throws Error.
  explicit Context(const lf_context_options &options = args<lf_context_options>()) : BasicContext(create(options)) {}
  /// Limits the number of tasks that run at once.  0: one for each CPU that the process may use.
  explicit Context(Count<int32_t> threads) : Context(with_threads(threads)) {}

private:
  static lf_context_options with_threads(int32_t threads) {
    auto options = args<lf_context_options>();
    options.threads = threads;
    return options;
  }
};

/// Returns the names of the plugins that this machine can use, the best one first.  Throws Error if LANEFOLD_ISA names a
/// plugin that does not exist.  [thread-safe]
[[nodiscard]] inline std::vector<std::string> usable_plugins() { return Context::usable_plugins(); }
#endif

} // namespace LANEFOLD_NAMESPACE
} // namespace lanefold

#endif
