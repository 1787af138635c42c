// A variant as a benchmark of Google Benchmark, under its own name.  Both ways to run it share this fixture: samples of
// a case, and Google Benchmark's own command line.
#pragma once

#include "case.hpp"

#include <benchmark/benchmark.h>

#include <functional>

namespace lanefold::bench {

// The instance to run, which may be made only now.
using FindInstance = std::function<VariantInstance &()>;

// Whether another program used this core just now.
using IsCoreShared = std::function<bool()>;

class VariantFixture : public benchmark::Fixture {
public:
  // threads: of the process, which a variant need not use.
  VariantFixture(Variant variant, int threads, FindInstance find, IsCoreShared is_core_shared = {})
      : variant_(std::move(variant)), threads_(threads), find_(std::move(find)),
        is_core_shared_(std::move(is_core_shared)) {}

  // Brings memory and code into the caches, and wakes the threads; or evicts the caches.
  void SetUp(benchmark::State &state) override;
  // Reports rates.
  void TearDown(benchmark::State &state) override;

  // The seconds that threads waited for a CPU in the last run, because other programs used it.
  double waited() const { return waited_; }
  // Whether the core was shared just before or after the last run; false if nothing tells.
  bool shared_core() const { return shared_core_; }

  // Registers it under the name of the variant.  `fixture` must exist until it has run.
  static benchmark::internal::Benchmark *add(VariantFixture &fixture, bool times_itself);

protected:
  void BenchmarkCase(benchmark::State &state) override;

private:
  void run_timed(benchmark::State &state);

  Variant variant_;
  int threads_;
  FindInstance find_;
  IsCoreShared is_core_shared_;
  double waited_ = 0;
  bool shared_core_ = false;
};

// The number of calls that take about this many seconds.
int64_t iterations_for(const Operation &operation, double seconds);

} // namespace lanefold::bench
