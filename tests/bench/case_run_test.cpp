// How a case is measured in rounds, and what disturbs it.  All times are made up, except for those of short loops.
#include "timed.hpp"
#include "timing/sibling.hpp"
#include "timing/waiting.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <map>
#include <random>
#include <thread>

#include <sched.h>
#include <unistd.h>

using namespace lanefold::bench;

TEST_CASE("a round takes up to ten samples until repetitions are confirmed, and up to five with several threads") {
  const auto samples = [](int threads, double change) { // from one repetition to the next
    VariantInstance variant = timed("a", 1);
    variant.operation.time_calls = [=, seconds = 1.0](int64_t iterations) mutable {
      return TimedCalls{(seconds *= change) * static_cast<double>(iterations)};
    };
    CaseRun case_run(threads, {});
    CaseInstance instance{{variant}, nullptr};
    case_run.measure_round(instance);
    return case_run.result().samples;
  };
  CHECK(samples(1, 1) == 3);
  CHECK(samples(2, 1) == 3);
  CHECK(samples(1, 0.5) == 10);
  CHECK(samples(2, 0.5) == 5);
}

TEST_CASE("a case yields the ratios of its variants, and a group stands for its fastest variant") {
  const CaseResult result = run({timed("lanefold", 2e-4), timed("a", 5e-4, "peers"), timed("b", 4e-4, "peers")},
                                {{"over", Ratio::times, "peers", "lanefold"},
                                 {"share", Ratio::flops_share, "lanefold", "b"},
                                 {"bytes", Ratio::bytes_share, "a", "b"},
                                 {"us", Ratio::time, "lanefold", "", Sense::at_most, 100, 1e6},
                                 {"excess", Ratio::excess, "lanefold", "b", Sense::none, 0, 1e6},
                                 {"group", Ratio::times, "lanefold", "peers"},
                                 {"absent", Ratio::times, "lanefold", "absent"}},
                                2);
  REQUIRE(result.ratios.size() == 6);
  CHECK(result.ratios[0].interval.value == doctest::Approx(2));
  CHECK(result.ratios[0].numerator == "test/b/threads:1");
  CHECK(result.ratios[1].interval.value == doctest::Approx(2));
  CHECK(result.ratios[2].interval.value == doctest::Approx(0.8));
  CHECK(result.ratios[3].interval.value == doctest::Approx(200));
  CHECK(result.ratios[3].denominator == "");
  CHECK(result.ratios[4].interval.value > 0); // smaller than no time there is not
  CHECK(result.ratios[5].interval.value == doctest::Approx(0.5));
  CHECK(result.rounds.size() == 2);
  CHECK(result.seconds.at(1).value == doctest::Approx(5e-4));
}

TEST_CASE("the repetitions of variants interleave in random order, and each variant has the same number") {
  std::vector<std::string> calls;
  const CaseResult result =
      run({timed("a", 2e-4, "", &calls), timed("b", 2e-4, "", &calls)}, {{"r", Ratio::times, "a", "b"}}, 30);
  std::map<std::string, int> count;
  int changes = 0;
  for (size_t i = 0; i < calls.size(); ++i) {
    ++count[calls[i]];
    changes += i > 0 && calls[i] != calls[i - 1];
  }
  CHECK(count["a"] == count["b"]);
  CHECK(count["a"] >= result.samples);
  // Repetitions come in pairs, and either variant may be first.  Within a pair the variant always changes, between pairs
  // it changes half of the time.
  const double share = changes / static_cast<double>(calls.size());
  CHECK(share > 0.6);
  CHECK(share < 0.9);
}

TEST_CASE("the system tells how long a thread waits for a CPU that it shares") {
  cpu_set_t all, one;
  REQUIRE(sched_getaffinity(0, sizeof all, &all) == 0);
  CPU_ZERO(&one);
  for (int cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&one) == 0; ++cpu)
    if (CPU_ISSET(cpu, &all)) CPU_SET(cpu, &one);
  REQUIRE(sched_setaffinity(0, sizeof one, &one) == 0);
  std::atomic<bool> ends = false;
  const auto spin = [&] {
    while (!ends) {
    }
  };
  const double before = waited_seconds(false);
  std::thread other(spin);
  const auto begin = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() - begin < std::chrono::milliseconds(200)) {
  }
  const double alone = waited_seconds(false) - before, both = waited_seconds(true);
  ends = true;
  other.join();
  sched_setaffinity(0, sizeof all, &all);
  CHECK(alone > 0.02);
  CHECK(both > alone);
}

