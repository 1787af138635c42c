// Each activation alone, forward and backward, on data in each level of memory.
#include "cases.hpp"

#include "../timing/machine.hpp"

#include <cstring>

namespace lanefold::bench {
namespace {

// docs/numerics.md promises 2 ulp of each result, which is at most the largest one.
constexpr int64_t roundings = 4;

struct Arrays {
  Arrays(int64_t n, bool backward, Memory memory)
      : x(memory.random(n, 1, backward ? -1 : -4, backward ? 1 : 4)), dy(backward ? memory.random(n, 2) : Floats()),
        y(memory.floats(n)), peer_y(y) {}
  Floats x, dy, y, peer_y; // backward: x is what the derivative follows from, y the gradient
};
using ArraysPointer = std::shared_ptr<Arrays>;

// Compares evenly spaced values with the function in double.
template <class Function> std::string mismatch_of(const Floats &values, int64_t terms, Function expected) {
  const size_t step = std::max<size_t>(1, values.size() / 100'000);
  Floats found;
  Doubles wanted;
  for (size_t i = 0; i < values.size(); i += step) found.push_back(values[i]), wanted.push_back(expected(i));
  return find_mismatch("y", found, wanted, terms);
}

Verification verify_forward(const ArraysPointer &arrays, Floats &values, int32_t activation,
                            int64_t terms = roundings) {
  return {{&values}, {}, [=, &values] {
            return mismatch_of(values, terms,
                               [&](size_t i) { return activate(activation, alpha_of(activation), arrays->x[i]); });
          }};
}

Verification verify_backward(const ArraysPointer &arrays, Floats &values, int32_t activation) {
  return {{&values}, {}, [=, &values] {
            return mismatch_of(values, roundings, [&](size_t i) {
              return arrays->dy[i] * derivative(activation, alpha_of(activation), arrays->x[i]);
            });
          }};
}

std::function<void()> forward(const Setting &setting, const ArraysPointer &arrays, int32_t activation) {
  auto call = args<lf_activation_forward_args>();
  call.m = 1, call.n = static_cast<int64_t>(arrays->x.size());
  call.activation = activation, call.alpha = alpha_of(activation);
  call.x = arrays->x.data(), call.ldx = call.n, call.y = arrays->y.data(), call.ldy = call.n;
  return [=, context = setting.context] { context->activation_forward(call); };
}

std::function<void()> backward(const Setting &setting, const ArraysPointer &arrays, int32_t activation) {
  auto call = args<lf_activation_backward_args>();
  call.m = 1, call.n = static_cast<int64_t>(arrays->x.size());
  call.activation = activation, call.alpha = alpha_of(activation);
  if (LF_DERIVES_FROM_INPUT(activation)) call.x = arrays->x.data(), call.ldx = call.n;
  else call.y = arrays->x.data(), call.ldy = call.n;
  call.dy = arrays->dy.data(), call.lddy = call.n;
  call.dx = arrays->y.data(), call.lddx = call.n;
  return [=, context = setting.context] { context->activation_backward(call); };
}

// The activation, and what it is compared with: ReLU, peers, and a copy of the data.
void make_activation(CaseBuilder &builder, int32_t activation, int64_t n, bool is_backward) {
  const auto arrays = builder.keep<Arrays>(n, is_backward, builder.memory);
  const auto add = [&](const char *label, int32_t of) {
    builder.add(label, is_backward ? backward(builder.setting, arrays, of) : forward(builder.setting, arrays, of),
                is_backward ? verify_backward(arrays, arrays->y, of) : verify_forward(arrays, arrays->y, of));
  };
  add("lanefold", activation);
  if (builder.of.has("relu")) add("relu", LF_RELU);
  for (const auto &peer : builder.setting.peers) {
    // A peer in a process of its own would need a second copy of this much memory.
    if (!builder.of.with_peers || (peer->times_itself() && builder.of.fields().level == "memory")) continue;
    float *const to = arrays->peer_y.data();
    // Peers compute exp(x) - 1, which loses digits near 0, so their error may be 2^-20 of the largest result.
    builder.add_peer(*peer, "lanefold",
                     is_backward ? peer->elu_backward(n, arrays->x.data(), arrays->dy.data(), to)
                                 : peer->elu_forward(n, arrays->x.data(), to),
                     is_backward ? verify_backward(arrays, arrays->peer_y, activation)
                                 : verify_forward(arrays, arrays->peer_y, activation, 16));
  }
  if (!is_backward) builder.add_copies(n);
}

Case activation_case(int32_t activation, int64_t n, bool is_backward) {
  const double count = static_cast<double>(n);
  const Work work{0, (is_backward ? 12 : 8) * count, count};
  const auto fields_of = [&](int32_t which) {
    Fields fields;
    fields.family = fields.op = "activation", fields.pass = is_backward ? "backward" : "forward";
    fields.activation = activation_names[which], fields.n = n;
    return fields;
  };
  Case bench_case;
  bench_case.variants = {{"lanefold", fields_of(activation), work, ""}};
  if (activation != LF_RELU) bench_case.variants.push_back({"relu", fields_of(LF_RELU), work, ""});
  bench_case.make = [=](CaseBuilder &builder) { make_activation(builder, activation, n, is_backward); };
  bench_case.with_peers = activation == LF_ELU;
  return bench_case;
}

int64_t count_in(const Level &level, bool backward) { return level.bytes / 4 / (backward ? 3 : 2) / 1024 * 1024; }

Case activation_case(int32_t activation, const Level &level, bool is_backward, int threads) {
  const bool elu = activation == LF_ELU, in_quick_runs = activation <= last_in_quick_runs,
             memory = std::strcmp(level.name, "memory") == 0;
  Case bench_case = activation_case(activation, count_in(level, is_backward), is_backward);
  for (Variant &variant : bench_case.variants) variant.fields.level = level.name;
  std::vector<Ratio> &ratios = bench_case.ratios;
  if (activation != LF_RELU) ratios.push_back({"over-relu", Ratio::times, "lanefold", "relu"});
  if (!is_backward) ratios.push_back({"over-copy", Ratio::times, "lanefold", "copies"});
  if (elu) ratios.push_back({"against-peers", Ratio::times, "peers", "lanefold"});
  if (elu && threads == 1 && !is_backward && memory)
    ratios.push_back({"of-copy", Ratio::times, "copies", "lanefold", Sense::at_least, 0.95});
  const bool first = std::strcmp(level.name, "L1") == 0;
  bench_case.extent =
      threads == 1 && ((first && in_quick_runs) || (elu && !is_backward)) ? Extent::quick : Extent::full;
  return bench_case;
}

} // namespace

void add_activations(List &list, int threads) {
  if (threads == 1) {
    Case bench_case = activation_case(LF_ELU, 4096, false);
    bench_case.extent = Extent::quick;
    bench_case.ratios = {{"ns-per-element", Ratio::time, "lanefold", "", Sense::at_most, 0.42, 1e9 / 4096},
                         {"over-relu", Ratio::times, "lanefold", "relu", Sense::at_most, 1.6}};
    list.cases.push_back(bench_case);
  }
  for (const Level &level : levels()) {
    // L1 is too small for several threads.
    if (threads > 1 && std::strcmp(level.name, "L1") == 0) continue;
    for (int32_t activation = LF_RELU; activation < LF_ACTIVATION_COUNT; ++activation)
      for (const bool backward : {false, true})
        list.cases.push_back(activation_case(activation, level, backward, threads));
  }
}

void add_activation_costs(List &list) {
  for (int32_t activation = LF_RELU; activation < LF_ACTIVATION_COUNT; ++activation)
    for (const bool backward : {false, true}) {
      list.cases.push_back(activation_case(activation, 4096, backward));
      list.cases.back().extent = Extent::costs;
    }
}

} // namespace lanefold::bench
