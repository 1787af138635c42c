// The calls of batch normalization, and on parts of a batch.
#ifndef LANEFOLD_CPP_NORM_CALLS_HPP
#define LANEFOLD_CPP_NORM_CALLS_HPP

#include <lanefold/cpp/call_base.hpp>
#include <lanefold/cpp/layers.hpp>
#include <lanefold/lanefold.h>

#include <cstdint>

namespace lanefold {
inline namespace LANEFOLD_NAMESPACE {

/// Where the rows of a call lie in a batch (parts.h).
struct Part {
  int64_t first_row = 0;  ///< The number of the first row in the batch.
  int64_t batch_rows = 0; ///< The rows of the whole batch.

  /// The number of the block in which the first row lies.
  [[nodiscard]] int64_t first_block() const noexcept { return first_row / LF_BLOCK_ROWS; }
  /// How many blocks there are in which the part has rows.
  [[nodiscard]] int64_t blocks(int64_t rows) const noexcept {
    return rows == 0 ? 0 : (first_row % LF_BLOCK_ROWS + rows - 1) / LF_BLOCK_ROWS + 1;
  }
};

/// The calls of batch normalization (norm.h), and those on parts of a batch (parts.h).  They are calls of ContextCalls.
template <class Errors> class NormCalls /** \cond */ : public detail::CallBase<Errors> /** \endcond */ {
  using Base = detail::CallBase<Errors>;

public:
  /// What a call returns if its result is a Value.
  template <class Value> using Returned = typename Errors::template Returned<Value>;

  /// y = act(bn(x)), by the running statistics.
  [[gnu::always_inline]] Returned<void> batch_norm_forward(ConstMatrix x, const ConstBatchNormView &norm, Matrix y,
                                                           Activation activation = {}) const {
    return normalize(x, norm, y, 0, activation);
  }
  /// y = act(bn(x)), by the running statistics.  With LF_TRAINING it uses those of the batch, and updates the running
  /// ones.  With LF_BATCH_STATISTICS it uses the mean and inv_std of norm.
  [[gnu::always_inline]] Returned<void> batch_norm_forward(ConstMatrix x, const BatchNormView &norm, Matrix y,
                                                           uint32_t flags, Activation activation = {}) const {
    return normalize(x, norm, y, flags, activation);
  }
  /// Calls lf_batch_norm_forward().
  Returned<void> batch_norm_forward(const lf_batch_norm_forward_args &a) const {
    return finish(lf_batch_norm_forward(this->context_, &a));
  }
  /// Computes the gradients of a normalization by the statistics of the batch.  dx may be absent, or dy itself.
  [[gnu::always_inline]] Returned<void> batch_norm_backward(ConstMatrix x, const ConstBatchNormView &norm,
                                                            ConstMatrix dy, Matrix dx, Vector dgamma,
                                                            Vector dbeta) const {
    return gradient_of_norm(x, norm, dy, dx, dgamma, dbeta, 0, 0);
  }
  /// The same in a part of a batch of batch_rows rows: dgamma and dbeta, the sums over the batch, are read.
  [[gnu::always_inline]] Returned<void> batch_norm_backward(ConstMatrix x, const ConstBatchNormView &norm,
                                                            ConstMatrix dy, Matrix dx, Vector dgamma, Vector dbeta,
                                                            Count<int64_t> batch_rows) const {
    return gradient_of_norm(x, norm, dy, dx, dgamma, dbeta, LF_BATCH_STATISTICS, batch_rows);
  }
  /// Calls lf_batch_norm_backward().
  Returned<void> batch_norm_backward(const lf_batch_norm_backward_args &a) const {
    return finish(lf_batch_norm_backward(this->context_, &a));
  }
  /// Folds a normalization into w and bias, which may be absent.  error_bound, if it is present, receives the bound of the
  /// error of each column, for inputs of at most largest_x in magnitude.
  [[gnu::always_inline]] Returned<void> fold_batch_norm(ConstMatrix w, ConstVector bias, const ConstBatchNormView &norm,
                                                        Matrix folded_w, Vector folded_bias, Vector error_bound = {},
                                                        float largest_x = 0) const {
    detail::Check check;
    check.same_shape("w and folded_w", w, folded_w), check.batch_norm(norm, w.columns);
    check.vector("bias", "elements of bias and columns of w", bias, w.columns);
    check.vector("folded_bias", "elements of folded_bias and columns of w", folded_bias, w.columns);
    check.vector("error_bound", "elements of error_bound and columns of w", error_bound, w.columns);
    check.dense("w", w), check.dense("folded_w", folded_w);
    if (check.failed()) return Base::template refuse<void>(check);
    const lf_batch_norm c_norm = detail::c_struct_of(norm);
    auto call = args<lf_fold_batch_norm_args>();
    call.flags = 0, call.n = w.columns, call.k = w.rows;
    put(w, call.w, call.ldw);
    call.bias = bias.data, call.batch_norm = &c_norm;
    put(folded_w, call.folded_w, call.ldfolded_w);
    call.folded_bias = folded_bias.data, call.error_bound = error_bound.data;
    call.largest_x = largest_x, call.reserved = 0;
    return fold_batch_norm(call);
  }
  /// Calls lf_fold_batch_norm().
  Returned<void> fold_batch_norm(const lf_fold_batch_norm_args &a) const {
    return finish(lf_fold_batch_norm(this->context_, &a));
  }

  /// Computes the moments of the blocks in which x has rows, in two passes.  moments has 3 x.columns elements for each
  /// block.
  [[gnu::always_inline]] Returned<void> batch_norm_moments(Part part, ConstMatrix x, Vector moments,
                                                           bool is_second_pass = false) const {
    detail::Check check;
    check.vector("moments", "elements of moments and of the moments of all blocks", moments,
                 3 * x.columns * part.blocks(x.rows));
    check.dense("x", x);
    if (check.failed()) return Base::template refuse<void>(check);
    auto call = args<lf_batch_norm_moments_args>();
    call.flags = is_second_pass ? LF_SECOND_PASS : 0, call.m = x.rows, call.n = x.columns;
    call.first_row = part.first_row, call.batch_rows = part.batch_rows;
    put(x, call.x, call.ldx);
    call.moments = moments.data;
    return batch_norm_moments(call);
  }
  /// Calls lf_batch_norm_moments().
  Returned<void> batch_norm_moments(const lf_batch_norm_moments_args &a) const {
    return finish(lf_batch_norm_moments(this->context_, &a));
  }

  /// Merges the moments of blocks, from first_block on, with those before.  merged has 3 n elements, and moments as many
  /// for each block.  norm, if it is not NULL, receives the statistics of the batch, which these blocks end.
  [[gnu::always_inline]] Returned<void> batch_norm_merge(int64_t first_block, int64_t batch_rows, ConstVector moments,
                                                         Vector merged, const BatchNormView *norm = nullptr) const {
    const int64_t n = merged.size / 3, blocks = n == 0 ? 1 : moments.size / (3 * n);
    detail::Check check;
    check.same("elements of merged and 3 times the columns", merged.size, 3 * n);
    check.same("elements of moments and of the moments of all blocks", moments.size, 3 * n * blocks);
    if (norm != nullptr) check.batch_norm(*norm, n);
    if (check.failed()) return Base::template refuse<void>(check);
    lf_batch_norm c_norm;
    if (norm != nullptr) c_norm = detail::c_struct_of(*norm);
    auto call = args<lf_batch_norm_merge_args>();
    call.flags = 0, call.n = n, call.first_block = first_block, call.blocks = blocks, call.batch_rows = batch_rows;
    call.moments = moments.data, call.merged = merged.data;
    call.batch_norm = norm != nullptr ? &c_norm : nullptr;
    return batch_norm_merge(call);
  }
  /// Calls lf_batch_norm_merge().
  Returned<void> batch_norm_merge(const lf_batch_norm_merge_args &a) const {
    return finish(lf_batch_norm_merge(this->context_, &a));
  }

  /// Adds the rows of dy to sums, which has 2 dy.columns elements.
  [[gnu::always_inline]] Returned<void> column_sums(Part part, ConstMatrix dy, Vector sums) const {
    return add_columns(part, dy, sums, {}, nullptr);
  }
  /// Adds the rows of dy, and their products with the normalized x, to sums, which has 4 dy.columns elements.
  [[gnu::always_inline]] Returned<void> column_sums(Part part, ConstMatrix dy, Vector sums, ConstMatrix x,
                                                    const ConstBatchNormView &norm) const {
    return add_columns(part, dy, sums, x, &norm);
  }
  /// Calls lf_column_sums().
  Returned<void> column_sums(const lf_column_sums_args &a) const { return finish(lf_column_sums(this->context_, &a)); }

protected:
  /// \cond
  using Base::finish;
  using Base::put;
  explicit NormCalls(lf_context *context) noexcept : Base(context) {}
  NormCalls(const NormCalls &) = default;
  NormCalls &operator=(const NormCalls &) = default;
  ~NormCalls() = default;

private:
  template <class Element>
  [[gnu::always_inline]] Returned<void> normalize(ConstMatrix x, const BasicBatchNormView<Element> &norm, Matrix y,
                                                  uint32_t flags, Activation activation) const {
    detail::Check check;
    check.same_shape("x and y", x, y), check.batch_norm(norm, y.columns);
    check.dense("x", x), check.dense("y", y);
    if (check.failed()) return Base::template refuse<void>(check);
    const lf_batch_norm c_norm = detail::c_struct_of(norm);
    auto call = args<lf_batch_norm_forward_args>();
    call.flags = flags, call.m = y.rows, call.n = y.columns;
    put(x, call.x, call.ldx), put(y, call.y, call.ldy);
    call.batch_norm = &c_norm;
    call.activation = activation.code, call.alpha = activation.alpha;
    return batch_norm_forward(call);
  }
  [[gnu::always_inline]] Returned<void> gradient_of_norm(ConstMatrix x, const ConstBatchNormView &norm, ConstMatrix dy,
                                                         Matrix dx, Vector dgamma, Vector dbeta, uint32_t flags,
                                                         int64_t batch_rows) const {
    detail::Check check;
    check.same_shape("x and dy", x, dy), check.batch_norm(norm, x.columns);
    if (dx.data != nullptr) check.same_shape("x and dx", x, dx);
    check.vector("dgamma", "elements of dgamma and columns of x", dgamma, x.columns);
    check.vector("dbeta", "elements of dbeta and columns of x", dbeta, x.columns);
    check.dense("x", x), check.dense("dy", dy), check.dense("dx", dx);
    if (check.failed()) return Base::template refuse<void>(check);
    const lf_batch_norm c_norm = detail::c_struct_of(norm);
    auto call = args<lf_batch_norm_backward_args>();
    call.flags = flags, call.m = x.rows, call.n = x.columns;
    put(x, call.x, call.ldx), put(dy, call.dy, call.lddy), put(dx, call.dx, call.lddx);
    call.batch_norm = &c_norm, call.dgamma = dgamma.data, call.dbeta = dbeta.data;
    call.batch_rows = batch_rows;
    return batch_norm_backward(call);
  }
  [[gnu::always_inline]] Returned<void> add_columns(Part part, ConstMatrix dy, Vector sums, ConstMatrix x,
                                                    const ConstBatchNormView *norm) const {
    detail::Check check;
    check.vector("sums", "elements of sums and of all sums", sums, (norm != nullptr ? 4 : 2) * dy.columns);
    if (norm != nullptr) check.same_shape("x and dy", x, dy), check.batch_norm(*norm, dy.columns);
    check.dense("dy", dy), check.dense("x", x);
    if (check.failed()) return Base::template refuse<void>(check);
    lf_batch_norm c_norm;
    if (norm != nullptr) c_norm = detail::c_struct_of(*norm);
    auto call = args<lf_column_sums_args>();
    call.flags = 0, call.m = dy.rows, call.n = dy.columns;
    call.first_row = part.first_row, call.batch_rows = part.batch_rows;
    put(dy, call.dy, call.lddy), put(x, call.x, call.ldx);
    call.batch_norm = norm != nullptr ? &c_norm : nullptr, call.sums = sums.data;
    return column_sums(call);
  }
  /// \endcond
};

} // namespace LANEFOLD_NAMESPACE
} // namespace lanefold

#endif
