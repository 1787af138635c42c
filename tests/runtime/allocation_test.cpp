// A call allocates nothing if a call like it ran before on the same context, because the context keeps its scratch memory.
#include "counting_allocator.hpp"
#include "support/dense.hpp"
#include "support/gemm.hpp"

#include <atomic>
#include <thread>
#include <vector>

using namespace lanefold;
using namespace lanefold::test;

namespace {

constexpr int repeats = 100;

// The number of allocations of a hundred calls after a first one: the smallest number of several rounds.
template <class Call> int64_t allocated_by_repeats(int rounds, const Call &call) {
  call();
  int64_t least = INT64_MAX;
  for (int round = 0; round < rounds && least > 0; ++round) {
    const int64_t before = allocations();
    for (int i = 0; i < repeats; ++i) call();
    least = std::min(least, allocations() - before);
  }
  return least;
}

// An executor that claims three threads, and runs its tasks one after the other on the calling thread.
Context in_place() {
  auto executor = args<lf_executor>();
  executor.threads = 3;
  executor.parallel_for = [](void *, int64_t count, lf_task task, void *arg) {
    for (int64_t i = 0; i < count; ++i) task(arg, i);
  };
  auto options = args<lf_context_options>();
  options.executor = &executor;
  return Context(options);
}

struct Shape {
  int64_t m, n, k;
};
constexpr Shape shapes[] = {{1, 1, 1},     {1, 300, 784}, {2, 10, 100},  {5, 33, 17},   {6, 65, 300},
                            {29, 130, 61}, {200, 10, 20}, {61, 300, 65}, {600, 16, 33}, {17, 33, 1200}};

void products_allocate_nothing(const Context &context, int rounds) {
  Random random(51);
  for (const Shape &s : shapes)
    for (uint32_t flags = 0; flags < 4; ++flags)
      for (const float alpha : {1.0f, 0.7f}) {
        const Case p{s.m, s.n, s.k, flags, alpha, 0.5f};
        PaddedMatrix a(p.a_rows(), p.a_columns()), b(p.b_rows(), p.b_columns()), c(p.m, p.n);
        for (PaddedMatrix *x : {&a, &b, &c}) x->random(random);
        CAPTURE(p);
        CHECK(allocated_by_repeats(rounds, [&] { context.sgemm(arguments(p, a, b, c)); }) == 0);
      }
}

void layers_allocate_nothing(const Context &context, int rounds) {
  Random random(52);
  int number = 0;
  for (const Shape &s : shapes)
    for (const bool with_norm : {false, true}) {
      Layer layer(s.m, s.n, s.k, random, 1);
      layer.with_bias = true;
      layer.activation = number++ % LF_ACTIVATION_COUNT;
      CAPTURE(layer);
      const PackedWeights packed = pack(context, layer.w, false);
      CHECK(allocated_by_repeats(rounds, [&] { layer.infer(context, packed); }) == 0);
      if (with_norm && s.m == 1) continue; // one sample has no variance
      layer.with_norm = with_norm;
      PaddedMatrix dy(s.m, s.n);
      dy.random(random);
      Gradients gradients(layer, 0);
      CHECK(allocated_by_repeats(rounds, [&] { layer.forward(context, LF_TRAINING); }) == 0);
      CHECK(allocated_by_repeats(rounds, [&] { backward(context, layer, dy, gradients); }) == 0);
      CHECK(allocated_by_repeats(rounds, [&] { backward(context, layer, dy, gradients, 1e-6f); }) == 0);
      PackedWeights living = pack(context, layer.w, false);
      CHECK(allocated_by_repeats(rounds, [&] { layer.forward(context, LF_TRAINING, living.get()); }) == 0);
      CHECK(allocated_by_repeats(rounds, [&] { backward(context, layer, dy, gradients, 1e-6f, living.get()); }) == 0);
    }
}

InferenceNetwork network_of_two_layers(const Context &context) {
  Random random(53);
  PaddedMatrix w1(784, 300), w2(300, 100);
  w1.random(random), w2.random(random);
  return context.make_network({LayerView{w1, nullptr, {}, {}}, LayerView{w2, nullptr, {}, {}}});
}

void networks_allocate_nothing(const Context &context, int rounds) {
  Random random(54);
  const InferenceNetwork network = network_of_two_layers(context);
  for (const int64_t m : {1, 16, 200, 700}) {
    PaddedMatrix x(m, 784), y(m, 100);
    x.random(random);
    CAPTURE(m);
    CHECK(allocated_by_repeats(rounds, [&] { context.network_infer(x, network, y); }) == 0);
  }
}

} // namespace

