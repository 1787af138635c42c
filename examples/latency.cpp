// Measures how long one inference takes, many times: the network 784-300-100-10 on one sample and one thread, as a
// program with deadlines would call it.  The context is prepared, so no call allocates or waits.
// Compile it against an installed Lanefold: c++ -std=c++17 latency.cpp $(pkg-config --cflags --libs lanefold)
// Usage: latency [CALLS]
#include <lanefold/lanefold.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <vector>

int main(int count, char **arguments) try {
  using Clock = std::chrono::steady_clock;
  const int calls = count > 1 ? std::max(std::atoi(arguments[1]), 1) : 100000;
  const lanefold::Context context(1);
  lanefold::NetworkBuilder builder(784);
  builder.normalized(300, {LF_ELU, 1}).normalized(100, {LF_ELU, 1}).normalized(10);
  for (lanefold::DenseLayer &layer : builder.layers())
    for (size_t i = 0; i < layer.w.size(); ++i) layer.w[i] = (static_cast<float>(i * 7919 % 2001) - 1000) * 5e-5f;
  const lanefold::InferenceNetwork network = builder.build(context);

  const std::vector<float> x(784, 0.5f);
  std::vector<float> y(10);
  std::vector<double> microseconds;
  microseconds.reserve(static_cast<size_t>(calls));
  for (int i = 0; i < calls; ++i) {
    const Clock::time_point start = Clock::now();
    context.network_infer({x.data(), 1, 784}, network, {y.data(), 1, 10});
    microseconds.push_back(std::chrono::duration<double, std::micro>(Clock::now() - start).count());
  }

  // The p-th percentile is the smallest time that p percent of the calls do not exceed.
  std::sort(microseconds.begin(), microseconds.end());
  const auto percentile = [&](double p) {
    const double rank = std::ceil(p / 100 * static_cast<double>(calls));
    return microseconds[static_cast<size_t>(std::max(rank, 1.0)) - 1];
  };
  std::printf("%s, %d calls: p50 %.2f us, p99 %.2f us, p99.9 %.2f us, the longest %.0f us\n", context.isa().c_str(),
              calls, percentile(50), percentile(99), percentile(99.9), microseconds.back());

  // The same layers one by one, not folded, give nearly the same result.
  std::vector<float> first(300), second(100), expected(10);
  const std::vector<lanefold::DenseLayer> &layers = builder.layers();
  context.dense_forward({x.data(), 1, 784}, layers[0], {first.data(), 1, 300});
  context.dense_forward({first.data(), 1, 300}, layers[1], {second.data(), 1, 100});
  context.dense_forward({second.data(), 1, 100}, layers[2], {expected.data(), 1, 10});
  for (size_t i = 0; i < y.size(); ++i)
    if (!(std::fabs(y[i] - expected[i]) <= 1e-4f * (1 + std::fabs(expected[i])))) return 1;
  return 0;
} catch (const std::exception &error) {
  std::fprintf(stderr, "latency: %s\n", error.what());
  return 1;
}
