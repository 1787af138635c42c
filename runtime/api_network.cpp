// Inference by a whole network in one call. A few rows at a time go through all layers, and two buffers that stay in
// cache hold what lies between two layers.
#include "runtime/operations.hpp"
#include "runtime/packed_weights.hpp"

#include <algorithm>
#include <atomic>
#include <string>
#include <vector>

namespace lanefold::runtime {

// A copy of the arrays of a normalization, for inference.
struct NetworkNorm {
  explicit NetworkNorm(const lf_batch_norm &from, int64_t n) : values(static_cast<size_t>(4 * n)), norm(from) {
    const float *arrays[] = {from.gamma, from.beta, from.running_mean, from.running_var};
    for (int i = 0; i < 4; ++i) std::copy_n(arrays[i], n, values.data() + i * n);
    norm.flags = 0, norm.mean = norm.inv_std = nullptr;
    norm.gamma = values.data(), norm.beta = values.data() + n;
    norm.running_mean = values.data() + 2 * n, norm.running_var = values.data() + 3 * n;
  }
  std::vector<float> values;
  lf_batch_norm norm;
};

struct NetworkLayer {
  int64_t n = 0, k = 0;
  std::unique_ptr<lf_packed_weights> weights; // NULL: no product
  std::vector<float> bias;                    // of the product
  std::unique_ptr<NetworkNorm> norm;          // without a product; NULL: no normalization
  int32_t activation = LF_IDENTITY;
  float alpha = 1;
};

} // namespace lanefold::runtime

struct lf_network {
  std::vector<lanefold::runtime::NetworkLayer> layers;
  int64_t widest = 0;      // the largest stride of what lies between two layers
  int64_t widest_norm = 0; // the most columns of a normalization that is not folded
  int32_t output = LF_OUTPUT_VALUES;
};

