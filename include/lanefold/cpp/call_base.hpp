// What all calls on a context share: the context, and the way from a status to what a call returns.
#ifndef LANEFOLD_CPP_CALL_BASE_HPP
#define LANEFOLD_CPP_CALL_BASE_HPP

#include <lanefold/cpp/check.hpp>
#include <lanefold/cpp/errors.hpp>
#include <lanefold/cpp/macros.hpp>
#include <lanefold/cpp/views.hpp>

#include <cstdint>
#include <utility>

namespace lanefold {
inline namespace LANEFOLD_NAMESPACE {

/// \cond
namespace detail {

template <class Errors> class CallBase {
public:
  template <class Value> using Returned = typename Errors::template Returned<Value>;

protected:
  // Protected, so that nobody assigns an owner to a view, or a view to an owner, through this base class.
  explicit CallBase(lf_context *context) noexcept : context_(context) {}
  CallBase(const CallBase &) = default;
  CallBase &operator=(const CallBase &) = default;
  ~CallBase() = default;

  Returned<void> finish(lf_status status) const { return Errors::finish(status, context_); }
  template <class Value> Returned<Value> finish(lf_status status, Value &&value) const {
    return Errors::finish(status, context_, std::move(value));
  }
  template <class Value> [[gnu::always_inline]] static Returned<Value> refuse(const Check &check) {
    return check.refusal<Errors, Value>();
  }
  template <class Element, class Pointer>
  [[gnu::always_inline]] static void put(const MatrixView<Element> &matrix, Pointer &pointer, int64_t &stride) {
    pointer = matrix.data, stride = matrix.stride;
  }

  lf_context *context_;
};

} // namespace detail
/// \endcond

} // namespace LANEFOLD_NAMESPACE
} // namespace lanefold

#endif
