// A batch in parts: moments of blocks, their merge, and sums of columns.
#include "families.hpp"
#include "layer.hpp"

#include <algorithm>

namespace lanefold::python {
namespace {

// What one call leaves for the next: rows without gaps, in an array that is given or new.  A new one holds zeros.
class Carry {
public:
  // before: what a given array would hold; NULL if this call begins it.
  Carry(const Arguments &given, size_t i, int64_t rows, int64_t columns, const char *before) {
    if (given.is_given(i)) {
      memory_.emplace(given.call(), given.name(i), given[i], float32, Access::write);
      need_shape(*memory_, rows, columns);
      data_ = dense_rows(*memory_);
      object_ = py::reinterpret_borrow<py::object>(given[i]);
      return;
    }
    if (before != nullptr) refuse_value(given.call(), std::string(given.name(i)) + " is missing; expected " + before);
    object_ = new_array(rows, columns);
    data_ = elements(object_);
    std::fill_n(data_, rows * columns, 0.0f);
  }
  static float *dense_rows(const Memory &memory) {
    const Matrix view = matrix(memory, Order::rows);
    if (view.rows > 1 && view.columns > 0 && view.stride != view.columns)
      memory.refuse_layout("rows without gaps (row-major)");
    return view.data;
  }

  float *data() const { return data_; }
  const py::object &object() const { return object_; }

private:
  std::optional<Memory> memory_;
  py::object object_;
  float *data_;
};

py::object batch_norm_moments(const Arguments &given) {
  enum { x_, batch_rows_, first_row_, second_pass_, out_, context_ };
  const Call call(given, context_);
  const Input x(given, x_);
  const int64_t m = x.view().rows, n = x.view().columns, first_row = given.whole(first_row_, 0);
  const int64_t in_block = std::max<int64_t>(first_row, 0) % LF_BLOCK_ROWS;
  const int64_t blocks = m == 0 ? 0 : (in_block + m - 1) / LF_BLOCK_ROWS + 1;
  const bool is_second = given.flag(second_pass_);
  auto args = python::args<lf_batch_norm_moments_args>();
  args.batch_rows = given.whole(batch_rows_, 0);
  const Carry out(given, out_, 3 * blocks, n,
                  is_second      ? "the moments of the first pass"
                  : in_block > 0 ? "the moments of the part before, with which this part shares a block"
                                 : nullptr);
  args.flags = is_second ? LF_SECOND_PASS : 0, args.m = m, args.n = n, args.first_row = first_row;
  args.x = x.data(), args.ldx = x.view().stride, args.moments = out.data();
  call.run(8 * volume(m, n), {{"moments", "out"}}, lf_batch_norm_moments, &args);
  return out.object();
}

py::object batch_norm_merge(const Arguments &given) {
  enum { moments_, batch_rows_, first_block_, batch_norm_, out_, context_ };
  const Call call(given, context_);
  const Memory moments(given.call(), given.name(moments_), given[moments_], float32, Access::read);
  auto args = python::args<lf_batch_norm_merge_args>();
  args.moments = Carry::dense_rows(moments);
  args.n = moments.shape[1], args.blocks = moments.shape[0] / 3;
  if (moments.shape[0] % 3 != 0 || args.blocks == 0)
    moments.refuse("has " + moments.shape_text() + "; expected three rows for each block");
  args.batch_rows = given.whole(batch_rows_, 0), args.first_block = given.whole(first_block_, 0);
  std::optional<BatchNorm> norm;
  if (given.is_given(batch_norm_))
    args.batch_norm = norm.emplace(given.call(), "batch_norm", given[batch_norm_], args.n, Use::merge).get();
  const Carry out(given, out_, 3, args.n, args.first_block != 0 ? "the moments of all blocks before" : nullptr);
  args.merged = out.data();
  call.run(10 * volume(args.blocks, args.n), {{"merged", "out"}}, lf_batch_norm_merge, &args);
  return out.object();
}

py::object column_sums(const Arguments &given) {
  enum { dy_, batch_rows_, first_row_, x_, batch_norm_, out_, context_ };
  const Call call(given, context_);
  const Input dy(given, dy_);
  auto args = python::args<lf_column_sums_args>();
  args.m = dy.view().rows, args.n = dy.view().columns, args.dy = dy.data(), args.lddy = dy.view().stride;
  args.batch_rows = given.whole(batch_rows_, 0), args.first_row = given.whole(first_row_, 0);
  if (given.is_given(x_) != given.is_given(batch_norm_))
    refuse_value(given.call(),
                 std::string(given.is_given(x_) ? "x is given without batch_norm" : "batch_norm is given without x") +
                     "; expected both or neither");
  const Input x(given, x_, args.m, args.n);
  args.x = x.data(), args.ldx = x.view().stride;
  std::optional<BatchNorm> norm;
  if (given.is_given(batch_norm_))
    args.batch_norm = norm.emplace(given.call(), "batch_norm", given[batch_norm_], args.n, Use::sums).get();
  const Carry out(given, out_, norm ? 4 : 2, args.n, args.first_row != 0 ? "the sums of the parts before" : nullptr);
  args.sums = out.data();
  call.run(4 * volume(args.m, args.n), {{"sums", "out"}}, lf_column_sums, &args);
  return out.object();
}

} // namespace

void define_parts(py::module_ &module) {
  Function<batch_norm_moments>::define(
      module, R"(batch_norm_moments(x, *, batch_rows, first_row=0, second_pass=False, out=None, context=None)
--

Computes the moments of the blocks of 256 rows in which x has rows, into out, and returns out.

x           rows first_row to first_row + m - 1 of a batch of batch_rows rows; m x n with rows of adjacent elements
out         3 * blocks x n without gaps.  A block has three rows: base and shift, whose sum is the mean, and the sum of
            squared deviations from the mean.

Statistics of a batch in parts have the bits of those of the whole batch.  They take two passes over all parts, and then
batch_norm_merge.  The first pass finishes the blocks that lie in x as a whole.  Of a block that parts share, it leaves the
sum so far in the first of the three rows.  The next part needs it there.  Before the second pass, this row holds the sum
of the whole block, which the last part of the block has.  The second pass only treats shared blocks, and goes on from the
second and third row that the part before has left.

Raises TypeError and ValueError as sgemm does.  Any number of threads may call it at the same time.

>>> x = numpy.array([[1], [2], [6]], numpy.float32)
>>> carry = lanefold.batch_norm_moments(x[:1], batch_rows=3)
>>> carry = lanefold.batch_norm_moments(x[1:], batch_rows=3, first_row=1, out=carry)
>>> carry = lanefold.batch_norm_moments(x[:1], batch_rows=3, second_pass=True, out=carry)
>>> lanefold.batch_norm_moments(x[1:], batch_rows=3, first_row=1, second_pass=True, out=carry)
array([[ 3.],
       [ 0.],
       [14.]], dtype=float32)
)");
  Function<batch_norm_merge>::define(
      module, R"(batch_norm_merge(moments, *, batch_rows, first_block=0, batch_norm=None, out=None, context=None)
--

Merges the moments of consecutive blocks with those of all blocks before, into out, and returns out.

moments      3 * blocks x n without gaps, from batch_norm_moments
first_block  the number of the first of these blocks, from 0
batch_norm   a BatchNorm, if these blocks are the last of the batch: its mean, inv_std and running statistics are updated
             as batch_norm_forward does in training.  None otherwise.
out          3 x n without gaps: the moments of all blocks before first_block, which block 0 does not read

Any number of threads may call it at the same time, unless they update the same BatchNorm.

>>> norm = lanefold.BatchNorm(1)
>>> moments = lanefold.batch_norm_moments(numpy.array([[1], [2], [6]], numpy.float32), batch_rows=3)
>>> merged = lanefold.batch_norm_merge(moments, batch_rows=3, batch_norm=norm)
>>> norm.mean
array([3.], dtype=float32)
)");
  Function<column_sums>::define(
      module, R"(column_sums(dy, *, batch_rows, first_row=0, x=None, batch_norm=None, out=None, context=None)
--

Adds the rows of a part of a batch to out, in blocks of 256 rows, and returns out.

dy    rows first_row to first_row + m - 1 of a batch of batch_rows rows; m x n with rows of adjacent elements
x     m x n: the input of the normalization batch_norm; both or neither
out   2 x n, or 4 x n with batch_norm, without gaps; not read if first_row is 0.  The first row is the sum of dy over all
      finished blocks, and the second row over the block that goes on.  The other two are those of
      dy * (x - mean) * inv_std.

After the last part, the first row is the sum over the batch, such as dbeta or dbias, and the third row is dgamma.  The
bits are those of batch_norm_backward and dense_backward on the whole batch.

>>> dy = numpy.array([[1], [2], [6]], numpy.float32)
>>> sums = lanefold.column_sums(dy[:1], batch_rows=3)
>>> lanefold.column_sums(dy[1:], batch_rows=3, first_row=1, out=sums)
array([[9.],
       [0.]], dtype=float32)
)");
}

} // namespace lanefold::python
