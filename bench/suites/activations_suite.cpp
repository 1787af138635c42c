// Each activation alone, forward and backward, on data in each level of memory.
#include "suites.hpp"

#include "../method/machine.hpp"

#include <cstring>

namespace lanefold::bench {
namespace {

// docs/numerics.md promises 2 ulp of each result, which is at most the largest one.
constexpr int64_t roundings = 4;

float alpha_of(int32_t activation) { return activation == LF_LEAKY_RELU ? 0.01f : 1.0f; }

struct Arrays {
  Arrays(int64_t n, bool backward)
      : x(random_floats(n, 1, backward ? -1 : -4, backward ? 1 : 4)), dy(backward ? random_floats(n, 2) : Floats()),
        y(x.size()), peer_y(x.size()) {}
  Floats x, dy, y, peer_y; // backward: x is the activation's output, y the gradient
};
using Memory = std::shared_ptr<Arrays>;

// Compares evenly spaced values with the function in double.
template <class Function> std::string mismatch_of(const Floats &values, int64_t terms, Function expected) {
  const size_t step = std::max<size_t>(1, values.size() / 100'000);
  Floats found;
  Doubles wanted;
  for (size_t i = 0; i < values.size(); i += step) found.push_back(values[i]), wanted.push_back(expected(i));
  return find_mismatch("y", found, wanted, terms);
}

Verification verify_forward(const Memory &memory, Floats &values, int32_t activation, int64_t terms = roundings) {
  return verification({&values}, [=, &values] {
    return mismatch_of(values, terms,
                       [&](size_t i) { return activate(activation, alpha_of(activation), memory->x[i]); });
  });
}

Verification verify_backward(const Memory &memory, Floats &values, int32_t activation) {
  return verification({&values}, [=, &values] {
    return mismatch_of(values, roundings, [&](size_t i) {
      return memory->dy[i] * derivative(activation, alpha_of(activation), memory->x[i]);
    });
  });
}

std::function<void()> forward(const Setting &setting, const Memory &memory, int32_t activation) {
  auto call = args<lf_activation_forward_args>();
  call.m = 1, call.n = static_cast<int64_t>(memory->x.size());
  call.activation = activation, call.alpha = alpha_of(activation);
  call.x = memory->x.data(), call.ldx = call.n, call.y = memory->y.data(), call.ldy = call.n;
  return [=, context = setting.context] { context->activation_forward(call); };
}

std::function<void()> backward(const Setting &setting, const Memory &memory, int32_t activation) {
  auto call = args<lf_activation_backward_args>();
  call.m = 1, call.n = static_cast<int64_t>(memory->x.size());
  call.activation = activation, call.alpha = alpha_of(activation);
  call.y = memory->x.data(), call.ldy = call.n, call.dy = memory->dy.data(), call.lddy = call.n;
  call.dx = memory->y.data(), call.lddx = call.n;
  return [=, context = setting.context] { context->activation_backward(call); };
}

// The activation, and what it is compared with: ReLU, peers, and a copy of the data.
CaseInstance make(const Setting &setting, int32_t activation, int64_t n, const std::string &size, bool is_backward) {
  const auto memory = std::make_shared<Arrays>(n, is_backward);
  CaseBuilder builder(setting, memory);
  const double count = static_cast<double>(n);
  const Work work{0, (is_backward ? 12 : 8) * count, count};
  const auto operation = [&](int32_t of) {
    return std::string("activation/") + activation_names[of] + (is_backward ? "_backward" : "_forward");
  };
  const auto add = [&](const char *label, int32_t of) {
    builder.add(label, operation(of), size, work,
                is_backward ? backward(setting, memory, of) : forward(setting, memory, of),
                is_backward ? verify_backward(memory, memory->y, of) : verify_forward(memory, memory->y, of));
  };
  add("lanefold", activation);
  if (activation != LF_RELU) add("relu", LF_RELU);
  if (activation == LF_ELU)
    for (const auto &peer : setting.peers) {
      float *const to = memory->peer_y.data();
      // Peers compute exp(x) - 1, which loses digits near 0, so their error may be 2^-20 of the largest result.
      builder.add_peer(*peer, operation(activation), size, work,
                       is_backward ? peer->elu_backward(n, memory->x.data(), memory->dy.data(), to)
                                   : peer->elu_forward(n, memory->x.data(), to),
                       is_backward ? verify_backward(memory, memory->peer_y, activation)
                                   : verify_forward(memory, memory->peer_y, activation, 16));
    }
  if (!is_backward) builder.add_copies(n);
  return builder.take();
}

int64_t count_in(const Level &level, bool backward) { return level.bytes / 4 / (backward ? 3 : 2) / 1024 * 1024; }

// Adds one case.
void add(List &list, int32_t activation, int64_t n, const std::string &size, bool is_backward, Extent extent,
         const std::vector<Ratio> &ratios, int placements) {
  const std::string name =
      std::string("activation/") + activation_names[activation] + (is_backward ? "_backward" : "_forward");
  list.cases.push_back({name,
                        size,
                        extent,
                        ratios,
                        [=](const Setting &setting) { return make(setting, activation, n, size, is_backward); },
                        false,
                        placements,
                        1,
                        {},
                        activation == LF_ELU});
}

void add_level(List &list, int threads, int32_t activation, const Level &level, bool is_backward) {
  const bool elu = activation == LF_ELU, memory = std::strcmp(level.name, "memory") == 0;
  const int64_t n = count_in(level, is_backward);
  const std::string name = activation_names[activation], tail = std::string("/") + level.name + suffix(threads);
  const char *way = is_backward ? "backward" : "forward";
  std::vector<Ratio> ratios;
  if (activation != LF_RELU)
    ratios.push_back({"activation/" + name + "-over-relu/" + way + tail, Ratio::times, "lanefold", "relu"});
  if (!is_backward)
    ratios.push_back({"activation/" + name + "-over-copy/" + way + tail, Ratio::times, "lanefold", "copies"});
  if (elu)
    ratios.push_back({std::string("activation/elu-against-peers/") + way + tail, Ratio::times, "peers", "lanefold"});
  if (elu && threads == 1 && !is_backward && memory)
    ratios.push_back(
        {"activation/elu-over-copy/n:" + std::to_string(n), Ratio::times, "copies", "lanefold", Sense::at_least, 0.95});
  const bool first = std::strcmp(level.name, "L1") == 0;
  const Extent extent = threads == 1 && (first || (elu && !is_backward)) ? Extent::quick : Extent::full;
  add(list, activation, n, "n:" + std::to_string(n) + "/level:" + level.name, is_backward, extent, ratios,
      memory ? 1 : 4);
}

} // namespace

void add_activations(List &list, int threads) {
  if (threads == 1)
    add(list, LF_ELU, 4096, "n:4096", false, Extent::quick,
        {{"activation/elu-ns/n:4096", Ratio::time, "lanefold", "", Sense::at_most, 0.42, 1e9 / 4096},
         {"activation/elu-over-relu/n:4096", Ratio::times, "lanefold", "relu", Sense::at_most, 1.6}},
        4);
  for (const Level &level : levels()) {
    // L1 is too small for several threads.
    if (threads > 1 && std::strcmp(level.name, "L1") == 0) continue;
    for (int32_t activation = LF_RELU; activation < LF_ACTIVATION_COUNT; ++activation)
      for (const bool backward : {false, true}) add_level(list, threads, activation, level, backward);
  }
}

void add_activation_costs(List &list) {
  for (int32_t activation = LF_RELU; activation < LF_ACTIVATION_COUNT; ++activation)
    for (const bool backward : {false, true}) add(list, activation, 4096, "n:4096", backward, Extent::costs, {}, 1);
}

} // namespace lanefold::bench
