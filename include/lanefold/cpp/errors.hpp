// How the C++ calls report errors: thrown as an Error, or returned in a Result.  Both policies have the same functions,
// so that each call is written once.
#ifndef LANEFOLD_CPP_ERRORS_HPP
#define LANEFOLD_CPP_ERRORS_HPP

#include <lanefold/context.h>
#include <lanefold/cpp/macros.hpp>
#include <lanefold/status.h>

#include <cinttypes>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

namespace lanefold {
inline namespace LANEFOLD_NAMESPACE {

/// \cond
namespace detail {

// What the views of a call disagree on, in numbers.  The text is made only after a call has failed.
struct Mismatch {
  enum Kind : int32_t { none, count, rows, columns, step };
  Kind kind = none;
  const char *what = "";
  int64_t one = 0, other = 0;
};

constexpr size_t message_size = 192;

// The message of the last call that this interface has refused in this thread.
inline char *refusal() {
  static thread_local char message[message_size];
  return message;
}

[[gnu::cold, gnu::noinline]] inline void describe(Mismatch::Kind kind, const char *what, int64_t one, int64_t other,
                                                  char *text, size_t size = message_size) {
  if (kind == Mismatch::step && other == 1) std::snprintf(text, size, "%s is stored by columns; expected rows", what);
  else if (kind == Mismatch::step)
    std::snprintf(text, size, "elements of %s lie %" PRId64 " apart; expected 1", what, one);
  else
    std::snprintf(text, size, "%s%s differ: %" PRId64 " and %" PRId64,
                  kind == Mismatch::rows      ? "rows of "
                  : kind == Mismatch::columns ? "columns of "
                                              : "",
                  what, one, other);
}

} // namespace detail
/// \endcond

#if defined(__cpp_exceptions)
/// A call that failed.  what() is the message, which names the argument at fault.
class Error : public std::runtime_error {
public:
  /// Makes an error with a status other than LF_OK.
  Error(lf_status code, const std::string &message) : std::runtime_error(message), status(code) {}
  lf_status status; ///< The status, such as LF_INVALID_ARGUMENT.
};
#endif

/// Whether a call succeeded, and why not.  It converts to true if the call succeeded.
class [[nodiscard]] Outcome {
public:
  /// The outcome of a C call on this context; NULL stands for the calls that take no context.
  Outcome(lf_status status, const lf_context *context) noexcept : status_(status), context_(context) {}
  /// The outcome of a call that this interface refused.  message() returns the text that it left in this thread.
  static Outcome refused(lf_status status) noexcept {
    Outcome outcome(status, nullptr);
    outcome.refused_ = true;
    return outcome;
  }

  /// True if the call succeeded.
  explicit operator bool() const noexcept { return status_ == LF_OK; }
  /// The status of the call, such as LF_OK or LF_INVALID_ARGUMENT.
  [[nodiscard]] lf_status status() const noexcept { return status_; }
  /// The message, which names the argument at fault, or "" if the call succeeded.  Ask for it in the calling
  /// thread, and before the next call of that thread.  The string is valid until then.
  [[nodiscard]] const char *message() const noexcept {
    return status_ == LF_OK ? "" : refused_ ? detail::refusal() : lf_last_error(context_);
  }

protected:
  /// Prints the message and ends the program, unless the call succeeded.
  void must_have_succeeded() const {
    if (__builtin_expect(status_ != LF_OK, 0)) end_program();
  }

private:
  [[noreturn, gnu::cold, gnu::noinline]] void end_program() const {
    std::fprintf(stderr, "lanefold: the value of a call that failed is used: %s\n", message());
    std::abort();
  }

  lf_status status_;
  bool refused_ = false;
  const lf_context *context_;
};

/// The outcome of a call that returns a value.  It converts to true if the call succeeded, and only then has a value.
template <class Value> class [[nodiscard]] Result : public Outcome {
public:
  /// An outcome with its value.
  Result(Outcome outcome, Value value) : Outcome(outcome), value_(std::move(value)) {}

  /// The value.  If the call failed, value() prints the message and ends the program.
  Value &value() & LANEFOLD_LIFETIMEBOUND { return must_have_succeeded(), value_; }
  /// The value, as above.
  const Value &value() const &LANEFOLD_LIFETIMEBOUND { return must_have_succeeded(), value_; }
  /// The value, as above, to be moved from.
  Value &&value() && LANEFOLD_LIFETIMEBOUND { return must_have_succeeded(), std::move(value_); }
  /// The value, without a check.  It is empty, NULL or 0 if the call failed.
  Value &operator*() &noexcept LANEFOLD_LIFETIMEBOUND { return value_; }
  /// The value, as above.
  const Value &operator*() const &noexcept LANEFOLD_LIFETIMEBOUND { return value_; }
  /// The value, as above, to be moved from.
  Value &&operator*() &&noexcept LANEFOLD_LIFETIMEBOUND { return std::move(value_); }
  /// A member of the value, as above.
  Value *operator->() noexcept LANEFOLD_LIFETIMEBOUND { return &value_; }
  /// A member of the value, as above.
  const Value *operator->() const noexcept LANEFOLD_LIFETIMEBOUND { return &value_; }

private:
  Value value_;
};

/// The outcome of a call that returns nothing but its success.
template <> class [[nodiscard]] Result<void> : public Outcome {
public:
  using Outcome::Outcome;
  /// The same outcome.
  Result(Outcome outcome) noexcept : Outcome(outcome) {}
  /// Returns if the call succeeded.  Otherwise value() prints the message and ends the program.
  void value() const { must_have_succeeded(); }
};

/// Calls return a Result.  Nothing is thrown, except for std::bad_alloc by calls that return strings or vectors.
struct ReturnErrors {
  /// What a call returns if its result is a Value.
  template <class Value> using Returned = Result<Value>;

  /// The outcome of a C call.
  static Result<void> finish(lf_status status, lf_context *const &context) { return {status, context}; }
  /// The outcome of a C call, with its value.
  template <class Value> static Result<Value> finish(lf_status status, lf_context *const &context, Value &&value) {
    return {Outcome(status, context), std::move(value)};
  }
  /// The outcome of a call that this interface refuses.
  template <class Value> [[gnu::cold]] static Result<Value> refuse(lf_status status, const char *message) {
    if (message != detail::refusal()) std::snprintf(detail::refusal(), detail::message_size, "%s", message);
    return refused<Value>(status);
  }
  /// \cond
  template <class Value>
  [[gnu::cold, gnu::noinline]] static Result<Value> refuse(detail::Mismatch::Kind kind, const char *what, int64_t one,
                                                           int64_t other) {
    detail::describe(kind, what, one, other, detail::refusal());
    return refused<Value>(LF_INVALID_ARGUMENT);
  }

private:
  template <class Value> static Result<Value> refused(lf_status status) {
    if constexpr (std::is_void_v<Value>) return Outcome::refused(status);
    else return {Outcome::refused(status), Value()};
  }
  /// \endcond
};

#if defined(__cpp_exceptions)
/// Calls return their value, and throw an Error if they fail.
struct ThrowErrors {
  /// What a call returns if its result is a Value.
  template <class Value> using Returned = Value;

  /// Throws unless a C call succeeded.  The context is a reference, so that only a call that failed reads it again.
  static void finish(lf_status status, lf_context *const &context) {
    if (__builtin_expect(status != LF_OK, 0)) fail(status, context);
  }
  /// Returns the value of a C call, or throws.
  template <class Value> static Value finish(lf_status status, lf_context *const &context, Value &&value) {
    finish(status, context);
    return std::move(value);
  }
  /// Throws the error of a call that this interface refuses.
  template <class Value> [[noreturn, gnu::cold]] static Value refuse(lf_status status, const char *message) {
    throw Error(status, message);
  }
  /// \cond
  template <class Value>
  [[noreturn, gnu::cold, gnu::noinline]] static Value refuse(detail::Mismatch::Kind kind, const char *what, int64_t one,
                                                             int64_t other) {
    char text[detail::message_size];
    detail::describe(kind, what, one, other, text);
    throw Error(LF_INVALID_ARGUMENT, text);
  }

private:
  [[noreturn, gnu::cold, gnu::noinline]] static void fail(lf_status status, const lf_context *context) {
    throw Error(status, lf_last_error(context));
  }
  /// \endcond
};
#endif

/// Returns the name of a status, such as "LF_OK".  The string is constant.  [thread-safe]
[[nodiscard]] inline const char *status_name(lf_status status) noexcept { return lf_status_name(status); }

/// Returns the version of the library that runs, as major * 10000 + minor * 100 + patch.  [thread-safe]
[[nodiscard]] inline int32_t version() noexcept { return lf_version(); }

} // namespace LANEFOLD_NAMESPACE
} // namespace lanefold

#endif
