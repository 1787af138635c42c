// How long one inference takes, again and again: the network 784-300-100-10 on one sample and one thread, as a program
// with deadlines would call it.  The context is prepared, so no call allocates or waits.  Usage: latency [CALLS]
#include <lanefold/lanefold.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <random>
#include <vector>

namespace {

lanefold::DenseLayer layer(int64_t inputs, int64_t outputs, lanefold::Activation activation, std::mt19937 &random) {
  lanefold::DenseLayer made(inputs, outputs, activation, true);
  for (float &w : made.w) w = (static_cast<float>(random() % 2001) - 1000) * 5e-5f;
  return made;
}

} // namespace

int main(int count, char **arguments) try {
  const int calls = count > 1 ? std::max(std::atoi(arguments[1]), 1) : 100000;
  const lanefold::Context context(1);
  std::mt19937 random(1);
  auto first = layer(784, 300, {LF_ELU, 1}, random), second = layer(300, 100, {LF_ELU, 1}, random);
  auto last = layer(100, 10, {}, random);
  const lanefold::InferenceNetwork network = context.make_network({first, second, last});
  const std::vector<float> x(784, 0.5f);
  std::vector<float> y(10);
  std::vector<double> microseconds;
  microseconds.reserve(static_cast<size_t>(calls));
  for (int i = 0; i < calls; ++i) {
    const auto start = std::chrono::steady_clock::now();
    context.network_infer({x.data(), 1, 784}, network, {y.data(), 1, 10});
    microseconds.push_back(std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count());
  }
  std::sort(microseconds.begin(), microseconds.end());
  const double median = microseconds[microseconds.size() / 2], p99 = microseconds[microseconds.size() * 99 / 100];
  std::printf(
      "%s, %d calls: median %.2f us, 99%% take at most %.2f us (%.2f times the median), the longest took %.0f us\n",
      context.isa().c_str(), calls, median, p99, p99 / median, microseconds.back());
  return 0;
} catch (const std::exception &error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