TEST_CASE("a busy sibling shows by the wide loop, whatever the frequency and whatever interrupts the chain") {
  Sibling::LoopTimes times{};
  Sibling sibling([&] { return times; });
  const auto is_busy = [&](double wide, double chain) {
    times = {wide, chain};
    return sibling.is_busy();
  };
  CHECK_FALSE(is_busy(1, 3)); // an interrupt made the chain longer
  CHECK_FALSE(is_busy(1, 1));
  CHECK_FALSE(is_busy(1, 2)); // another one, which must not make the loops of later calls look long
  CHECK_FALSE(is_busy(1.1, 1));
  CHECK(is_busy(1.8, 1.1));
  CHECK_FALSE(is_busy(2, 2)); // half the frequency
  CHECK(is_busy(3.6, 2.2));
}

TEST_CASE("the loops take time, and end") {
  for (int i = 0; i < 100; ++i) {
    const Sibling::LoopTimes times = Sibling::time_loops();
    CHECK(times.wide > 1e-7);
    CHECK(times.chain > 1e-7);
    CHECK(times.wide < 1);
    CHECK(times.chain < 1);
  }
}

TEST_CASE("a core that was shared from the beginning is known after its first idle moment") {
  Sibling::LoopTimes times{1.8, 1};
  Sibling sibling([&] { return times; });
  CHECK_FALSE(sibling.is_busy());
  times.wide = 1;
  CHECK_FALSE(sibling.is_busy());
  times.wide = 1.8;
  CHECK(sibling.is_busy());
}

TEST_CASE("a peer that was slower than another one in each round is not measured in later rounds") {
  std::vector<std::string> calls;
  const CaseResult result = run({timed("lanefold", 1e-4, "", &calls), timed("slow", 9e-4, "peers", &calls),
                                 timed("close", 2.01e-4, "peers", &calls), timed("fast", 2e-4, "peers", &calls)},
                                {{"r", Ratio::times, "peers", "lanefold"}}, 20);
  const auto count = [&](const char *label) { return std::count(calls.begin(), calls.end(), label); };
  CHECK(count("slow") < count("lanefold") / 2);
  CHECK(count("close") == count("lanefold"));
  CHECK(result.ratios.at(0).interval.value == doctest::Approx(2));
  CHECK(result.seconds.at(1).value == doctest::Approx(9e-4));
}

TEST_CASE("a peer that is not measured any more does not widen the interval of its group") {
  const auto width = [](bool with_slow_peer) {
    std::mt19937 random(1);
    const auto noisy = [&](double seconds) { return seconds * (1 + std::ldexp(random(), -32) / 10); }; // by round
    CaseRun case_run(1, {{"r", Ratio::times, "peers", "lanefold"}});
    for (int i = 0; i < 40; ++i) {
      CaseInstance instance{{timed("lanefold", noisy(1e-3)), timed("fast", noisy(2e-3), "peers")}, nullptr};
      if (with_slow_peer) instance.variants.push_back(timed("slow", noisy(2.45e-3), "peers"));
      case_run.measure_round(instance);
    }
    const Interval interval = case_run.result().ratios.at(0).interval;
    return interval.high - interval.low;
  };
  CHECK(width(true) < 2 * width(false));
}

namespace {

// Measures rounds of one variant.  `repetitions`: what each of its repetitions takes, of one call each; the last one
// repeats.
CaseResult run_repetitions(const std::vector<TimedCalls> &repetitions, int rounds) {
  VariantInstance variant = timed("a", 1);
  size_t next = 0;
  bool is_first = true;
  variant.operation.time_calls = [&](int64_t) {
    if (std::exchange(is_first, false)) return TimedCalls{1}; // which decides the number of calls
    return repetitions[std::min(next++, repetitions.size() - 1)];
  };
  return run({variant}, {}, rounds);
}

} // namespace

TEST_CASE("a repetition that waited for a CPU does not count, however fast it was") {
  const CaseResult result = run_repetitions({{3, 0}, {1, 0.03}, {2, 0.03}, {2, 0}}, 1);
  CHECK(result.seconds.at(0).value == doctest::Approx(2));
  CHECK(result.discarded == 0);
}

