// Dense layers: forward, backward, and inference on packed weights.
#include "runtime/call.hpp"
#include "runtime/operations.hpp"

#include <cstdlib>
#include <memory>

// Its own plugin reads it, whatever plugin the context of the call has. Plugins are never unloaded.
struct lf_packed_weights {
  int64_t n, k;
  lanefold::runtime::LoadedPlugin plugin;
  struct Free {
    void operator()(void *memory) const { std::free(memory); }
  };
  std::unique_ptr<void, Free> data; // aligned as scratch memory
};

namespace lanefold::runtime {

bool check_arguments(Check &check, lf_dense_forward_args &args) {
  check.flags("flags", args.flags, LF_TRAINING, "LF_TRAINING");
  check.sizes({{"m", args.m}, {"n", args.n}, {"k", args.k}});
  check_activation(check, args.activation, args.alpha);
  check.reads("x", args.x, {args.m, args.k, args.ldx, "ldx"});
  check.reads("w", args.w, {args.k, args.n, args.ldw, "ldw"});
  if (args.bias != nullptr) check.reads("bias", args.bias, vector(args.n));
  if (args.batch_norm != nullptr) {
    const bool training = (args.flags & LF_TRAINING) != 0;
    args.batch_norm = check_batch_norm(check, args.batch_norm,
                                       training ? BatchNormUse::training : BatchNormUse::inference, args.m, args.n);
  }
  if (args.z != nullptr) check.writes("z", args.z, {args.m, args.n, args.ldz, "ldz"});
  check.writes("y", args.y, {args.m, args.n, args.ldy, "ldy"});
  check.overlaps();
  return args.m > 0 && args.n > 0;
}

// With m or n or k 0 some outputs may still have elements: sums of nothing, which the kernel writes.
bool check_arguments(Check &check, lf_dense_backward_args &args) {
  const bool has_norm = args.batch_norm != nullptr;
  check.flags("flags", args.flags, 0, "none");
  check.sizes({{"m", args.m}, {"n", args.n}, {"k", args.k}});
  check_activation(check, args.activation, args.alpha);
  check.reads("x", args.x, {args.m, args.k, args.ldx, "ldx"});
  if (args.dx != nullptr) check.reads("w", args.w, {args.k, args.n, args.ldw, "ldw"});
  if (has_norm) {
    args.batch_norm = check_batch_norm(check, args.batch_norm, BatchNormUse::backward, args.m, args.n);
    check.reads("z", args.z, {args.m, args.n, args.ldz, "ldz"});
  }
  if (args.activation != LF_IDENTITY) check.reads("y", args.y, {args.m, args.n, args.ldy, "ldy"});
  check.reads("dy", args.dy, {args.m, args.n, args.lddy, "lddy"});
  check.writes("dw", args.dw, {args.k, args.n, args.lddw, "lddw"});
  if (args.dbias != nullptr) check.writes("dbias", args.dbias, vector(args.n));
  if (args.dx != nullptr) check.writes("dx", args.dx, {args.m, args.k, args.lddx, "lddx"});
  for (const auto &[name, pointer] : {std::pair("dgamma", args.dgamma), std::pair("dbeta", args.dbeta)}) {
    if (has_norm) check.writes(name, pointer, vector(args.n));
    else if (pointer != nullptr && !check.sizes_only())
      check.fail(LF_INVALID_ARGUMENT, "%s is given, but batch_norm is NULL", name);
  }
  check.overlaps();
  return args.n > 0 || (args.dx != nullptr && args.m > 0 && args.k > 0);
}

bool check_arguments(Check &check, lf_pack_weights_args &args) {
  const bool transposed = (args.flags & LF_TRANSPOSE_B) != 0;
  check.flags("flags", args.flags, LF_TRANSPOSE_B, "LF_TRANSPOSE_B");
  check.sizes({{"n", args.n}, {"k", args.k}});
  check.reads("w", args.w, {transposed ? args.n : args.k, transposed ? args.k : args.n, args.ldw, "ldw"});
  return true;
}

bool check_arguments(Check &check, lf_dense_infer_args &args) {
  check.flags("flags", args.flags, 0, "none");
  check.sizes({{"m", args.m}, {"n", args.n}, {"k", args.k}});
  check_activation(check, args.activation, args.alpha);
  check.reads("x", args.x, {args.m, args.k, args.ldx, "ldx"});
  if (args.bias != nullptr) check.reads("bias", args.bias, vector(args.n));
  check.writes("y", args.y, {args.m, args.n, args.ldy, "ldy"});
  check.overlaps();
  return args.m > 0 && args.n > 0;
}

namespace {

lf_status pack(const LoadedPlugin &plugin, const lf_host *host, const lf_pack_weights_args &args,
               std::unique_ptr<lf_packed_weights> &packed) {
  if (plugin.table.pack_weights == nullptr) return LF_UNSUPPORTED;
  auto made = std::make_unique<lf_packed_weights>(lf_packed_weights{args.n, args.k, plugin, nullptr});
  made->data.reset(allocate_aligned(plugin.table.packed_weights_size(&args)));
  if (made->data == nullptr) return host->fail(host->self, LF_OUT_OF_MEMORY, "no memory for the packed weights");
  const lf_status status = plugin.table.pack_weights(host, &args, made->data.get());
  if (status == LF_OK) packed = std::move(made);
  return status;
}

void check_packed(Check &check, const lf_dense_infer_args &args, const lf_packed_weights *packed) {
  check.present("packed", packed);
  if (!check.ok()) return;
  if (args.n != packed->n)
    check.fail(LF_INVALID_ARGUMENT, "n is %lld, but packed has %lld columns", static_cast<long long>(args.n),
               static_cast<long long>(packed->n));
  if (args.k != packed->k)
    check.fail(LF_INVALID_ARGUMENT, "k is %lld, but packed has %lld rows", static_cast<long long>(args.k),
               static_cast<long long>(packed->k));
}

} // namespace
} // namespace lanefold::runtime

