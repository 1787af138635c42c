// Google Benchmark runs one repetition of each variant, in random order.  The repetitions follow each
// other closely, because the speed of a machine changes.
#include "case_run.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string_view>

namespace lanefold::bench {
namespace {

// What a repetition takes at least.  With several threads it is longer, because they begin and end at different times.
// Longer still would be worse: on a busy machine, few spans of 5 ms leave all cores to one program.
constexpr double repetition_seconds = 100e-6, threaded_repetition_seconds = 1e-3;
constexpr double most_waiting = 0.02;  // for a CPU, as a share of the time, beyond which a repetition is disturbed
constexpr double clearly_slower = 1.1; // in every round
constexpr size_t rounds_before_dropping = 4;
constexpr double no_seconds = 1e-12; // the smallest difference of times
// Samples of a round.  It takes more than the fewest while its fastest repetitions may have been disturbed.  With
// several threads, repetitions rarely confirm each other within 1%, so another round is worth more than another sample.
constexpr int fewest_samples = 3, most_samples = 10, most_threaded_samples = 5;

// Collects the repetitions of one sample.
class Collector : public benchmark::BenchmarkReporter {
public:
  explicit Collector(const CaseInstance &instance) : instance_(instance), times_(instance.variants.size()) {}
  bool ReportContext(const Context &) override { return true; }
  void ReportRuns(const std::vector<Run> &runs) override {
    for (const Run &run : runs) {
      const double count = static_cast<double>(run.iterations);
      const size_t variant = index_of(run.run_name.function_name);
      // An operation in another process uses that process's CPU time.
      const bool remote = static_cast<bool>(instance_.variants[variant].operation.time_calls);
      const double cpu_seconds = remote ? run.real_accumulated_time : run.cpu_accumulated_time;
      times_[variant] = {run.real_accumulated_time / count, cpu_seconds / count, run.iterations};
    }
  }
  std::vector<RoundTime> take() { return std::move(times_); } // by variant

private:
  size_t index_of(const std::string &name) const {
    const auto at = std::find_if(instance_.variants.begin(), instance_.variants.end(),
                                 [&](const VariantInstance &v) { return v.variant.name() == name; });
    return static_cast<size_t>(at - instance_.variants.begin());
  }
  const CaseInstance &instance_;
  std::vector<RoundTime> times_;
};

// Google Benchmark shuffles the repetitions of all benchmarks that run together.
void shuffle_repetitions() {
  static const bool initialized = [] {
    char program[] = "lanefold-bench", flag[] = "--benchmark_enable_random_interleaving=true";
    char *arguments[] = {program, flag, nullptr};
    int count = 2;
    benchmark::Initialize(&count, arguments);
    return true;
  }();
  static_cast<void>(initialized);
}

// The variants with this label or in this group.
std::vector<size_t> find(const std::vector<Variant> &variants, const std::string &label) {
  std::vector<size_t> found;
  for (size_t v = 0; v < variants.size(); ++v)
    if (variants[v].label == label || variants[v].group == label) found.push_back(v);
  return found;
}

Interval scaled(const Interval &interval, double factor) {
  return {factor * interval.value, factor * interval.low, factor * interval.high};
}

std::vector<size_t> hashes_of(const Verification &verification) {
  std::vector<size_t> hashes;
  for (const Floats *output : verification.outputs)
    hashes.push_back(std::hash<std::string_view>{}(
        {reinterpret_cast<const char *>(output->data()), output->size() * sizeof(float)}));
  return hashes;
}

} // namespace

void verify(CaseInstance &instance, Verified &verified) {
  for (VariantInstance &own : instance.variants) {
    const Verification &verification = own.verification;
    for (Floats *output : verification.outputs) std::fill(output->begin(), output->end(), NAN);
    if (verification.clear) verification.clear();
    own.operation.run();
    const std::string name = own.variant.name();
    const std::vector<size_t> hashes = hashes_of(verification);
    if (const auto known = verified.find(name); known != verified.end() && !hashes.empty() && known->second == hashes)
      continue;
    const std::string mismatch = verification.mismatch ? verification.mismatch() : "";
    if (!mismatch.empty()) throw std::runtime_error(name + ": " + mismatch);
    verified[name] = hashes;
  }
}

// The variants of an instance, registered with Google Benchmark.
class CaseRun::RegisteredInstance {
public:
  RegisteredInstance(CaseInstance &instance, int threads, const std::vector<int64_t> &iterations,
                     const std::vector<bool> &dropped, const IsCoreShared &is_core_shared)
      : instance_(instance), fixtures_(instance.variants.size()) {
    benchmark::ClearRegisteredBenchmarks();
    for (size_t v = 0; v < instance.variants.size(); ++v) {
      if (dropped[v]) continue;
      VariantInstance &own = instance.variants[v];
      fixtures_[v] = std::make_unique<VariantFixture>(
          own.variant, threads, [&own]() -> VariantInstance & { return own; }, is_core_shared);
      VariantFixture::add(*fixtures_[v], static_cast<bool>(own.operation.time_calls))
          ->Iterations(iterations[v])
          ->Repetitions(1);
    }
  }
  ~RegisteredInstance() { benchmark::ClearRegisteredBenchmarks(); }
  RegisteredInstance(const RegisteredInstance &) = delete;