namespace lanefold::runtime {
namespace {

// The rows that go through all layers at once.  A buffer has at most about 160 KB, so that two buffers and the weights
// stay in the second-level cache.  Fewer rows than 16 would read the weights too often.  Threads share the rows if each
// of them gets 32 or more; otherwise they share the columns of each product.
constexpr int64_t buffer_floats = 40960, most_rows = 128, fewest_rows = 16, least_rows_of_a_worker = 32;
constexpr int64_t floats_in_a_line = 16, floats_in_a_page = 1024;

// Rows whole pages apart map to the same sets of L1.  A plugin would copy such an operand, and allocate memory for it.
bool rows_conflict(int64_t stride) { return stride % floats_in_a_page == 0; }
int64_t good_stride(int64_t columns) { return rows_conflict(columns) ? columns + floats_in_a_line : columns; }

lf_network_layer read_layer(Check &check, const lf_network_args &args, int64_t index) {
  const auto *bytes = reinterpret_cast<const char *>(args.layers);
  uint32_t size;
  std::memcpy(&size, bytes, sizeof size);
  const auto *given = reinterpret_cast<const lf_network_layer *>(bytes + index * size);
  // This comes before the rest is read, because an element of another size would reach beyond its place.
  uint32_t own_size;
  std::memcpy(&own_size, given, sizeof own_size);
  if (own_size != size) check.fail(LF_INVALID_ARGUMENT, "struct_size is %u, but that of layer 0 is %u", own_size, size);
  return check.ok() ? check.read("layer", given) : lf_network_layer{};
}

void check_layer(Check &check, lf_network_layer &layer, int64_t inputs) {
  const bool transposed = (layer.flags & LF_TRANSPOSE_B) != 0;
  const bool elementwise = (layer.flags & LF_ELEMENTWISE) != 0;
  check.flags("flags", layer.flags, LF_TRANSPOSE_B | LF_ELEMENTWISE, "LF_TRANSPOSE_B, LF_ELEMENTWISE");
  check.sizes({{"n", layer.n}, {"k", layer.k}}, 1);
  if (check.ok() && inputs > 0 && layer.k != inputs)
    check.fail(LF_INVALID_ARGUMENT, "k is %lld, but the layer before has %lld columns", static_cast<long long>(layer.k),
               static_cast<long long>(inputs));
  check_activation(check, layer.activation, layer.alpha);
  if (elementwise) {
    if (layer.k != layer.n)
      check.fail(LF_INVALID_ARGUMENT, "k is %lld and n is %lld, but with LF_ELEMENTWISE they are equal",
                 static_cast<long long>(layer.k), static_cast<long long>(layer.n));
    if (layer.w != nullptr) check.fail(LF_INVALID_ARGUMENT, "w is given, but LF_ELEMENTWISE means that there is none");
    if (layer.bias != nullptr)
      check.fail(LF_INVALID_ARGUMENT, "bias is given, but LF_ELEMENTWISE means that there is none");
    if (layer.batch_norm != nullptr)
      layer.batch_norm = check_batch_norm(check, layer.batch_norm, BatchNormUse::inference, 1, layer.n);
    return;
  }
  check.reads("w", layer.w, {transposed ? layer.n : layer.k, transposed ? layer.k : layer.n, layer.ldw, "ldw"});
  if (layer.bias != nullptr) check.reads("bias", layer.bias, vector(layer.n));
}

// Folds the normalization into copies of w and bias, to which the layer then points.
lf_status fold(lf_context &context, Check &check, const char *call, lf_network_layer &layer, std::vector<float> &w,
               std::vector<float> &bias) {
  const bool transposed = (layer.flags & LF_TRANSPOSE_B) != 0;
  w.resize(static_cast<size_t>(layer.k * layer.n));
  for (int64_t p = 0; p < layer.k; ++p)
    for (int64_t j = 0; j < layer.n; ++j)
      w[static_cast<size_t>(p * layer.n + j)] = layer.w[transposed ? j * layer.ldw + p : p * layer.ldw + j];
  lf_fold_batch_norm_args args{};
  args.struct_size = sizeof args;
  args.k = layer.k, args.n = layer.n;
  args.w = w.data(), args.folded_w = w.data(), args.ldw = args.ldfolded_w = layer.n;
  args.bias = layer.bias, args.folded_bias = bias.data();
  args.batch_norm = layer.batch_norm;
  check_arguments(check, args);
  if (!check.ok()) return check.status();
  layer.flags = 0, layer.w = w.data(), layer.ldw = layer.n;
  return ask_chain(context, call, &lf_kernel_table::fold_batch_norm, args);
}

lf_status add_layer(lf_context &context, const lf_network_args &args, int64_t index, lf_network &network) {
  const std::string call = "lf_network_create, layer " + std::to_string(index);
  Check check(context.serial, call.c_str());
  lf_network_layer layer = read_layer(check, args, index);
  check_layer(check, layer, index == 0 ? 0 : network.layers.back().n);
  if (!check.ok()) return check.status();
  if (index > 0) network.widest = std::max(network.widest, good_stride(layer.k));
  NetworkLayer made;
  made.n = layer.n, made.k = layer.k, made.activation = layer.activation, made.alpha = layer.alpha;
  if ((layer.flags & LF_ELEMENTWISE) != 0) {
    if (layer.batch_norm != nullptr) {
      made.norm = std::make_unique<NetworkNorm>(*layer.batch_norm, layer.n);
      network.widest_norm = std::max(network.widest_norm, layer.n);
    }
    network.layers.push_back(std::move(made));
    return LF_OK;
  }
  made.bias.resize(static_cast<size_t>(layer.n));
  std::vector<float> folded;
  lf_status status = LF_OK;
  if (layer.batch_norm != nullptr) status = fold(context, check, call.c_str(), layer, folded, made.bias);
  else if (layer.bias != nullptr) std::copy(layer.bias, layer.bias + layer.n, made.bias.begin());
  if (status != LF_OK) return status;
  lf_pack_weights_args pack{};
  pack.struct_size = sizeof pack;
  pack.flags = layer.flags;
  pack.n = layer.n, pack.k = layer.k, pack.w = layer.w, pack.ldw = layer.ldw;
  status = pack_weights(context, call.c_str(), pack, made.weights);
  if (status != LF_OK) return status;
  network.layers.push_back(std::move(made));
  return LF_OK;
}

// An lf_parallel_for that runs all tasks in the calling thread.
void one_by_one(void *, int64_t count, lf_task task, void *arg) {
  for (int64_t i = 0; i < count; ++i) task(arg, i);
}

// One call.  The rows are cut into pieces.  Either workers claim pieces one by one, each with two buffers of its own,
// so that cores of unequal speed finish together.  Or there is one worker, and all threads share each of its products.
class Inference {
public:
  // The scratch memory of a call, whatever its number of rows and the stride of its input.  With weights that are packed,
  // and operands whose rows do not conflict, a plugin of Lanefold needs none.
  static uint64_t most_bytes(const lf_context &context, const lf_network &network) {
    return bytes(context.executor.threads(), buffers_floats(most_rows_of_a_piece(network), network, true));
  }

