// ONNX Runtime, without its headers.  Its C interface never changes the index of a function, and the protocol buffers of
// ONNX never change the number of a field.  This file has the part that one network needs.
#include "factories.hpp"
#include "kernels.hpp"
#include "library.hpp"

#include <lanefold/activation.h>

#include <map>

#include <fcntl.h>
#include <unistd.h>

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

// x -> Gemm -> Elu or Relu -> Gemm ... -> y
std::string model(const std::vector<Dense> &layers, int64_t samples) {
  Message graph;
  graph.text(2, "network");
  std::string from = "x";
  for (size_t i = 0; i < layers.size(); ++i) {
    const Dense &layer = layers[i];
    const std::string id = std::to_string(i), to = i + 1 == layers.size() ? "y" : "y" + id;
    const bool activated = layer.activation != LF_IDENTITY;
    const std::string sum = activated ? "z" + id : to;
    graph.message(1, Message().text(1, from).text(1, "w" + id).text(1, "b" + id).text(2, sum).text(4, "Gemm"));
    const char *function = layer.activation == LF_ELU ? "Elu" : "Relu";
    if (activated) graph.message(1, Message().text(1, sum).text(2, to).text(4, function));
    graph.message(5, tensor("w" + id, {layer.k, layer.n}, layer.w));
    graph.message(5, tensor("b" + id, {layer.n}, layer.bias));
    from = to;
  }
  graph.message(11, value_info("x", samples, layers.front().k)).message(12, value_info("y", samples, layers.back().n));
  constexpr int ir_version = 8, operators = 13;
  return Message().number(1, ir_version).message(7, graph).message(8, Message().number(2, operators)).wire();
}

// Indices of functions in OrtApi.
enum Index {
  get_error_message = 2,
  create_env = 3,
  create_session_from_array = 8,
  run = 9,
  create_session_options = 10,
  set_graph_optimization_level = 23,
  set_intra_op_num_threads = 24,
  create_tensor_with_data = 49,
  create_cpu_memory_info = 69,
  release_memory_info = 94,
  release_session = 95,
  release_value = 96,
  release_session_options = 100,
};

struct ApiBase {
  void *const *(*get_api)(uint32_t version);
  const char *(*get_version)();
};

using Object = std::shared_ptr<void>;

class Api {
public:
  explicit Api(void *const *functions) : functions_(functions) {}

  // Each function that is called here returns NULL, or an error status.
  template <class... Args> void operator()(Index index, Args... arguments) const {
    using Function = void *(Args...);
    if (const void *status = reinterpret_cast<Function *>(functions_[index])(arguments...)) {
      using Text = const char *(const void *);
      throw std::runtime_error(std::string("ONNX Runtime: ") +
                               reinterpret_cast<Text *>(functions_[get_error_message])(status));
    }
  }
  // Returns the object that such a function stores in its last argument.
  template <class... Args> Object make(Index creator, Index releaser, Args... arguments) const {
    void *object = nullptr;
    (*this)(creator, arguments..., &object);
    return Object(object, reinterpret_cast<void (*)(void *)>(functions_[releaser]));
  }

private:
  void *const *functions_;
};

// A network for one batch size, and the memory that it reads and writes.
class Session {
public:
  Session(const Api &api, void *environment, int threads, const std::vector<Dense> &layers, int64_t m, const float *x,
          float *logits)
      : api_(api) {
    constexpr int all_optimizations = 99, arena = 1, default_memory = 0;
    const Object options = api.make(create_session_options, release_session_options);
    api(set_intra_op_num_threads, options.get(), threads);
    api(set_graph_optimization_level, options.get(), all_optimizations);
    const std::string network = model(layers, m);
    const void *bytes = network.data();
    const void *settings = options.get();
    session_ = api.make(create_session_from_array, release_session, environment, bytes, network.size(), settings);
    const Object memory = api.make(create_cpu_memory_info, release_memory_info, arena, default_memory);
    const auto tensor_on = [&](const float *data, int64_t columns) {
      const int64_t sizes[] = {m, columns};
      const int64_t *shape = sizes;
      return api.make(create_tensor_with_data, release_value, memory.get(),
                      const_cast<void *>(static_cast<const void *>(data)),
                      static_cast<size_t>(m * columns) * sizeof(float), shape, size_t{2}, float_type);
    };
    input_ = tensor_on(x, layers.front().k);
    output_ = tensor_on(logits, layers.back().n);
  }

