// Inference by a whole network.
#include "network.hpp"
#include "classes.hpp"
#include "families.hpp"

namespace lanefold::python {
namespace {

void read_norm(const char *call, const std::string &name, const py::object &norm, LayerMemory &memory,
               lf_network_layer &layer) {
  if (norm.is_none()) return;
  memory.batch_norm.emplace(call, name + ".batch_norm", norm.ptr(), layer.n, Use::fold);
  layer.batch_norm = memory.batch_norm->get();
}

void read_layer(const char *call, size_t i, const py::handle &object, LayerMemory &memory, lf_network_layer &layer) {
  const std::string name = "layers[" + std::to_string(i) + "]";
  const auto attribute = [&](const char *of) { return attribute_of(call, name, object, of, "a lanefold.DenseLayer"); };
  memory.w = attribute("w"), memory.bias = attribute("bias");
  const Activation activation = activation_of(call, name, object);
  layer.struct_size = sizeof layer;
  layer.activation = activation.code, layer.alpha = activation.alpha;
  if (memory.w.is_none()) { // a lanefold.ElementwiseLayer
    layer.flags = LF_ELEMENTWISE;
    layer.k = layer.n = whole_from(call, (name + ".outputs").c_str(), attribute("outputs").ptr());
    read_norm(call, name, attribute("batch_norm"), memory, layer);
    return;
  }
  memory.w_name = name + ".w", memory.bias_name = name + ".bias";
  memory.w_memory.emplace(call, memory.w_name.c_str(), memory.w.ptr(), float32, Access::read);
  const Matrix w = matrix(*memory.w_memory, Order::any);
  layer.k = memory.w_memory->shape[0], layer.n = memory.w_memory->shape[1], layer.w = w.data, layer.ldw = w.stride;
  if (w.transposed) layer.flags = LF_TRANSPOSE_B;
  if (!memory.bias.is_none()) {
    memory.bias_memory.emplace(call, memory.bias_name.c_str(), memory.bias.ptr(), float32, Access::read);
    layer.bias = static_cast<const float *>(vector(*memory.bias_memory, layer.n));
  }
  read_norm(call, name, attribute("batch_norm"), memory, layer);
}

} // namespace

LayerList::LayerList(const char *call, const py::object &given) : args(python::args<lf_network_args>()) {
  const py::list layers = layer_list(call, given);
  memories_.resize(layers.size()), structs_.resize(layers.size());
  for (size_t i = 0; i < layers.size(); ++i) {
    const py::object layer = layers[i];
    read_layer(call, i, layer, memories_[i], structs_[i]);
    operations += 2 * static_cast<double>(structs_[i].k) * static_cast<double>(structs_[i].n);
    if (i > 0 && structs_[i].k != structs_[i - 1].n)
      refuse_value(call, "layers[" + std::to_string(i) + "].w has " + std::to_string(structs_[i].k) +
                             " rows; expected one for each of the " + std::to_string(structs_[i - 1].n) +
                             " outputs of the layer before");
  }
  args.count = static_cast<int64_t>(structs_.size()), args.layers = structs_.data();
}

namespace {

Network *make_network(const Arguments &given) {
  enum { layers_, context_ };
  const Call call(given, context_);
  const LayerList layers(given.call(), given.object(layers_));
  std::shared_ptr<lf_network> owner;
  call.run(1e9, {}, [&](lf_context *context) { // it starts threads
    lf_network *network = nullptr;
    const lf_status status = lf_network_create(context, &layers.args, &network);
    owner.reset(network, lf_network_destroy);
    return status;
  });
  return new Network(std::move(owner), layers.inputs(), layers.outputs(), layers.operations);
}

const Network &self_of(const Arguments &given) { return py::cast<const Network &>(py::handle(given.self())); }

py::object network_infer(const Arguments &given) {
  enum { x_, out_, context_ };
  const Call call(given, context_);
  const Network &network = self_of(given);
  const auto live = network.live(given.call());
  const Memory memory(given.call(), given.name(x_), given[x_], float32, Access::read);
  need_shape(memory, memory.shape[0], network.inputs);
  const Matrix x = matrix(memory, Order::rows);
  const Output out(given, out_, x.rows, network.outputs);
  auto args = python::args<lf_network_infer_args>();
  args.m = x.rows, args.x = x.data, args.ldx = x.stride, args.y = out.data(), args.ldy = out.view().stride;
  call.run(network.operations * static_cast<double>(args.m), {{"y", "out"}}, lf_network_infer, &args, live.get());
  return out.object();
}

py::object network_reserve(const Arguments &given) {
  enum { calls_, context_ };
  const Call call(given, context_);
  const auto live = self_of(given).live(given.call());
  const int64_t calls = given.whole(calls_, 1);
  if (calls < 1 || calls > 4096)
    refuse_value(given.call(), "calls is " + std::to_string(calls) + "; expected 1 to 4096");
  call.run(1e9, {}, lf_network_reserve, live.get(), static_cast<int32_t>(calls));
  return py::none();
}

} // namespace

void define_network(py::module_ &module) {
  constexpr const char *documentation = R"(Network(layers, *, context=None)
--

A network for inference: folded and packed copies of its layers.

layers   DenseLayers from the first to the last, or objects with the attributes w, bias, batch_norm, activation
         and alpha.  Batch normalization is folded into the weights with its running statistics.
context  a Context, or None for the default one

Later changes of the layers do not change the network: make a new one after training.  network(x) passes x through
all layers in one call.  Every context can use the network, and so can any number of threads at the same time.  It can
be closed at any time, also by `with`.  Calls that are running then end as usual, and later ones raise ValueError.

>>> layer = lanefold.DenseLayer(2, 1, 'relu')
>>> layer.w[:] = 1
>>> network = lanefold.Network([layer])
>>> network(numpy.array([[1, 2], [-3, 1]], numpy.float32))
array([[3.],
       [0.]], dtype=float32)
)";
  py::class_<Network> type(module, "Network", documentation, py::is_final());
  type.attr("__module__") = "lanefold";
  define_constructor<make_network>(type, documentation);
  Function<network_infer>::define(type, R"(__call__($self, x, out=None, *, context=None)
--

Passes x, m x inputs, through all layers, and returns the output, m x outputs.

Rows have adjacent elements.  out=None makes a new array.  The result has the bits of dense_infer, layer by layer.)");
  Function<network_reserve>::define(type, R"(reserve($self, calls=1, *, context=None)
--

Prepares a context for `calls` calls of this network at the same time, so that even the first one allocates nothing
in the library.)");
  define_close(type, "close($self)\n--\n\nFrees the network.  Closing it again does nothing.");
  type.def_property_readonly("closed", &Network::closed, "Whether the network is closed.");
  type.def_readonly("inputs", &Network::inputs, "The columns of x.");
  type.def_readonly("outputs", &Network::outputs, "The columns of the output.");
  type.def("__repr__", [](const Network &self) {
    return "<lanefold.Network " + std::to_string(self.inputs) + " -> " + std::to_string(self.outputs) +
           (self.closed() ? ", closed>" : ">");
  });
}

} // namespace lanefold::python