TEST_CASE("a round in which each repetition waited for a CPU is discarded") {
  const CaseResult result = run_repetitions({{2, 0}, {2, 0}, {2, 0}, {1, 0.5}}, 3);
  CHECK(result.seconds.at(0).value == doctest::Approx(2));
  CHECK(result.rounds.size() == 1);
  CHECK(result.discarded == 2);
}

TEST_CASE("with several threads, waiting that every repetition has in common disturbs none") {
  for (const int threads : {1, 2}) {
    CAPTURE(threads);
    CaseRun case_run(threads, {});
    for (int i = 0; i < 3; ++i) {
      CaseInstance instance{{timed("a", 2)}, nullptr};
      instance.variants[0].operation.time_calls = [i](int64_t) { return TimedCalls{2, 1 + 0.01 * i}; };
      case_run.measure_round(instance);
    }
    CHECK(case_run.rounds() == (threads == 1 ? 0 : 3));
    CHECK(case_run.discarded() == (threads == 1 ? 3 : 0));
  }
}

TEST_CASE("a case tells in which share of its repetitions the core was shared, before or after") {
  const auto shared_core = [](IsCoreShared is_core_shared) {
    CaseRun case_run(1, {}, std::move(is_core_shared));
    CaseInstance instance{{timed("a", 1)}, nullptr};
    case_run.measure_round(instance);
    return case_run.result().shared_core;
  };
  CHECK_FALSE(shared_core({}).has_value());
  CHECK(shared_core([] { return false; }) == 0);
  CHECK(shared_core([] { return true; }) == 1);
  int calls = 0; // two for a repetition
  CHECK(shared_core([&] { return calls++ == 2; }) == doctest::Approx(1.0 / 3));
  calls = 0;
  CHECK(shared_core([&] { return calls++ == 3; }) == doctest::Approx(1.0 / 3));
}

TEST_CASE("a round takes more samples until each variant has had the core for itself") {
  int calls = 0;
  CaseRun case_run(1, {}, [&] { return calls++ < 10; });
  CaseInstance instance{{timed("a", 1)}, nullptr};
  case_run.measure_round(instance);
  CHECK(case_run.result().samples == 6);
}

TEST_CASE("a wrong result stops the case before anything is timed") {
  VariantInstance wrong = timed("wrong", 1e-4);
  bool timing = false;
  wrong.operation.time_calls = [&](int64_t) { return timing = true, TimedCalls{1e-4}; };
  wrong.verification.mismatch = [] { return "c[3] is 2, not 1"; };
  CHECK_THROWS_WITH(run({timed("right", 1e-4), wrong}, {}), "test/wrong/threads:1: c[3] is 2, not 1");
  CHECK_FALSE(timing);
}

TEST_CASE("a variant that writes nothing does not pass with the result of the previous variant") {
  Floats c(4);
  const auto writes = [&](const std::string &label, bool really) {
    VariantInstance own = timed(label, 1e-4);
    own.operation.run = [&c, really] {
      if (really) std::fill(c.begin(), c.end(), 1.0f);
    };
    own.verification = {{&c}, {}, [&c] { return find_mismatch("c", c, Doubles(4, 1.0), 1); }};
    return own;
  };
  CHECK_NOTHROW(run({writes("first", true), writes("second", true)}, {}));
  CHECK_THROWS_WITH(run({writes("first", true), writes("idle", false)}, {}), "test/idle/threads:1: c[0] is nan, not 1");
}

TEST_CASE("only results with the bits of a verified one are not compared with the reference again") {
  Floats c(4);
  float value = 1;
  int compared = 0;
  VariantInstance own = timed("a", 1e-4);
  own.operation.run = [&] { std::fill(c.begin(), c.end(), value); };
  own.verification = {{&c}, {}, [&] { return ++compared, find_mismatch("c", c, Doubles(4, 1.0), 4); }};
  CaseInstance instance{{own}, nullptr};
  Verified verified;
  verify(instance, verified);
  verify(instance, verified);
  CHECK(compared == 1);
  value = std::nextafterf(1, 2); // another correct result
  verify(instance, verified);
  CHECK(compared == 2);
  value = 2;
  CHECK_THROWS(verify(instance, verified));
}
