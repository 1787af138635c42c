// A forked child computes on its own thread, on the contexts of its parent and on new ones, whatever the other threads of
// its parent were doing.
#include "support/gemm.hpp"

#include <atomic>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace lanefold;
using namespace lanefold::test;

namespace {

constexpr int64_t size = 200;

// A product of integers, so that every result is exact.
struct Product {
  PaddedMatrix a{size, size}, b{size, size}, c{size, size};
  Product() {
    a.fill([](int64_t i, int64_t) { return static_cast<float>(i % 7); });
    b.fill([](int64_t, int64_t j) { return static_cast<float>(j % 5); });
  }
  bool is_right_on(const Context &on) {
    c.nan();
    on.sgemm(a, b, c);
    for (int64_t i = 0; i < size; ++i)
      for (int64_t j = 0; j < size; ++j)
        if (c(i, j) != static_cast<float>(size * (i % 7) * (j % 5))) return false;
    return true;
  }
};

// The exit status of a child that does this within 20 seconds.
template <class Body> int in_child(const Body &body) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(20);
    _exit(body() ? 0 : 1);
  }
  int status = -1;
  REQUIRE(child > 0);
  REQUIRE(waitpid(child, &status, 0) == child);
  return status;
}

} // namespace

TEST_CASE("children of a process whose threads are inside calls compute on their own thread") {
  const Context shared = context(2);
  std::atomic<bool> stop{false};
  std::atomic<int> ready{0}, wrong{0};
  std::vector<std::thread> callers;
  for (int i = 0; i < 2; ++i)
    callers.emplace_back([&] {
      Product product;
      for (int calls = 0; !stop; ++calls) {
        if (!product.is_right_on(shared)) ++wrong;
        if (calls == 0) ++ready;
      }
    });
  while (ready < 2) std::this_thread::yield();
  Product product;
  for (int child = 0; child < 20; ++child) {
    CAPTURE(child);
    CHECK(in_child([&] {
            if (shared.threads() != 1 || !product.is_right_on(shared) || !product.is_right_on(shared)) return false;
            const Context own = context(2);
            return own.threads() == 1 && product.is_right_on(own);
          }) == 0);
  }
  stop = true;
  for (std::thread &caller : callers) caller.join();
  CHECK(wrong == 0);
  CHECK(shared.threads() == 2);
  CHECK(product.is_right_on(shared));
}

TEST_CASE("a child does not use the executor of its parent, but may bring one of its own") {
  auto executor = args<lf_executor>();
  std::atomic<int> calls{0};
  executor.threads = 2;
  executor.self = &calls;
  executor.parallel_for = [](void *self, int64_t count, lf_task task, void *arg) {
    ++*static_cast<std::atomic<int> *>(self);
    for (int64_t i = 0; i < count; ++i) task(arg, i);
  };
  auto options = args<lf_context_options>();
  options.executor = &executor;
  const Context shared(options);
  Product product;
  CHECK(product.is_right_on(shared));
  const int before = calls;
  CHECK(before > 0);
  CHECK(in_child([&] { return product.is_right_on(shared) && calls == before; }) == 0);
  CHECK(in_child([&] {
          const Context own(options);
          return own.threads() == 2 && product.is_right_on(own) && calls > before;
        }) == 0);
}