TEST_CASE("the counter sees what the library, its plugins' scratch memory and other threads allocate") {
  const auto counted = [](const auto &call) {
    const int64_t before = allocations();
    call();
    return allocations() - before;
  };
  CHECK(counted([] {}) == 0);
  CHECK(counted([] { const Context made = context(1); }) > 0);
  const Context one = context(1);
  Random random(50);
  Layer layer(1030, 33, 65, random, 0); // with so many rows that it packs the weights
  CHECK(counted([&] { (void)pack(one, layer.w, false); }) > 0);
  CHECK(counted([&] { layer.forward(one, LF_TRAINING); }) > 0); // its first scratch memory
  CHECK(counted([&] { layer.forward(one, LF_TRAINING); }) == 0);
  int64_t elsewhere = 0;
  std::thread([&] { elsewhere = counted([] { ::operator delete(::operator new(100)); }); }).join();
  CHECK(elsewhere > 0);
}

TEST_CASE("on one thread a repeated call allocates nothing") {
  const Context one = context(1);
  products_allocate_nothing(one, 1);
  layers_allocate_nothing(one, 1);
  networks_allocate_nothing(one, 1);
}

TEST_CASE("on an executor of the application's own a repeated call allocates nothing") {
  const Context own = in_place();
  products_allocate_nothing(own, 1);
  layers_allocate_nothing(own, 1);
  networks_allocate_nothing(own, 1);
}

// A worker that wakes up late allocates once for itself, when it takes its first task.  Therefore there are three rounds:
// an allocation of the call itself is in every round.
TEST_CASE("on oneTBB a repeated call allocates nothing") {
  const Context two = context(2);
  products_allocate_nothing(two, 3);
  layers_allocate_nothing(two, 3);
  networks_allocate_nothing(two, 3);
}

TEST_CASE("the first inference by a network allocates nothing, whatever its number of rows") {
  Random random(55);
  PaddedMatrix x(3000, 784), y(3000, 100);
  x.random(random);
  for (const int threads : {1, 2})
    for (const int64_t m : {1, 2, 31, 64, 100, 200, 3000}) {
      CAPTURE(threads);
      CAPTURE(m);
      const Context maker = context(threads), other = context(threads);
      const InferenceNetwork network = network_of_two_layers(maker);
      other.network_reserve(network);
      for (const Context *used : {&maker, &other}) {
        const int64_t before = allocations();
        used->network_infer({x.data(), m, 784, x.stride()}, network, {y.data(), m, 100, y.stride()});
        CHECK(allocations() == before);
      }
    }
}

TEST_CASE("nor does it if rows lie whole pages apart, in the input and between the layers") {
  Random random(57);
  for (const int64_t width : {1024, 2048, 4096})
    for (const int threads : {1, 2}) {
      PaddedMatrix w1(784, width), w2(width, 10), x(200, 784, 1024 - 784), y(200, 10), expected(200, 10);
      w1.random(random), w2.random(random), x.random(random);
      PaddedMatrix apart = moved(x, 3, 1); // the same rows at another stride
      for (const int64_t m : {1, 2, 7, 30, 200}) {
        CAPTURE(width);
        CAPTURE(threads);
        CAPTURE(m);
        const Context fresh = context(threads);
        const InferenceNetwork network =
            fresh.make_network({LayerView{w1, nullptr, {}, {}}, LayerView{w2, nullptr, {}, {}}});
        const int64_t before = allocations();
        fresh.network_infer({x.data(), m, 784, x.stride()}, network, {y.data(), m, 10, y.stride()});
        CHECK(allocations() == before);
        fresh.network_infer({apart.data(), m, 784, apart.stride()}, network, {expected.data(), m, 10, 10});
        for (int64_t i = 0; i < m; ++i)
          for (int64_t j = 0; j < 10; ++j) CHECK(y(i, j) == expected.data()[i * 10 + j]);
      }
    }
}

TEST_CASE("as many inferences at the same time as were reserved allocate nothing") {
  Random random(56);
  PaddedMatrix x(200, 784);
  x.random(random);
  const Context one = context(1);
  const InferenceNetwork network = network_of_two_layers(one);
  constexpr int callers = 4;
  one.network_reserve(network, callers);
  std::atomic<int> ready{0}, done{0};
  std::atomic<bool> go{false};
  std::vector<std::thread> threads;
  for (int i = 0; i < callers; ++i)
    threads.emplace_back([&] {
      PaddedMatrix y(200, 100);
      ++ready;
      while (!go) std::this_thread::yield();
      for (int call = 0; call < 50; ++call) one.network_infer(x, network, y);
      ++done;
      while (go) std::this_thread::yield();
    });
  while (ready < callers) std::this_thread::yield();
  const int64_t before = allocations();
  go = true;
  while (done < callers) std::this_thread::yield();
  CHECK(allocations() == before);
  go = false;
  for (std::thread &thread : threads) thread.join();
}