  Inference(lf_context &context, const lf_network_infer_args &args, const lf_network &network)
      : context_(context), args_(args), network_(network) {
    const int64_t threads = context.executor.threads();
    workers_ = args.m >= threads * least_rows_of_a_worker ? threads : 1;
    pieces_ = round_up((args.m - 1) / most_rows_of_a_piece(network) + 1, workers_);
    copies_x_ = args.m > 1 && rows_conflict(args.ldx);
    worker_floats_ = buffers_floats((args.m - 1) / pieces_ + 1, network, copies_x_);
  }

  lf_status run() {
    Call call(context_, name);
    if (worker_floats_ > 0) {
      buffers_ = static_cast<float *>(context_.scratch.acquire(bytes(workers_, worker_floats_)));
      if (buffers_ == nullptr)
        return note_error(context_.serial, LF_OUT_OF_MEMORY, name, "out of memory: cannot allocate scratch memory");
    }
    if (workers_ == 1) run_pieces(call, *call.host(), buffers_);
    else context_.executor.parallel_for(workers_, run_worker, this);
    if (buffers_ != nullptr) context_.scratch.release(buffers_);
    return failed_ ? note_error(context_.serial, status_, name, message_) : LF_OK;
  }

private:
  static constexpr const char *name = "lf_network_infer";

  static int64_t round_up(int64_t a, int64_t b) { return (a + b - 1) / b * b; }

  static int64_t most_rows_of_a_piece(const lf_network &network) {
    return std::clamp(buffer_floats / std::max<int64_t>(1, network.widest), fewest_rows, most_rows);
  }
  // The two buffers of a worker, and one for a copy of its rows of x.
  static int64_t buffers_floats(int64_t rows, const lf_network &network, bool copies_x) {
    const int64_t input = copies_x ? round_up(rows * good_stride(network.layers.front().k), floats_in_a_line) : 0;
    return 2 * buffer_of(rows, network) + input;
  }
  static int64_t buffer_of(int64_t rows, const lf_network &network) {
    return round_up(rows * network.widest, floats_in_a_line);
  }
  static uint64_t bytes(int64_t workers, int64_t floats) {
    return static_cast<uint64_t>(workers * floats) * sizeof(float);
  }

  static void run_worker(void *self, int64_t worker) {
    auto &inference = *static_cast<Inference *>(self);
    Call call(inference.context_, name);
    lf_host host = *call.host();
    host.threads = 1;
    host.parallel_for = one_by_one;
    inference.run_pieces(call, host, inference.buffers_ + worker * inference.worker_floats_);
  }

  void run_pieces(Call &call, const lf_host &host, float *buffers) {
    const int64_t rows = args_.m / pieces_, larger = args_.m % pieces_; // `larger` pieces have one row more
    for (int64_t piece; !failed_ && (piece = next_.fetch_add(1)) < pieces_;)
      run_rows(call, host, piece * rows + std::min(piece, larger), rows + (piece < larger), buffers);
  }