  std::vector<RoundTime> take_sample() { // without iterations for variants that are dropped
    Collector collector(instance_);
    benchmark::RunSpecifiedBenchmarks(&collector, "all");
    std::vector<RoundTime> times = collector.take();
    for (size_t v = 0; v < times.size(); ++v) {
      if (!fixtures_[v]) continue;
      times[v].waited = fixtures_[v]->waited() / (times[v].seconds * static_cast<double>(times[v].iterations));
      times[v].shared_core = fixtures_[v]->shared_core();
    }
    return times;
  }

private:
  CaseInstance &instance_;
  std::vector<std::unique_ptr<VariantFixture>> fixtures_; // by variant; none for those that are dropped
};

void CaseRun::prepare(const CaseInstance &first) {
  shuffle_repetitions();
  for (const VariantInstance &own : first.variants) {
    variants_.push_back(own.variant);
    const double seconds = threads_ > 1 ? threaded_repetition_seconds : repetition_seconds;
    iterations_.push_back(own.variant.fields.cold ? 1 : iterations_for(own.operation, seconds));
  }
  times_.emplace(variants_.size());
  least_waited_.assign(variants_.size(), std::numeric_limits<double>::infinity());
  dropped_.assign(variants_.size(), false);
}

// A ratio is about the fastest of a group.  A variant that was slower in each round would only cost time.
void CaseRun::drop_slow_peers() {
  if (times_->rounds() < rounds_before_dropping) return;
  for (size_t v = 0; v < variants_.size(); ++v)
    for (const size_t other : find(variants_, variants_[v].group)) {
      if (variants_[v].group.empty() || dropped_[v] || dropped_[other] || other == v) continue;
      if (times_->is_always_slower(v, other, clearly_slower)) dropped_[v] = true, times_->drop(v);
    }
}

// The few rounds of a variant that was dropped would make an interval wide.
std::vector<size_t> CaseRun::contenders(const std::string &label) const {
  std::vector<size_t> found = find(variants_, label);
  std::erase_if(found, [&](size_t v) { return dropped_[v]; });
  return found;
}

// Threads may have to wait for each other, such as those of a peer that has more of them than there are CPUs.  More
// waiting than that comes from other programs.
bool CaseRun::is_disturbed(const RoundTime &time, size_t variant) {
  if (threads_ == 1) return time.waited > most_waiting;
  double &least = least_waited_[variant];
  least = std::min(least, time.waited);
  return time.waited > least + most_waiting;
}

void CaseRun::measure_round(CaseInstance &instance) {
  verify(instance, verified_);
  if (!times_) prepare(instance);
  times_->begin_round();
  RegisteredInstance registered(instance, threads_, iterations_, dropped_, is_core_shared_);
  std::vector<RoundTime> fastest(variants_.size());
  const int most = threads_ > 1 ? most_threaded_samples : most_samples;
  for (int i = 0; i < fewest_samples || (i < most && !times_->is_settled()); ++i, ++samples_) {
    const std::vector<RoundTime> sample = registered.take_sample();
    for (size_t v = 0; v < sample.size(); ++v) {
      if (dropped_[v]) continue;
      ++repetitions_, on_shared_core_ += sample[v].shared_core;
      if (is_disturbed(sample[v], v)) continue;
      times_->add(v, sample[v].seconds, sample[v].shared_core);
      if (fastest[v].iterations == 0 || sample[v].seconds < fastest[v].seconds) fastest[v] = sample[v];
    }
  }
  if (times_->is_complete()) {
    rounds_.push_back(std::move(fastest));
    drop_slow_peers();
  } else {
    times_->discard_round();
    ++discarded_;
  }
}

Interval CaseRun::interval_of(const Ratio &ratio, size_t numerator, size_t denominator) const {
  const Work &a = variants_[numerator].work, &b = variants_[denominator].work;
  switch (ratio.kind) {
  case Ratio::flops_share: return scaled(times_->ratio(denominator, numerator), a.flops / (threads_ * b.flops));
  case Ratio::bytes_share: return scaled(times_->ratio(denominator, numerator), a.bytes / b.bytes);
  case Ratio::time: return scaled(times_->seconds(numerator), ratio.scale);
  case Ratio::excess: {
    const Interval i = times_->difference(numerator, denominator); // noise may turn it around
    return scaled({std::max(i.value, no_seconds), std::max(i.low, no_seconds), std::max(i.high, no_seconds)},
                  ratio.scale);
  }
  default: return times_->ratio(numerator, denominator);
  }
}

// A group stands for its fastest variant: the smallest ratio if the group is the numerator, the largest if it is the
// denominator.
MeasuredRatio CaseRun::measured(const Ratio &ratio, const std::vector<size_t> &numerators,
                                const std::vector<size_t> &denominators, const std::vector<Interval> &seconds) const {
  std::vector<Interval> intervals;
  for (const size_t numerator : numerators)
    for (const size_t denominator : denominators) intervals.push_back(interval_of(ratio, numerator, denominator));
  const auto fastest = [&](const std::vector<size_t> &of) {
    const size_t v = *std::min_element(of.begin(), of.end(),
                                       [&](size_t x, size_t y) { return seconds[x].value < seconds[y].value; });
    return variants_[v].name();
  };
  return {ratio, numerators.size() > 1 ? smallest(intervals) : largest(intervals), fastest(numerators),
          ratio.kind == Ratio::time ? "" : fastest(denominators)};
}

CaseResult CaseRun::result() const {
  CaseResult result{variants_, {}, {}, rounds_, samples_, discarded_, {}};
  if (is_core_shared_) result.shared_core = static_cast<double>(on_shared_core_) / repetitions_;
  for (size_t v = 0; v < variants_.size(); ++v) result.seconds.push_back(times_->seconds(v));
  for (const Ratio &ratio : ratios_) {
    const std::vector<size_t> numerators = contenders(ratio.numerator);
    const std::vector<size_t> denominators = ratio.kind == Ratio::time ? numerators : contenders(ratio.denominator);
    if (!numerators.empty() && !denominators.empty())
      result.ratios.push_back(measured(ratio, numerators, denominators, result.seconds));
  }
  return result;
}

} // namespace lanefold::bench
