// Every way to cut a product and to read its operands gives the documented chain, also the ways that the cost model would
// not choose.  None touches scratch memory that it did not ask for.
#include "gemm_plans.hpp"
#include "support/gemm.hpp"
#include "support/guarded.hpp"

#include <atomic>
#include <list>
#include <thread>

using namespace lanefold;
using namespace lanefold::test;

namespace {

// A host whose scratch memory ends where no access is possible, and whose tasks run in the calling thread, the last one
// first, or in three threads.
struct FencedHost {
  std::list<Guarded> scratch;
  Random random{7};
  lf_host host{sizeof(lf_host), 3, 0, this, parallel_for, acquire, release, fail, nullptr};

  bool threaded = false; // tasks run in three threads
  static void parallel_for(void *self, int64_t count, lf_task task, void *arg) {
    if (!static_cast<FencedHost *>(self)->threaded) {
      for (int64_t i = count - 1; i >= 0; --i) task(arg, i);
      return;
    }
    std::atomic<int64_t> next{0};
    const auto run = [&] {
      for (int64_t i = next++; i < count; i = next++) task(arg, i);
    };
    std::thread one(run), other(run);
    run();
    one.join();
    other.join();
  }
  static void *acquire(void *self, uint64_t bytes) {
    auto *host = static_cast<FencedHost *>(self);
    // Rounded up to what keeps the promised alignment of 64 bytes.
    const int64_t floats = (static_cast<int64_t>(bytes) + 63) / 64 * 16;
    host->scratch.emplace_back(1, floats, floats, host->random.below(2) ? Side::begins : Side::ends);
    return host->scratch.back().data();
  }
  static void release(void *self, void *) { static_cast<FencedHost *>(self)->scratch.clear(); }
  static lf_status fail(void *, lf_status status, const char *) { return status; }
};

void check_plan(FencedHost &host, const Case &p, const Knobs &knobs, Random &random) {
  const Side a_side = random.below(2) ? Side::begins : Side::ends, b_side = random.below(2) ? Side::begins : Side::ends;
  Guarded a(p.a_rows(), p.a_columns(), p.a_columns() + random.below(4), a_side);
  Guarded b(p.b_rows(), p.b_columns(), p.b_columns() + random.below(4), b_side);
  PaddedMatrix c(p.m, p.n, random.below(4), random.below(16));
  a.fill([&](int64_t, int64_t) { return random.uniform(-1, 1); });
  b.fill([&](int64_t, int64_t) { return random.uniform(-1, 1); });
  if (p.beta == 0.0f) c.nan();
  else c.random(random);
  const PaddedMatrix expected = chains(p, a, b, c);
  const lf_sgemm_args x = arguments(p, a, b, c);
  INFO(p << ", transposes the problem " << knobs.transposes_problem << ", packs " << knobs.packs_a << knobs.packs_b
         << ", on the fly " << knobs.packs_b_on_the_fly << ", kc " << knobs.kc << ", mc " << knobs.mc << ", nc_panels "
         << knobs.nc_panels);
  REQUIRE(multiply_as(&host.host, &x, knobs) == LF_OK);
  REQUIRE(differing(c, expected) == 0);
  REQUIRE(c.gaps_untouched());
}

} // namespace

TEST_CASE("any plan gives the chain, within its scratch memory") {
  FencedHost host;
  Random random(60);
  const auto size = [&](int64_t most) {
    const int64_t around[] = {1, 2, 4, 6, 8, 12, 16, 32, 64, 128, 192};
    return random.below(2) ? 1 + random.below(most)
                           : std::max<int64_t>(1, around[random.below(11)] + random.below(3) - 1);
  };
  for (int i = 0; i < 6000; ++i) {
    if (passed_over()) continue;
    const Case p{size(90),
                 size(i % 4 ? 90 : 300),
                 i % 50 == 0 ? 1020 + random.below(40) : size(60),
                 static_cast<uint32_t>(random.below(4)),
                 random.below(4) ? 1.0f : -0.7f,
                 random.below(2) ? 0.0f : 0.3f};
    const Knobs knobs{random.below(2) == 0,
                      random.below(2) == 0,
                      random.below(2) == 0,
                      random.below(2) == 0,
                      random.below(2) ? 0 : 1 + random.below(40),
                      random.below(2) ? 0 : 1 + random.below(40),
                      random.below(2) ? 0 : 1 + random.below(3)};
    host.threaded = i % 20 == 0;
    check_plan(host, p, knobs, random);
  }
}