  void run_rows(Call &call, const lf_host &host, int64_t first, int64_t rows, float *buffers) {
    const float *x = args_.x + first * args_.ldx;
    int64_t ldx = args_.ldx;
    const int64_t buffer = buffer_of((args_.m - 1) / pieces_ + 1, network_);
    if (copies_x_) {
      const int64_t k = network_.layers.front().k, stride = good_stride(k);
      float *copy = buffers + 2 * buffer;
      for (int64_t i = 0; i < rows; ++i) std::copy_n(x + i * ldx, k, copy + i * stride);
      x = copy, ldx = stride;
    }
    for (size_t i = 0; i < network_.layers.size(); ++i) {
      const NetworkLayer &layer = network_.layers[i];
      const bool last = i + 1 == network_.layers.size();
      float *y = last ? args_.y + first * args_.ldy : buffers + static_cast<int64_t>(i % 2) * buffer;
      const int64_t ldy = last ? args_.ldy : good_stride(layer.n);
      const lf_status status = layer.weights != nullptr ? infer(host, layer, rows, x, ldx, y, ldy)
                                                        : apply(host, layer, rows, x, ldx, y, ldy);
      if (status != LF_OK) return fail(call, status, i);
      x = y, ldx = ldy;
    }
    if (network_.output == LF_OUTPUT_VALUES) return;
    auto args = sized<lf_softmax_args>();
    args.flags = network_.output == LF_OUTPUT_LOG_SOFTMAX ? LF_LOGARITHM : 0;
    args.m = rows, args.n = network_.layers.back().n, args.x = x, args.ldx = ldx;
    args.y = args_.y + first * args_.ldy, args.ldy = args_.ldy;
    if (const lf_status status = ask(host, &lf_kernel_table::softmax, args); status != LF_OK)
      fail(call, status, network_.layers.size());
  }

  template <class Args> static Args sized() {
    Args args{};
    args.struct_size = sizeof args;
    return args;
  }

  static lf_status infer(const lf_host &host, const NetworkLayer &layer, int64_t m, const float *x, int64_t ldx,
                         float *y, int64_t ldy) {
    auto args = sized<lf_dense_infer_args>();
    args.m = m, args.n = layer.n, args.k = layer.k;
    args.x = x, args.ldx = ldx, args.bias = layer.bias.data(), args.y = y, args.ldy = ldy;
    args.activation = layer.activation, args.alpha = layer.alpha;
    return layer.weights->plugin.table.dense_infer(&host, &args, layer.weights->data.get());
  }

  // A layer without a product.
  lf_status apply(const lf_host &host, const NetworkLayer &layer, int64_t m, const float *x, int64_t ldx, float *y,
                  int64_t ldy) const {
    if (layer.norm != nullptr) {
      auto args = sized<lf_batch_norm_forward_args>();
      args.m = m, args.n = layer.n, args.x = x, args.ldx = ldx, args.y = y, args.ldy = ldy;
      args.batch_norm = &layer.norm->norm;
      if (const lf_status status = ask(host, &lf_kernel_table::batch_norm_forward, args); status != LF_OK)
        return status;
      if (layer.activation == LF_IDENTITY) return LF_OK;
      x = y, ldx = ldy;
    }
    auto args = sized<lf_activation_forward_args>();
    args.m = m, args.n = layer.n, args.x = x, args.ldx = ldx, args.y = y, args.ldy = ldy;
    args.activation = layer.activation, args.alpha = layer.alpha;
    return ask(host, &lf_kernel_table::activation_forward, args);
  }

  // Asks the plugins of the context in turn.
  template <class Args> lf_status ask(const lf_host &host, Kernel<Args> kernel, const Args &args) const {
    const auto try_plugin = [&](const LoadedPlugin &plugin) {
      return plugin.table.*kernel == nullptr ? LF_UNSUPPORTED : (plugin.table.*kernel)(&host, &args);
    };
    lf_status status = try_plugin(context_.chain->chosen());
    if (status != LF_UNSUPPORTED) return status;
    for (const LoadedPlugin &plugin : context_.chain->stand_ins(host))
      if (status = try_plugin(plugin); status != LF_UNSUPPORTED) return status;
    return status;
  }

  // Keeps the first failure.
  void fail(const Call &call, lf_status status, size_t layer) {
    if (failed_.exchange(true)) return;
    status_ = status;
    std::snprintf(message_, sizeof message_, "layer %zu: %s", layer,
                  call.message()[0] != 0 ? call.message() : lf_status_name(status));
  }

