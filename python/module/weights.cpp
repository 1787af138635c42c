// Packing, unpacking, and inference by one layer of packed weights.
#include "weights.hpp"

#include "classes.hpp"
#include "families.hpp"
#include "layer.hpp"

namespace lanefold::python {
namespace {

PyTypeObject *packed_type;

const PackedWeights &packed_weights(const char *call, const char *name, PyObject *object) {
  if (PyObject_TypeCheck(object, packed_type) == 0) refuse_type(call, name, object, "lanefold.PackedWeights");
  return py::cast<const PackedWeights &>(py::handle(object));
}

py::object pack_weights(const Arguments &given) {
  enum { w_, context_ };
  const Call call(given, context_);
  const Memory memory(given.call(), given.name(w_), given[w_], float32, Access::read);
  const Matrix w = matrix(memory, Order::any);
  auto args = python::args<lf_pack_weights_args>();
  args.k = memory.shape[0], args.n = memory.shape[1], args.w = w.data, args.ldw = w.stride;
  if (w.transposed) args.flags = LF_TRANSPOSE_B;
  std::shared_ptr<lf_packed_weights> owner;
  call.run(volume(args.k, args.n), {}, [&](lf_context *context) {
    lf_packed_weights *packed = nullptr;
    const lf_status status = lf_pack_weights(context, &args, &packed);
    owner.reset(packed, lf_packed_weights_destroy);
    return status;
  });
  return py::cast(PackedWeights(std::move(owner), args.k, args.n));
}

py::object unpack(const Arguments &given) {
  enum { out_, context_ };
  const Call call(given, context_);
  const PackedWeights &weights = packed_weights(given.call(), "self", given.self());
  const auto packed = weights.live(given.call(), "self");
  auto args = python::args<lf_unpack_weights_args>();
  args.k = weights.k(), args.n = weights.n();
  const Output out(given, out_, args.k, args.n);
  args.w = out.data(), args.ldw = out.view().stride;
  call.run(volume(args.k, args.n), {{"w", "out"}}, lf_unpack_weights, &args, packed.get());
  return out.object();
}

py::object dense_infer(const Arguments &given) {
  enum { x_, packed_, bias_, activation_, alpha_, out_, context_ };
  const Call call(given, context_);
  const PackedWeights &weights = packed_weights(given.call(), given.name(packed_), given[packed_]);
  const auto packed = weights.live(given.call(), given.name(packed_));
  auto args = python::args<lf_dense_infer_args>();
  const Memory memory(given.call(), given.name(x_), given[x_], float32, Access::read);
  args.m = memory.shape[0], args.n = weights.n(), args.k = weights.k();
  need_shape(memory, args.m, args.k);
  const Matrix x = matrix(memory, Order::rows);
  const Input bias(given, bias_, args.n);
  const Activation activation = activation_of(given, activation_, alpha_);
  const Output out(given, out_, args.m, args.n);
  args.x = x.data, args.ldx = x.stride, args.bias = bias.data();
  args.activation = activation.code, args.alpha = activation.alpha, args.y = out.data(), args.ldy = out.view().stride;
  call.run(2 * volume(args.m, args.n, args.k), {{"y", "out"}}, lf_dense_infer, &args, packed.get());
  return out.object();
}

} // namespace

Weights::Weights(const Arguments &given, size_t i, Access access) {
  if (PyObject_TypeCheck(given[i], packed_type) != 0) {
    const PackedWeights &weights = packed_weights(given.call(), given.name(i), given[i]);
    packed = weights.live(given.call(), given.name(i));
    k = weights.k(), n = weights.n();
    return;
  }
  memory_.emplace(given.call(), given.name(i), given[i], float32, access);
  const Matrix view = matrix(*memory_, Order::rows);
  k = view.rows, n = view.columns, w = view.data, stride = view.stride;
}

void define_weights(py::module_ &module) {
  py::class_<PackedWeights> type(module, "PackedWeights", R"(Weights in the layout that the kernels read fastest.

pack_weights makes them.  They are a copy, so the source may change or go away.  Every context can use them, whatever
its plugin is.  dense_infer, dense_forward and dense_backward take them in place of w.  They can be closed at any time,
also by `with`.  Calls that are running then end as usual, and later ones raise ValueError.)",
                                 py::is_final());
  packed_type = reinterpret_cast<PyTypeObject *>(type.ptr());
  type.attr("__module__") = "lanefold";
  define_no_constructor(type);
  define_close(type, "close($self)\n--\n\nFrees the weights.  Closing them again does nothing.");
  type.def_property_readonly("closed", &PackedWeights::closed, "Whether they are closed.");
  type.def_property_readonly(
      "shape", [](const PackedWeights &self) { return py::make_tuple(self.k(), self.n()); },
      "(k, n): the number of inputs, and of outputs.");
  type.def("__repr__", [](const PackedWeights &self) {
    return "<lanefold.PackedWeights " + std::to_string(self.k()) + " x " + std::to_string(self.n()) +
           (self.closed() ? ", closed>" : ">");
  });
  Function<unpack>::define(type, R"(unpack($self, *, out=None, context=None)
--

Copies the weights to out, k x n, bit for bit, and returns out.)");
  Function<pack_weights>::define(module, R"(pack_weights(w, *, context=None)
--

Returns a copy of w, k x n, as PackedWeights.  The rows or the columns of w have adjacent elements.  The transpose of an
n x k array therefore costs nothing, as in pack_weights(linear.weight.T).

>>> packed = lanefold.pack_weights(numpy.eye(3, dtype=numpy.float32))
>>> packed.shape
(3, 3)
)");
  Function<dense_infer>::define(
      module, R"(dense_infer(x, packed, *, bias=None, activation='identity', alpha=None, out=None, context=None)
--

Computes out = f(x w + bias) with packed weights w, and returns out.

x is m x k and out is m x n, with rows of adjacent elements; bias holds n floats, and None stands for zeros.
activation_forward lists the activations.  The result has the bits of dense_forward.  Any number of threads may use the
same weights at the same time.

>>> packed = lanefold.pack_weights(numpy.eye(2, dtype=numpy.float32))
>>> lanefold.dense_infer(numpy.array([[-1, 3]], numpy.float32), packed, activation='relu')
array([[0., 3.]], dtype=float32)
)");
}

} // namespace lanefold::python
