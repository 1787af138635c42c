// lanefold.sgemm.
#include "call.hpp"
#include "families.hpp"

namespace lanefold::python {
namespace {

// An operand of the product, in a form that the library takes: a row-major matrix, or the transpose of one.
struct Operand {
  Memory memory;
  Matrix stored;
  bool transposed;

  Operand(const Arguments &given, size_t i, bool transpose)
      : memory(given.call(), given.name(i), given[i], float32, Access::read), stored(matrix(memory, Order::any)),
        transposed(stored.transposed != transpose) {}
  int64_t rows() const { return transposed ? stored.columns : stored.rows; }
  int64_t columns() const { return transposed ? stored.rows : stored.columns; }
};

py::object sgemm(const Arguments &given) {
  enum { a_, b_, out_, alpha_, beta_, transpose_a_, transpose_b_, context_ };
  const Call call(given, context_);
  const Operand a(given, a_, given.flag(transpose_a_)), b(given, b_, given.flag(transpose_b_));
  auto args = python::args<lf_sgemm_args>();
  args.m = a.rows(), args.n = b.columns(), args.k = a.columns();
  args.alpha = static_cast<float>(given.number(alpha_, 1)), args.beta = static_cast<float>(given.number(beta_, 0));
  if (b.rows() != args.k)
    refuse_value(given.call(), "op(b) has " + std::to_string(b.rows()) + " rows, but op(a) has " +
                                   std::to_string(args.k) + " columns; expected as many");
  if (args.beta != 0 && !given.is_given(out_))
    refuse_value(given.call(), "beta is not 0, but out is missing; expected the array to add to");
  const Output out(given, out_, args.m, args.n, Order::any);
  args.c = out.data(), args.ldc = out.view().stride;
  const double operations = 2 * volume(args.m, args.n, args.k);
  const bool transpose = out.view().transposed; // compute C^T = op(B)^T op(A)^T
  const Operand &first = transpose ? b : a, &second = transpose ? a : b;
  if (transpose) std::swap(args.m, args.n);
  args.a = first.stored.data, args.lda = first.stored.stride;
  args.b = second.stored.data, args.ldb = second.stored.stride;
  if (first.transposed != transpose) args.flags |= LF_TRANSPOSE_A;
  if (second.transposed != transpose) args.flags |= LF_TRANSPOSE_B;
  call.run(operations, {{"c", "out"}, {"a", transpose ? "b" : "a"}, {"b", transpose ? "a" : "b"}}, lf_sgemm, &args);
  return out.object();
}

} // namespace

void define_gemm(py::module_ &module) {
  Function<sgemm>::define(
      module, R"(sgemm(a, b, *, out=None, alpha=1.0, beta=0.0, transpose_a=False, transpose_b=False, context=None)
--

Computes out = alpha * op(a) * op(b) + beta * out, and returns out.

a, b         op(a) is m x k, and op(b) is k x n, where op transposes if transpose_a or transpose_b says so.  The
             transpose of an array, a.T, costs nothing either.
out          m x n; None makes a new array.  If beta is 0, out is written without being read.
alpha, beta  factors.  Unless beta is 0, out must be given.
context      a Context, or None for the default one

Arrays are float32, in native byte order, with rows or columns of adjacent elements: every slice a[i:j, p:q] of a
contiguous array is fine.  No array is ever copied.  An array that would need a copy raises an error that names the
cure.  out overlaps neither a nor b, but may be other columns of the same array.

Each element of out is one chain of fused multiply-adds over k in ascending order, which begins with beta * out.  It
has the same bits on every CPU and with any number of threads.  alpha multiplies a.  If the columns of out
are contiguous and its rows are not, alpha multiplies b instead.  This product is rounded once.

Raises TypeError for an argument that is not such an array, and ValueError for shapes, strides, read-only outputs and
overlaps.
Any number of threads may call it at the same time.  Long products release the GIL.

>>> a = numpy.ones((2, 3), numpy.float32)
>>> lanefold.sgemm(a, a.T)
array([[3., 3.],
       [3., 3.]], dtype=float32)
)");
}

} // namespace lanefold::python
