// What a call checks before it hands its views to the C interface: that their sizes agree, and that no row has gaps.
#ifndef LANEFOLD_CPP_CHECK_HPP
#define LANEFOLD_CPP_CHECK_HPP

#include <lanefold/cpp/errors.hpp>
#include <lanefold/cpp/layers.hpp>
#include <lanefold/cpp/macros.hpp>
#include <lanefold/cpp/views.hpp>
#include <lanefold/status.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <optional>

namespace lanefold {
inline namespace LANEFOLD_NAMESPACE {

/// \cond
namespace detail {

// Views repeat the sizes that a C struct states once, so they must agree.  A Check keeps the first mismatch.  Where the
// sizes agree by construction, the compiler removes the check.
class Check {
public:
  [[gnu::always_inline]] void same(Mismatch::Kind kind, const char *what, int64_t one, int64_t other) {
    if (wrong_.kind == Mismatch::none && one != other) wrong_ = {kind, what, one, other};
  }
  [[gnu::always_inline]] void same(const char *what, int64_t one, int64_t other) {
    same(Mismatch::count, what, one, other);
  }
  template <class A, class B> [[gnu::always_inline]] void same_shape(const char *what, const A &a, const B &b) {
    same(Mismatch::rows, what, a.rows, b.rows), same(Mismatch::columns, what, a.columns, b.columns);
  }
  // The elements of a row, or of a vector, lie side by side.  The step of a single element has no effect.
  template <class View> [[gnu::always_inline]] void dense(const char *what, const View &view) {
    if (wrong_.kind == Mismatch::none && view.step != 1 && length_of(view) > 1)
      wrong_ = {Mismatch::step, what, view.step, stride_of(view)};
  }
  // A vector that may be absent.
  template <class Element>
  [[gnu::always_inline]] void vector(const char *name, const char *what, const VectorView<Element> &view, int64_t n) {
    if (view.data != nullptr) same(what, view.size, n);
    dense(name, view);
  }
  template <class Element> [[gnu::always_inline]] void batch_norm(const BasicBatchNormView<Element> &norm, int64_t n) {
    vector("gamma", "elements of gamma and columns", norm.gamma, n);
    vector("beta", "elements of beta and columns", norm.beta, n);
    vector("running_mean", "elements of running_mean and columns", norm.running_mean, n);
    vector("running_var", "elements of running_var and columns", norm.running_var, n);
    vector("mean", "elements of mean and columns", norm.mean, n);
    vector("inv_std", "elements of inv_std and columns", norm.inv_std, n);
  }
  template <class View> [[gnu::always_inline]] void batch_norm(const std::optional<View> &norm, int64_t n) {
    if (norm) batch_norm(*norm, n);
  }
  [[gnu::always_inline]] bool failed() const { return __builtin_expect(wrong_.kind != Mismatch::none, 0); }
  template <class Errors, class Value>
  [[gnu::always_inline]] typename Errors::template Returned<Value> refusal() const {
    return Errors::template refuse<Value>(wrong_.kind, wrong_.what, wrong_.one, wrong_.other);
  }
  // The refusal of one layer of a network.  Its message begins with the number of the layer.
  template <class Errors, class Value>
  [[gnu::cold]] typename Errors::template Returned<Value> refusal_of_layer(size_t layer) const {
    char text[message_size];
    const auto used = static_cast<size_t>(std::snprintf(text, sizeof text, "layer %zu: ", layer));
    describe(wrong_.kind, wrong_.what, wrong_.one, wrong_.other, text + used, sizeof text - used);
    return Errors::template refuse<Value>(LF_INVALID_ARGUMENT, text);
  }

private:
  template <class Element> static int64_t length_of(const MatrixView<Element> &view) { return view.columns; }
  template <class Element> static int64_t length_of(const VectorView<Element> &view) { return view.size; }
  template <class Element> static int64_t stride_of(const MatrixView<Element> &view) { return view.stride; }
  template <class Element> static int64_t stride_of(const VectorView<Element> &) { return 0; }
  Mismatch wrong_;
};

} // namespace detail
/// \endcond

} // namespace LANEFOLD_NAMESPACE
} // namespace lanefold

#endif
