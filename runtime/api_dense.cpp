// Dense layers: the forward pass, the backward pass, and inference on packed weights.
#include "runtime/operations.hpp"
#include "runtime/packed_weights.hpp"

#include <cmath>

namespace lanefold::runtime {
namespace {

template <class Rules> void check_packed(Rules &check, int64_t n, int64_t k, const lf_packed_weights *packed) {
  if (check.sizes_only()) return;
  check.present("packed", packed);
  if (!check.ok()) return;
  if (n != packed->n)
    check.fail(LF_INVALID_ARGUMENT, "n is %lld, but packed has %lld columns", static_cast<long long>(n),
               static_cast<long long>(packed->n));
  if (k != packed->k)
    check.fail(LF_INVALID_ARGUMENT, "k is %lld, but packed has %lld rows", static_cast<long long>(k),
               static_cast<long long>(packed->k));
}

} // namespace

template <class Rules> bool check_arguments(Rules &check, lf_dense_forward_args &args) {
  check.flags("flags", args.flags, LF_TRAINING, "LF_TRAINING");
  check.sizes({{"m", args.m}, {"n", args.n}, {"k", args.k}});
  check_activation(check, args.activation, args.alpha);
  check.reads("x", args.x, {args.m, args.k, args.ldx, "ldx"});
  if (args.packed != nullptr) check_packed(check, args.n, args.k, args.packed);
  else check.reads("w", args.w, {args.k, args.n, args.ldw, "ldw"});
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

// Where m, n or k is 0, some outputs may still have elements. They are sums over nothing, and the kernel writes them.
template <class Rules> bool check_arguments(Rules &check, lf_dense_backward_args &args) {
  const bool has_norm = args.batch_norm != nullptr, from_input = LF_DERIVES_FROM_INPUT(args.activation);
  check.flags("flags", args.flags, LF_UPDATE_PACKED, "LF_UPDATE_PACKED");
  check.sizes({{"m", args.m}, {"n", args.n}, {"k", args.k}});
  check_activation(check, args.activation, args.alpha);
  check.reads("x", args.x, {args.m, args.k, args.ldx, "ldx"});
  check.flags("reserved", args.reserved, 0, "none");
  const bool updates_packed = (args.flags & LF_UPDATE_PACKED) != 0;
  const bool updates = args.updated_w != nullptr || updates_packed;
  if (updates_packed && !check.sizes_only()) check.present("packed", args.packed);
  if (args.packed != nullptr) check_packed(check, args.n, args.k, args.packed);
  if ((args.dx != nullptr && args.packed == nullptr) || args.updated_w != nullptr)
    check.reads("w", args.w, {args.k, args.n, args.ldw, "ldw"});
  if (has_norm) {
    args.batch_norm =
        check_batch_norm(check, args.batch_norm,
                         from_input ? BatchNormUse::backward_from_input : BatchNormUse::backward, args.m, args.n);
  }
  if (has_norm || from_input) check.reads("z", args.z, {args.m, args.n, args.ldz, "ldz"});
  if (args.activation != LF_IDENTITY && !from_input) check.reads("y", args.y, {args.m, args.n, args.ldy, "ldy"});
  check.reads("dy", args.dy, {args.m, args.n, args.lddy, "lddy"});
  if (args.dw != nullptr || !updates) check.writes("dw", args.dw, {args.k, args.n, args.lddw, "lddw"});
  if (updates) {
    check.value("learning_rate", args.learning_rate, args.learning_rate >= 0 && std::isfinite(args.learning_rate),
                "0 or more and finite");
    if (args.updated_w != nullptr) check.writes("updated_w", args.updated_w, {args.k, args.n, args.ldw, "ldw"}, "w");
  }
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

template <class Rules> bool check_arguments(Rules &check, lf_pack_weights_args &args) {
  const bool transposed = (args.flags & LF_TRANSPOSE_B) != 0;
  check.flags("flags", args.flags, LF_TRANSPOSE_B, "LF_TRANSPOSE_B");
  check.sizes({{"n", args.n}, {"k", args.k}});
  check.reads("w", args.w, {transposed ? args.n : args.k, transposed ? args.k : args.n, args.ldw, "ldw"});
  return true;
}

template <class Rules> bool check_arguments(Rules &check, lf_unpack_weights_args &args) {
  check.flags("flags", args.flags, 0, "none");
  check.sizes({{"n", args.n}, {"k", args.k}});
  check.writes("w", args.w, {args.k, args.n, args.ldw, "ldw"});
  return args.n > 0 && args.k > 0;
}

template <class Rules> bool check_arguments(Rules &check, lf_dense_infer_args &args) {
  check.flags("flags", args.flags, 0, "none");
  check.sizes({{"m", args.m}, {"n", args.n}, {"k", args.k}});
  check_activation(check, args.activation, args.alpha);
  check.reads("x", args.x, {args.m, args.k, args.ldx, "ldx"});
  if (args.bias != nullptr) check.reads("bias", args.bias, vector(args.n));
  check.writes("y", args.y, {args.m, args.n, args.ldy, "ldy"});
  check.overlaps();
  return args.m > 0 && args.n > 0;
}

// For lf_explain and lf_network_create.
template bool check_arguments(Check &, lf_dense_forward_args &);
template bool check_arguments(Check &, lf_dense_backward_args &);
template bool check_arguments(Check &, lf_pack_weights_args &);
template bool check_arguments(Check &, lf_unpack_weights_args &);
template bool check_arguments(Check &, lf_dense_infer_args &);

namespace {

lf_status pack(const LoadedPlugin &plugin, const lf_host *host, const lf_pack_weights_args &args,
               std::unique_ptr<lf_packed_weights> &packed) {
  if (plugin.table.pack_weights == nullptr) return LF_UNSUPPORTED;
  auto made = std::make_unique<lf_packed_weights>(lf_packed_weights{args.n, args.k, plugin, nullptr});
  made->data.reset(allocate_aligned(plugin.table.packed_weights_size(&args)));
  if (made->data == nullptr) return host->fail(host->self, LF_OUT_OF_MEMORY, "out of memory for the packed weights");
  const lf_status status = plugin.table.pack_weights(host, &args, made->data.get());
  if (status == LF_OK) packed = std::move(made);
  return status;
}

} // namespace

namespace {

// Only the plugin that packed the weights can read them. It gets them in its own form.
template <class Args>
lf_status run_on_weights(lf_context *context, const char *name, Kernel<Args> kernel, const Args *given) {
  return run(context, name, given, rules_of_struct, [=](lf_context &on, Args &args) {
    if (args.packed == nullptr) return ask_chain(on, name, kernel, args);
    const LoadedPlugin &plugin = args.packed->plugin;
    args.packed = static_cast<lf_packed_weights *>(args.packed->data.get());
    Call call(on, name);
    const auto operation = plugin.table.*kernel;
    return call.finish(operation == nullptr ? LF_UNSUPPORTED : operation(call.host(), &args), plugin);
  });
}

} // namespace

lf_status pack_weights(lf_context &context, const char *call, const lf_pack_weights_args &args,
                       std::unique_ptr<lf_packed_weights> &packed) {
  return ask_chain(context, call,
                   [&](const LoadedPlugin &plugin, const lf_host *host) { return pack(plugin, host, args, packed); });
}

} // namespace lanefold::runtime

using namespace lanefold::runtime;

lf_status lf_dense_forward(lf_context *context, const lf_dense_forward_args *args) {
  return run_on_weights(context, "lf_dense_forward", &lf_kernel_table::dense_forward, args);
}

lf_status lf_dense_backward(lf_context *context, const lf_dense_backward_args *args) {
  return run_on_weights(context, "lf_dense_backward", &lf_kernel_table::dense_backward, args);
}

lf_status lf_unpack_weights(lf_context *context, const lf_unpack_weights_args *args, const lf_packed_weights *packed) {
  constexpr auto name = "lf_unpack_weights";
  const auto rules = [=](auto &check, lf_unpack_weights_args &checked) {
    check.sizes({{"n", checked.n}, {"k", checked.k}});
    check_packed(check, checked.n, checked.k, packed); // before w, whose size follows from n and k
    return check_arguments(check, checked);
  };
  return run(context, name, args, rules, [=](lf_context &on, const lf_unpack_weights_args &checked) {
    Call call(on, name);
    return call.finish(packed->plugin.table.unpack_weights(call.host(), &checked, packed->data.get()), packed->plugin);
  });
}

lf_status lf_pack_weights(lf_context *context, const lf_pack_weights_args *given, lf_packed_weights **packed) {
  if (packed != nullptr) *packed = nullptr;
  return guarded(context, "lf_pack_weights", [=](Check &check) {
    check.present("packed", packed);
    lf_pack_weights_args args = check.read("args", given);
    check_arguments(check, args);
    if (!check.ok()) return check.status();
    std::unique_ptr<lf_packed_weights> made;
    const lf_status status = pack_weights(*context, "lf_pack_weights", args, made);
    *packed = made.release();
    return status;
  });
}

void lf_packed_weights_destroy(lf_packed_weights *packed) { delete packed; }

lf_status lf_dense_infer(lf_context *context, const lf_dense_infer_args *args, const lf_packed_weights *packed) {
  constexpr auto name = "lf_dense_infer";
  const auto rules = [=](auto &check, lf_dense_infer_args &checked) {
    const bool has_work = check_arguments(check, checked);
    check_packed(check, checked.n, checked.k, packed);
    return has_work;
  };
  return run(context, name, args, rules, [=](lf_context &on, const lf_dense_infer_args &checked) {
    Call call(on, name);
    return call.finish(packed->plugin.table.dense_infer(call.host(), &checked, packed->data.get()), packed->plugin);
  });
}
