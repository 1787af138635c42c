// Whichever allocation fails, a call returns, and so does the next one.  Each attempt runs in a child of its own, because oneTBB and the C library do
// some things only once in a process.
#include "counting_allocator.hpp"
#include "support/gemm.hpp"

#include <csignal>
#include <sys/wait.h>
#include <unistd.h>

using namespace lanefold;
using namespace lanefold::test;

namespace {

void ignore(void *, const lf_plugin_candidate *) {}

// Does something while allocations fail, from number `at` on.
struct Attempt {
  int64_t at;
  bool all;
  int64_t made = 0; // the number of allocations

  template <class Call> lf_status operator()(const Call &call) {
    const int64_t before = allocations();
    fail_allocation(at, all);
    const lf_status status = call();
    fail_allocation(-1, false);
    made = allocations() - before;
    return status;
  }
};

constexpr int wrong = 1, no_more = 2;

// Runs body(attempt) in children: with each allocation failing in turn, until the call makes fewer.
template <class Body> void with_each_failure(bool all, const Body &body) {
  for (int64_t at = 0;; ++at) {
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      alarm(20);
      Attempt attempt{at, all};
      const bool is_right = body(attempt);
      _exit(!is_right ? wrong : attempt.made <= at ? no_more : 0);
    }
    int status = -1;
    REQUIRE(waitpid(child, &status, 0) == child);
    CAPTURE(at);
    CAPTURE(all);
    REQUIRE(WIFEXITED(status));
    REQUIRE(WEXITSTATUS(status) != wrong);
    if (WEXITSTATUS(status) == no_more) {
      CHECK(at > 0);
      return;
    }
  }
}

struct Product {
  PaddedMatrix a{200, 100}, b{100, 300}, c{200, 300};
  Product() {
    a.fill([](int64_t, int64_t) { return 0.5f; });
    b.fill([](int64_t, int64_t) { return 2.0f; });
  }
  lf_status on(const Context &context) {
    c.nan();
    const auto call = arguments(Case{200, 300, 100, 0, 1.0f, 0.0f}, a, b, c);
    return lf_sgemm(context.get(), &call);
  }
  bool is_right() const { return c(0, 0) == 100 && c(199, 299) == 100; }
};

} // namespace

TEST_CASE("if memory is lacking while plugins are listed or a context is made, there is a status") {
  for (const bool all : {false, true}) {
    with_each_failure(all, [](Attempt &attempt) {
      const lf_status status = attempt([] { return lf_enumerate_plugins(nullptr, ignore, nullptr); });
      if (status != LF_OK && status != LF_OUT_OF_MEMORY) std::fprintf(stderr, "%s\n", lf_last_error(nullptr));
      return (status == LF_OK || status == LF_OUT_OF_MEMORY) && lf_enumerate_plugins(nullptr, ignore, nullptr) == LF_OK;
    });
    with_each_failure(all, [](Attempt &attempt) {
      lf_context *context = nullptr;
      auto options = args<lf_context_options>();
      options.flags = LF_QUIET;
      const lf_status status = attempt([&] { return lf_context_create(&options, &context); });
      if (status != LF_OK && (status != LF_OUT_OF_MEMORY || context != nullptr)) return false;
      lf_context_destroy(context);
      return lf_context_create(&options, &context) == LF_OK;
    });
  }
}

TEST_CASE("if memory is lacking in a call on two threads, it and the next ones return, and are right") {
  with_each_failure(false, [](Attempt &attempt) {
    const Context two = context(2);
    Product product;
    const lf_status status = attempt([&] { return product.on(two); });
    if (status != LF_OK && status != LF_OUT_OF_MEMORY) return false;
    if (status == LF_OK && !product.is_right()) return false;
    if (product.on(two) != LF_OK || !product.is_right()) return false;
    const Context other = context(2);
    return product.on(other) == LF_OK && product.is_right();
  });
}

TEST_CASE("if all memory is used up after a call on two threads, the next ones return, and are right") {
  with_each_failure(true, [](Attempt &attempt) {
    const Context first = context(2), two = context(2);
    Product product;
    if (product.on(first) != LF_OK) return false;
    const lf_status status = attempt([&] { return product.on(two); });
    if (status != LF_OK && status != LF_OUT_OF_MEMORY) return false;
    return product.on(two) == LF_OK && product.is_right() && product.on(first) == LF_OK && product.is_right();
  });
}
