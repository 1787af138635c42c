// Batches of floats from rows of bytes.
#include "call.hpp"
#include "families.hpp"

namespace lanefold::python {
namespace {

py::object gather(const Arguments &given) {
  enum { x_, rows_, divisor_, out_, context_ };
  const Call call(given, context_);
  const Memory memory(given.call(), given.name(x_), given[x_], uint8, Access::read);
  const MatrixView<uint8_t> x = matrix<uint8_t>(memory, Order::rows);
  std::optional<Memory> rows;
  auto args = python::args<lf_gather_args>();
  args.m = x.rows, args.n = x.columns, args.count = x.rows, args.x = x.data, args.ldx = x.stride;
  if (given.is_given(rows_)) {
    rows.emplace(given.call(), given.name(rows_), given[rows_], uint32, Access::read);
    rows->need_dimensions(1);
    args.m = rows->shape[0];
    args.rows = static_cast<const uint32_t *>(vector(*rows, args.m));
  }
  args.divisor = static_cast<float>(given.number(divisor_, 255));
  const Output out(given, out_, args.m, args.n);
  args.y = out.data(), args.ldy = out.view().stride;
  call.run(volume(args.m, args.n), {{"y", "out"}}, lf_gather, &args);
  return out.object();
}

} // namespace

void define_batch(py::module_ &module) {
  Function<gather>::define(module, R"(gather(x, rows=None, *, divisor=255.0, out=None, context=None)
--

Computes out[i][j] = x[rows[i]][j] / divisor, rounded to nearest, and returns out.

x        count x n bytes (uint8) with rows of adjacent elements, such as images
rows     m row numbers as uint32, each below count, in any order; None: all rows
divisor  1 to 65536
out      m x n; None makes a new array

>>> lanefold.gather(numpy.array([[0, 255], [51, 102]], numpy.uint8), numpy.array([1], numpy.uint32))
array([[0.2, 0.4]], dtype=float32)
)");
}

} // namespace lanefold::python
