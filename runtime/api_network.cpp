// Inference by a whole network in one call. A few rows at a time go through all layers, and two buffers that stay in
// cache hold what lies between two layers.
#include "runtime/operations.hpp"
#include "runtime/packed_weights.hpp"

#include <algorithm>
#include <atomic>
#include <string>
#include <vector>

namespace lanefold::runtime {

struct NetworkLayer {
  std::unique_ptr<lf_packed_weights> weights;
  std::vector<float> bias;
  int32_t activation;
  float alpha;
};

} // namespace lanefold::runtime

struct lf_network {
  std::vector<lanefold::runtime::NetworkLayer> layers;
  int64_t widest = 0; // the largest stride of what lies between two layers
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
  check.flags("flags", layer.flags, LF_TRANSPOSE_B, "LF_TRANSPOSE_B");
  check.sizes({{"n", layer.n}, {"k", layer.k}}, 1);
  if (check.ok() && inputs > 0 && layer.k != inputs)
    check.fail(LF_INVALID_ARGUMENT, "k is %lld, but the layer before has %lld columns", static_cast<long long>(layer.k),
               static_cast<long long>(inputs));
  check_activation(check, layer.activation, layer.alpha);
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
  check_layer(check, layer, index == 0 ? 0 : network.layers.back().weights->n);
  if (!check.ok()) return check.status();
  NetworkLayer made{nullptr, std::vector<float>(static_cast<size_t>(layer.n)), layer.activation, layer.alpha};
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
  if (index > 0) network.widest = std::max(network.widest, good_stride(layer.k));
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
    const int64_t input =
        copies_x ? round_up(rows * good_stride(network.layers.front().weights->k), floats_in_a_line) : 0;
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
      const int64_t k = network_.layers.front().weights->k, stride = good_stride(k);
      float *copy = buffers + 2 * buffer;
      for (int64_t i = 0; i < rows; ++i) std::copy_n(x + i * ldx, k, copy + i * stride);
      x = copy, ldx = stride;
    }
    for (size_t i = 0; i < network_.layers.size(); ++i) {
      const NetworkLayer &layer = network_.layers[i];
      const bool last = i + 1 == network_.layers.size();
      lf_dense_infer_args args{};
      args.struct_size = sizeof args;
      args.m = rows, args.n = layer.weights->n, args.k = layer.weights->k;
      args.x = x, args.ldx = ldx, args.bias = layer.bias.data();
      args.activation = layer.activation, args.alpha = layer.alpha;
      args.y = last ? args_.y + first * args_.ldy : buffers + static_cast<int64_t>(i % 2) * buffer;
      args.ldy = last ? args_.ldy : good_stride(args.n);
      const lf_status status = layer.weights->plugin.table.dense_infer(&host, &args, layer.weights->data.get());
      if (status != LF_OK) return fail(call, status, i);
      x = args.y, ldx = args.ldy;
    }
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
  std::vector<void *> blocks;
  blocks.reserve(static_cast<size_t>(calls));
  const uint64_t bytes = Inference::most_bytes(context, network);
  while (bytes > 0 && static_cast<int64_t>(blocks.size()) < calls) {
    blocks.push_back(context.scratch.acquire(bytes));
    if (blocks.back() == nullptr) break;
  }
  const bool has_all = bytes == 0 || blocks.back() != nullptr;
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
    if (!check.ok()) return check.status();
    auto made = std::make_unique<lf_network>();
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
    check.reads("x", checked.x, {checked.m, network->layers.front().weights->k, checked.ldx, "ldx"});
    check.writes("y", checked.y, {checked.m, network->layers.back().weights->n, checked.ldy, "ldy"});
    check.overlaps();
    return checked.m > 0;
  };
  return run(context, "lf_network_infer", args, rules, [=](lf_context &on, const lf_network_infer_args &checked) {
    return Inference(on, checked, *network).run();
  });
}