  void run_once() const {
    const char *const names[] = {"x", "y"};
    const char *const *first = names;
    const void *inputs[] = {input_.get()};
    void *outputs[] = {output_.get()};
    const void *const *in = inputs;
    void **out = outputs;
    api_(run, session_.get(), static_cast<const void *>(nullptr), first, in, size_t{1}, first + 1, size_t{1}, out);
  }

private:
  const Api api_;
  Object session_, input_, output_;
};

// Discards standard error while it lives.  The build of Debian 13 complains of hundreds of its own schemas
// when it creates its first session.
class Silence {
public:
  Silence() : before_(dup(STDERR_FILENO)) {
    const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    dup2(nowhere, STDERR_FILENO);
    close(nowhere);
  }
  ~Silence() {
    dup2(before_, STDERR_FILENO);
    close(before_);
  }
  Silence(const Silence &) = delete;

private:
  const int before_;
};

class OnnxRuntime : public Peer {
public:
  OnnxRuntime(const ApiBase &base, const Api &api, const PeerOptions &options)
      : version_(base.get_version()),
        threads_(threads_of(
            options, "its session, which spin for a while after a call, or on the calling one where that is faster")),
        api_(api), thread_count_(options.threads) {
    constexpr int errors = 3;
    api_(create_env, errors, "lanefold-bench", &environment_);
  }
  std::string name() const override { return "onnxruntime"; }
  std::string version() const override { return version_; }
  std::string how() const override {
    return "The folded network is one model of Gemm, Elu and Relu nodes for a fixed batch, with all graph "
           "optimizations. Input and output are our own row-major memory. The session packs the weights before the "
           "call. The kernels are the best of this CPU, whatever the instruction set of Lanefold. " +
           threads_;
  }

  Operation folded_network(const std::vector<Dense> &layers, int64_t m, const float *x, float *logits) override {
    const auto with_threads = [&](int threads) -> std::function<void()> {
      const Silence silence;
      const auto session = std::make_shared<const Session>(api_, environment_, threads, layers, m, x, logits);
      return [=] { session->run_once(); };
    };
    std::vector<int64_t> key = {m};
    for (const Dense &layer : layers) key.insert(key.end(), {layer.n, layer.k});
    if (!fastest_threads_.contains(key))
      fastest_threads_[key] =
          thread_count_ > 1 && fastest_of({with_threads(thread_count_), with_threads(1)}) == 1 ? 1 : thread_count_;
    return {with_threads(fastest_threads_[key]), {}};
  }

private:
  const std::string version_, threads_; // threads_: a sentence
  const Api api_;
  const int thread_count_;
  std::map<std::vector<int64_t>, int> fastest_threads_; // by batch and sizes
  void *environment_ = nullptr; // never released: a process has one, and sessions may outlive the peer
};

} // namespace

std::unique_ptr<Peer> open_onnxruntime(const PeerOptions &options) {
  constexpr uint32_t version = 10; // of the interface; it has all the functions above
  std::vector<std::string> names = {"libonnxruntime.so.1", "libonnxruntime.so", "libonnxruntime.so.1.21"}; // Debian 13
  if (!options.onnxruntime.empty()) names = {options.onnxruntime};
  const Library library(names);
  library.check_fresh();
  const ApiBase *base = library.find<const ApiBase *()>("OrtGetApiBase")();
  void *const *functions = base ? base->get_api(version) : nullptr;
  if (!functions) throw std::runtime_error(names.front() + " is older than ONNX Runtime 1.10");
  return std::make_unique<OnnxRuntime>(*base, Api(functions), options);
}

} // namespace lanefold::bench