using namespace lanefold::runtime;

lf_status lf_dense_forward(lf_context *context, const lf_dense_forward_args *args) {
  return run(context, "lf_dense_forward", &lf_kernel_table::dense_forward, args);
}

lf_status lf_dense_backward(lf_context *context, const lf_dense_backward_args *args) {
  return run(context, "lf_dense_backward", &lf_kernel_table::dense_backward, args);
}

lf_status lf_pack_weights(lf_context *context, const lf_pack_weights_args *given, lf_packed_weights **packed) {
  if (packed != nullptr) *packed = nullptr;
  return guarded(context, "lf_pack_weights", [=](Check &check) {
    check.present("packed", packed);
    lf_pack_weights_args args = check.read("args", given);
    check_arguments(check, args);
    if (!check.ok()) return check.status();
    std::unique_ptr<lf_packed_weights> made;
    const lf_status status =
        ask_chain(*context, "lf_pack_weights",
                  [&](const LoadedPlugin &plugin, const lf_host *host) { return pack(plugin, host, args, made); });
    *packed = made.release();
    return status;
  });
}

void lf_packed_weights_destroy(lf_packed_weights *packed) { delete packed; }

lf_status lf_dense_infer(lf_context *context, const lf_dense_infer_args *given, const lf_packed_weights *packed) {
  return guarded(context, "lf_dense_infer", [=](Check &check) {
    lf_dense_infer_args args = check.read("args", given);
    const bool has_work = check_arguments(check, args);
    check_packed(check, args, packed);
    if (!check.ok() || !has_work) return check.status();
    Call call(*context, "lf_dense_infer");
    return call.finish(packed->plugin.table.dense_infer(call.host(), &args, packed->data.get()), packed->plugin);
  });
}
