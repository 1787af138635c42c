// One public call, from entry to exit. It sets the floating-point state, checks the arguments, and asks the plugins of
// the context's chain for the operation, one after the other. No exception leaves it.
#pragma once

#include "runtime/check.hpp"
#include "runtime/context.hpp"
#include "runtime/error.hpp"
#include "runtime/float_state.hpp"
#include "runtime/operations.hpp"

#include <lanefold/plugin.h>

#include <cstdio>
#include <exception>
#include <new>

namespace lanefold::runtime {

// The host that a plugin sees during one call. A message that the plugin leaves reaches lf_last_error only if the whole
// call fails.
class Call {
public:
  Call(lf_context &context, const char *name) noexcept : context_(context), name_(name) {
    message_[0] = 0;
    host_ = {sizeof(lf_host),
             context.executor.threads(),
             context.cpu_features,
             this,
             parallel_for,
             acquire,
             release,
             fail,
             log};
  }
  Call(const Call &) = delete;
  Call &operator=(const Call &) = delete;

  const lf_host *host() const { return &host_; }
  const char *message() const { return message_; }

  // If status is not LF_OK, notes the plugin's message, or one that names the plugin if it left none.
  lf_status finish(lf_status status, const LoadedPlugin &plugin) {
    if (status == LF_OK) return status;
    if (message_[0] == 0)
      std::snprintf(message_, sizeof message_, "the plugin %s returned %s without a message", plugin.name.c_str(),
                    lf_status_name(status));
    return note_error(context_.serial, status, name_, message_);
  }

private:
  static lf_context &context_of(void *self) { return static_cast<Call *>(self)->context_; }

  static void parallel_for(void *self, int64_t count, lf_task task, void *arg) {
    context_of(self).executor.parallel_for(count, task, arg);
  }
  static void *acquire(void *self, uint64_t bytes) { return context_of(self).scratch.acquire(bytes); }
  static void release(void *self, void *memory) { context_of(self).scratch.release(memory); }
  static lf_status fail(void *self, lf_status status, const char *message) {
    std::snprintf(static_cast<Call *>(self)->message_, message_size, "%s", message);
    return status;
  }
  static void log(void *self, int32_t level, const char *message) {
    const Log &sink = context_of(self).log;
    if (sink.function != nullptr) sink.function(sink.self, level, message);
  }

  lf_context &context_;
  const char *name_;
  lf_host host_;
  char message_[message_size];
};

// Runs body(), and turns an exception into a status.
template <class Body> lf_status without_exceptions(uint64_t serial, const char *name, Body body) noexcept {
  try {
    return body();
  } catch (const std::bad_alloc &) {
    return note_error(serial, LF_OUT_OF_MEMORY, name, "out of memory");
  } catch (const std::exception &error) {
    return note_error(serial, LF_INTERNAL, name, error.what());
  } catch (...) {
    return note_error(serial, LF_INTERNAL, name, "unknown exception");
  }
}

// Runs body(check) with the floating-point state that results need.
template <class Body> lf_status guarded(uint64_t serial, const char *name, Body body) noexcept {
  const FloatState state;
  return without_exceptions(serial, name, [&] {
    Check check(serial, name);
    return body(check);
  });
}

// The same for a call on a context, which must not be NULL.
template <class Body> lf_status guarded(const lf_context *context, const char *name, Body body) noexcept {
  if (context == nullptr) return note_error(no_context, LF_INVALID_ARGUMENT, name, "context is NULL");
  return guarded(context->serial, name, body);
}

// Calls attempt(plugin, host) for the plugins of the chain, until one returns a status other than LF_UNSUPPORTED.
template <class Attempt> lf_status ask_chain(lf_context &context, const char *name, Attempt attempt) {
  Call call(context, name);
  const LoadedPlugin *asked = &context.chain->chosen();
  lf_status status = attempt(*asked, call.host());
  if (status == LF_UNSUPPORTED) [[unlikely]] {
    for (const LoadedPlugin &plugin : context.chain->stand_ins(*call.host())) {
      asked = &plugin;
      status = attempt(plugin, call.host());
      if (status != LF_UNSUPPORTED) break;
    }
  }
  return call.finish(status, *asked);
}

template <class Args> using Kernel = lf_status (*lf_kernel_table::*)(const lf_host *, const Args *);

// The same for an operation that takes only its argument struct, which has been checked.
template <class Args>
lf_status ask_chain(lf_context &context, const char *name, Kernel<Args> kernel, const Args &args) {
  return ask_chain(context, name, [&](const LoadedPlugin &plugin, const lf_host *host) {
    const auto operation = plugin.table.*kernel;
    return operation == nullptr ? LF_UNSUPPORTED : operation(host, &args);
  });
}

// The whole public call of an operation. rules(check, args) checks the arguments and returns whether there is work, which
// work(context, args) does. QuickCheck first decides whether all rules hold. Only if it cannot confirm that, Check goes
// through the rules again and writes the message.
template <class Args, class Rules, class Work>
lf_status run(lf_context *context, const char *name, const Args *given, Rules rules, Work work) noexcept {
  const auto with_words = [=]() __attribute__((noinline, cold)) {
    return guarded(context, name, [=](Check &check) {
      Args args = check.read("args", given);
      const bool has_work = rules(check, args);
      return check.ok() && has_work ? work(*context, args) : check.status();
    });
  };
  if (context == nullptr) [[unlikely]]
    return with_words();
  const FloatState state;
  QuickCheck check;
  Args args = check.read("args", given);
  const bool has_work = check.ok() && rules(check, args);
  if (!check.ok()) [[unlikely]]
    return with_words();
  if (!has_work) return LF_OK;
  return without_exceptions(context->serial, name, [&] { return work(*context, args); });
}

// The rules that the argument struct states by itself.
inline constexpr auto rules_of_struct = [](auto &check, auto &args) { return check_arguments(check, args); };

// The whole public call of an operation that takes only its argument struct. kernel is its slot in the table.
template <class Args>
lf_status run(lf_context *context, const char *name, Kernel<Args> kernel, const Args *given) noexcept {
  return run(context, name, given, rules_of_struct,
             [=](lf_context &on, const Args &args) { return ask_chain(on, name, kernel, args); });
}

} // namespace lanefold::runtime
