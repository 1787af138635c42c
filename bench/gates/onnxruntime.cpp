// Of ONNX Runtime's C interface, which never changes the place of a function, and of ONNX's protocol buffers, which
// never change the number of a field: as much as one network needs.
#include "onnxruntime.hpp"

#include <cstring>
#include <dlfcn.h>
#include <stdexcept>

namespace lanefold::bench {
namespace {

// A message in the wire format of protocol buffers.
class Message {
public:
  Message &number(int field, uint64_t value) { return key(field, 0).varint(value); }
  Message &bytes(int field, const void *data, size_t size) {
    key(field, 2).varint(size);
    wire_.append(static_cast<const char *>(data), size);
    return *this;
  }
  Message &text(int field, const std::string &value) { return bytes(field, value.data(), value.size()); }
  Message &message(int field, const Message &value) { return text(field, value.wire_); }
  const std::string &wire() const { return wire_; }

private:
  Message &key(int field, int type) { return varint(static_cast<uint64_t>(field) << 3 | static_cast<uint64_t>(type)); }
  Message &varint(uint64_t value) {
    for (; value >= 0x80; value >>= 7) wire_ += static_cast<char>(value | 0x80);
    wire_ += static_cast<char>(value);
    return *this;
  }
  std::string wire_;
};

constexpr int float_type = 1; // TensorProto.FLOAT

Message tensor(const std::string &name, std::initializer_list<int64_t> sizes, const Floats &values) {
  Message m;
  for (const int64_t size : sizes) m.number(1, static_cast<uint64_t>(size));
  return m.number(2, float_type).text(8, name).bytes(9, values.data(), values.size() * sizeof(float));
}

Message value_info(const std::string &name, int64_t rows, int64_t columns) {
  Message shape;
  for (const int64_t size : {rows, columns}) shape.message(1, Message().number(1, static_cast<uint64_t>(size)));
  return Message().text(1, name).message(2, Message().message(1, Message().number(1, float_type).message(2, shape)));
}

// x -> Gemm -> Elu -> Gemm ... -> y
std::string model(const std::vector<Dense> &layers, int64_t samples) {
  Message graph;
  graph.text(2, "network");
  std::string from = "x";
  for (size_t i = 0; i < layers.size(); ++i) {
    const Dense &layer = layers[i];
    const std::string id = std::to_string(i), to = i + 1 == layers.size() ? "y" : "y" + id;
    const bool elu = layer.activation == LF_ELU;
    const std::string sum = elu ? "z" + id : to;
    graph.message(1, Message().text(1, from).text(1, "w" + id).text(1, "b" + id).text(2, sum).text(4, "Gemm"));
    if (elu) graph.message(1, Message().text(1, sum).text(2, to).text(4, "Elu"));
    graph.message(5, tensor("w" + id, {layer.k, layer.n}, layer.w));
    graph.message(5, tensor("b" + id, {layer.n}, layer.bias));
    from = to;
  }
  graph.message(11, value_info("x", samples, layers.front().k)).message(12, value_info("y", samples, layers.back().n));
  constexpr int ir_version = 8, operators = 13;
  return Message().number(1, ir_version).message(7, graph).message(8, Message().number(2, operators)).wire();
}

// The places of OrtApi's functions.
enum Place {
  get_error_message = 2,
  create_env = 3,
  create_session_from_array = 8,
  run = 9,
  create_session_options = 10,
  set_graph_optimization_level = 23,
  set_intra_op_num_threads = 24,
  create_tensor_with_data = 49,
  create_cpu_memory_info = 69,
};

struct ApiBase {
  const void *const *(*get_api)(uint32_t version);
  const char *(*get_version)();
};

// Objects live as long as the process: a benchmark opens one network or two.
class Api {
public:
  explicit Api(const void *const *functions) : functions_(functions) {}

  // Every function called here answers NULL, or what went wrong.
  template <class... Args> void operator()(Place place, Args... arguments) const {
    using Function = void *(Args...);
    if (const void *status = reinterpret_cast<Function *>(functions_[place])(arguments...)) {
      using Text = const char *(const void *);
      throw std::runtime_error(std::string("ONNX Runtime: ") +
                               reinterpret_cast<Text *>(functions_[get_error_message])(status));
    }
  }

private:
  const void *const *functions_;
};

} // namespace

std::function<void()> onnxruntime_network(const std::vector<Dense> &layers, const Floats &x, int64_t samples,
                                          Floats &logits) {
  constexpr uint32_t version = 10; // of the interface: any that has the functions above
  constexpr int warnings = 2, all_optimizations = 99, arena = 1, default_memory = 0;
  void *library = dlopen("libonnxruntime.so.1", RTLD_NOW | RTLD_LOCAL);
  if (!library) library = dlopen("libonnxruntime.so", RTLD_NOW | RTLD_LOCAL);
  auto *base = library ? reinterpret_cast<const ApiBase *(*)()>(dlsym(library, "OrtGetApiBase")) : nullptr;
  const void *const *functions = base ? base()->get_api(version) : nullptr;
  if (!functions) return {};
  const Api api(functions);

  void *environment, *options, *session, *memory, *input, *output;
  api(create_env, warnings, "lanefold-gates", &environment);
  api(create_session_options, &options);
  api(set_intra_op_num_threads, options, 1);
  api(set_graph_optimization_level, options, all_optimizations);
  const std::string network = model(layers, samples);
  const void *bytes = network.data();
  api(create_session_from_array, environment, bytes, network.size(), options, &session);
  api(create_cpu_memory_info, arena, default_memory, &memory);
  const auto make_tensor = [&](const float *data, int64_t columns, void **value) {
    const int64_t sizes[] = {samples, columns};
    const int64_t *shape = sizes;
    api(create_tensor_with_data, memory, const_cast<void *>(static_cast<const void *>(data)),
        static_cast<size_t>(samples * columns) * sizeof(float), shape, size_t{2}, float_type, value);
  };
  make_tensor(x.data(), layers.front().k, &input);
  make_tensor(logits.data(), layers.back().n, &output);
  return [=] {
    const char *const names[] = {"x", "y"};
    const char *const *first = names;
    const void *inputs[] = {input};
    void *outputs[] = {output};
    const void *const *in = inputs;
    void **out = outputs;
    api(run, session, static_cast<const void *>(nullptr), first, in, size_t{1}, first + 1, size_t{1}, out);
  };
}

} // namespace lanefold::bench