  lf_context &context_;
  const lf_network_infer_args &args_;
  const lf_network &network_;
  int64_t pieces_, workers_, worker_floats_;
  bool copies_x_;
  float *buffers_ = nullptr;
  std::atomic<int64_t> next_ = 0;
  std::atomic<bool> failed_ = false;
  lf_status status_ = LF_OK;
  char message_[message_size + 32]; // "layer N: " and the message
};

constexpr int64_t most_calls = 4096;

// Makes the scratch memory for `calls` calls at the same time, and starts the threads.
lf_status reserve(lf_context &context, const lf_network &network, const char *call, int64_t calls) {
  // A normalization without a product takes memory of its own, in each worker.
  const int64_t workers = context.executor.threads();
  const std::pair<uint64_t, int64_t> wanted[] = {
      {Inference::most_bytes(context, network), calls},
      {static_cast<uint64_t>(network.widest_norm) * sizeof(float), calls * workers}};
  std::vector<void *> blocks;
  bool has_all = true;
  for (const auto &[bytes, count] : wanted)
    for (int64_t i = 0; bytes > 0 && i < count && has_all; ++i) {
      blocks.push_back(context.scratch.acquire(bytes));
      has_all = blocks.back() != nullptr;
    }
  for (void *block : blocks) context.scratch.release(block);
  if (!has_all)
    return note_error(context.serial, LF_OUT_OF_MEMORY, call, "out of memory: cannot allocate scratch memory");
  context.executor.start();
  return LF_OK;
}

} // namespace
} // namespace lanefold::runtime

using namespace lanefold::runtime;

lf_status lf_network_create(lf_context *context, const lf_network_args *given, lf_network **network) {
  if (network != nullptr) *network = nullptr;
  return guarded(context, "lf_network_create", [=](Check &check) {
    check.present("network", network);
    const lf_network_args args = check.read("args", given);
    check.flags("flags", args.flags, 0, "none");
    check.sizes({{"count", args.count}}, 1);
    check.present("layers", args.layers);
    check.code("output", args.output, LF_OUTPUT_COUNT,
               "LF_OUTPUT_VALUES 0, LF_OUTPUT_SOFTMAX 1, LF_OUTPUT_LOG_SOFTMAX 2");
    check.flags("reserved", args.reserved, 0, "none");
    if (!check.ok()) return check.status();
    auto made = std::make_unique<lf_network>();
    made->output = args.output;
    for (int64_t i = 0; i < args.count; ++i)
      if (const lf_status status = add_layer(*context, args, i, *made); status != LF_OK) return status;
    if (const lf_status status = reserve(*context, *made, "lf_network_create", 1); status != LF_OK) return status;
    *network = made.release();
    return LF_OK;
  });
}

void lf_network_destroy(lf_network *network) { delete network; }

lf_status lf_network_reserve(lf_context *context, const lf_network *network, int32_t calls) {
  return guarded(context, "lf_network_reserve", [=](Check &check) {
    check.present("network", network);
    check.value("calls", int64_t{calls}, calls >= 1 && calls <= most_calls, "1 to 4096");
    return check.ok() ? reserve(*context, *network, "lf_network_reserve", calls) : check.status();
  });
}

lf_status lf_network_infer(lf_context *context, const lf_network_infer_args *args, const lf_network *network) {
  const auto rules = [=](auto &check, lf_network_infer_args &checked) {
    check.present("network", network);
    check.flags("flags", checked.flags, 0, "none");
    check.sizes({{"m", checked.m}});
    if (!check.ok()) return false;
    check.reads("x", checked.x, {checked.m, network->layers.front().k, checked.ldx, "ldx"});
    check.writes("y", checked.y, {checked.m, network->layers.back().n, checked.ldy, "ldy"});
    check.overlaps();
    return checked.m > 0;
  };
  return run(context, "lf_network_infer", args, rules, [=](lf_context &on, const lf_network_infer_args &checked) {
    return Inference(on, checked, *network).run();
  });
}
