// The threads of some libraries spin while they wait for work, which would slow down the next variant.  With several
// threads, each repetition therefore waits until the process is idle.  Then half as many calls run before it and do not
// count, because a core that has slept needs time to speed up again.
#include "fixture.hpp"

#include "clock.hpp"
#include "machine.hpp"
#include "waiting.hpp"

#include <algorithm>
#include <thread>

#include <sys/resource.h>

namespace lanefold::bench {
namespace {

double processor_seconds() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval &t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// Returns when no thread of this process has run for a millisecond, or after a tenth of a second.
void wait_until_idle() {
  for (int i = 0; i < 100; ++i) {
    const double before = processor_seconds();
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    if (processor_seconds() - before < 1e-4) return;
  }
}

double time_of(const Operation &operation, int64_t iterations) {
  if (operation.time_calls) return operation.time_calls(iterations).seconds;
  const Clock::time_point begin = Clock::now();
  for (int64_t i = 0; i < iterations; ++i) operation.run();
  return seconds_since(begin);
}

} // namespace

int64_t iterations_for(const Operation &operation, double seconds) {
  operation.run(); // warm up
  int64_t iterations = 1;
  for (double all; (all = time_of(operation, iterations)) < seconds;) {
    const auto estimate = static_cast<int64_t>(1.1 * seconds * static_cast<double>(iterations) / all);
    iterations = std::max(iterations + 1, std::min(iterations * 10, estimate));
  }
  return iterations;
}

void VariantFixture::SetUp(benchmark::State &state) {
  const Operation &operation = find_().operation;
  if (threads_ > 1) wait_until_idle();
  if (variant_.fields.cold) evict_caches();
  else if (threads_ > 1) time_of(operation, (static_cast<int64_t>(state.max_iterations) + 1) / 2);
  else operation.run();
  shared_core_ = is_core_shared_ && is_core_shared_();
}

void VariantFixture::BenchmarkCase(benchmark::State &state) {
  run_timed(state);
  shared_core_ |= is_core_shared_ && is_core_shared_();
}

void VariantFixture::run_timed(benchmark::State &state) {
  const Operation &operation = find_().operation;
  if (!operation.time_calls) {
    const double before = waited_seconds(threads_ > 1);
    for (auto _ : state) operation.run();
    waited_ = std::max(0.0, waited_seconds(threads_ > 1) - before); // a thread may have ended
    return;
  }
  const auto iterations = static_cast<int64_t>(state.max_iterations);
  const TimedCalls calls = operation.time_calls(iterations);
  const double each = calls.seconds / static_cast<double>(iterations);
  waited_ = calls.waited_seconds;
  for (auto _ : state) state.SetIterationTime(each);
}

void VariantFixture::TearDown(benchmark::State &state) {
  const Work work = find_().variant.work;
  const auto add = [&](const char *name, double amount) {
    if (amount > 0) state.counters[name] = benchmark::Counter(amount, benchmark::Counter::kIsIterationInvariantRate);
  };
  add("FLOP/s", work.flops), add("bytes/s", work.bytes), add("elements/s", work.elements);
}

benchmark::internal::Benchmark *VariantFixture::add(VariantFixture &fixture, bool times_itself) {
  auto *registered = benchmark::RegisterBenchmark(fixture.variant_.name().c_str(),
                                                  [&fixture](benchmark::State &state) { fixture.Run(state); });
  if (times_itself) registered->UseManualTime();
  else registered->UseRealTime();
  if (fixture.threads_ > 1) registered->MeasureProcessCPUTime();
  if (fixture.variant_.fields.cold) registered->Iterations(1); // the second one would find its data in the caches
  return registered;
}

} // namespace lanefold::bench
