// Google Benchmark runs one repetition of each variant on one placement, in random order.  The repetitions follow each
// other closely, because the speed of a machine changes within milliseconds.  A sample repeats this on every placement.
// The threads of some libraries spin while they wait for work, which would slow down the next variant.  With several
// threads, each repetition therefore waits until the process is idle.
#include "case.hpp"

#include "clock.hpp"
#include "machine.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <stdexcept>
#include <thread>

#include <sys/resource.h>

namespace lanefold::bench {
namespace {

// With several threads a repetition is longer, because a core that has slept needs time to speed up again.
constexpr double threaded_repetition_seconds = 5e-3;

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
  if (operation.seconds) return operation.seconds(iterations);
  const Clock::time_point begin = Clock::now();
  for (int64_t i = 0; i < iterations; ++i) operation.run();
  return seconds_since(begin);
}

int64_t iterations_for(const Operation &operation, double seconds) {
  operation.run(); // warm up
  int64_t iterations = 1;
  for (double all; (all = time_of(operation, iterations)) < seconds;) {
    const auto estimate = static_cast<int64_t>(1.1 * seconds * static_cast<double>(iterations) / all);
    iterations = std::max(iterations + 1, std::min(iterations * 10, estimate));
  }
  return iterations;
}

using Repetitions = std::vector<Repetition>; // by variant

// Collects the repetitions that Google Benchmark reports for one placement.
class Collector : public benchmark::BenchmarkReporter {
public:
  Collector(Repetitions &repetitions, const std::vector<Variant> &variants)
      : repetitions_(repetitions), variants_(variants) {}
  bool ReportContext(const Context &) override { return true; }
  void ReportRuns(const std::vector<Run> &runs) override {
    for (const Run &run : runs) {
      const double count = static_cast<double>(run.iterations);
      const auto variant = std::stoul(run.run_name.function_name);
      // An operation in another process uses that process's CPU time.
      const bool remote = static_cast<bool>(variants_[variant].operation.seconds);
      const double cpu_seconds = remote ? run.real_accumulated_time : run.cpu_accumulated_time;
      repetitions_[variant] = {run.real_accumulated_time / count, cpu_seconds / count, run.iterations};
    }
  }

private:
  Repetitions &repetitions_;
  const std::vector<Variant> &variants_;
};

// The variants of one round, registered with Google Benchmark.
class RegisteredCase {
public:
  RegisteredCase(std::vector<CaseInstance> &instances, const CaseSetting &setting, const Effort &effort)
      : instances_(instances), setting_(setting) {
    static const bool initialized = [] {
      char program[] = "lanefold-bench", flag[] = "--benchmark_enable_random_interleaving=true";
      char *arguments[] = {program, flag, nullptr};
      int count = 2;
      benchmark::Initialize(&count, arguments);
      return true;
    }();
    static_cast<void>(initialized);
    benchmark::ClearRegisteredBenchmarks();
    for (size_t v = 0; v < instances[0].variants.size(); ++v) {
      const Operation &operation = instances[0].variants[v].operation;
      const double seconds = setting.threads > 1 ? threaded_repetition_seconds : effort.repetition_seconds;
      const int64_t iterations = setting.cold ? 1 : iterations_for(operation, seconds);
      auto *registered = benchmark::RegisterBenchmark(std::to_string(v).c_str(),
                                                      [this, v](benchmark::State &state) { repeat(v, state); });
      registered->Iterations(iterations)->Repetitions(1);
      if (operation.seconds) registered->UseManualTime();
      else registered->UseRealTime();
      if (setting.threads > 1) registered->MeasureProcessCPUTime();
    }
  }
  ~RegisteredCase() { benchmark::ClearRegisteredBenchmarks(); }
  RegisteredCase(const RegisteredCase &) = delete;

  // By placement and variant.
  std::vector<Repetitions> take_sample() {
    std::vector<Repetitions> all;
    for (placement_ = 0; placement_ < instances_.size(); ++placement_) {
      Collector collector(all.emplace_back(instances_[0].variants.size()), instances_[0].variants);
      benchmark::RunSpecifiedBenchmarks(&collector);
    }
    return all;
  }

private:
  void repeat(size_t variant, benchmark::State &state) {
    const Operation &operation = instances_[placement_].variants[variant].operation;
    const auto iterations = static_cast<int64_t>(state.max_iterations);
    if (setting_.threads > 1) wait_until_idle();
    // Bring memory and code into the caches, and wake the threads.
    if (setting_.cold) evict_caches();
    else if (setting_.threads > 1) time_of(operation, iterations);
    else operation.run();
    if (!operation.seconds) {
      for (auto _ : state) operation.run();
      return;
    }
    const double each = operation.seconds(iterations) / static_cast<double>(iterations);
    for (auto _ : state) state.SetIterationTime(each);
  }

  std::vector<CaseInstance> &instances_;
  const CaseSetting &setting_;
  size_t placement_ = 0; // the current one
};

bool is_quiet(const Sample &sample) { return sample.drift <= Calibration::max_quiet_drift; }

int count_quiet(const std::vector<Sample> &samples, int round) {
  return static_cast<int>(std::count_if(
      samples.begin(), samples.end(), [=](const Sample &sample) { return sample.round == round && is_quiet(sample); }));
}

size_t count_quiet(const std::vector<Sample> &samples) {
  return static_cast<size_t>(std::count_if(samples.begin(), samples.end(), is_quiet));
}

// The quiet samples.  If there are fewer than `min_samples`, the least noisy of the others are added.
std::vector<Sample> select(std::vector<Sample> samples, int min_samples) {
  std::stable_sort(samples.begin(), samples.end(), [](const Sample &a, const Sample &b) {
    return std::max(a.drift, Calibration::max_quiet_drift) < std::max(b.drift, Calibration::max_quiet_drift);
  });
  const size_t quiet = count_quiet(samples);
  samples.resize(std::min(samples.size(), std::max(quiet, static_cast<size_t>(min_samples))));
  return samples;
}

// The median of all samples.  The interval is widened to include the median of each round.
Interval interval_over(const std::vector<Sample> &samples, const std::function<double(const Sample &)> &value) {
  std::vector<double> all;
  std::map<int, std::vector<double>> by_round;
  for (const Sample &sample : samples) {
    all.push_back(value(sample));
    by_round[sample.round].push_back(all.back());
  }
  Interval interval = median_of(all);
  for (const auto &[round, values] : by_round) {
    if (values.size() < 3) continue; // most samples of this round were noisy
    const double median = median_of(values).value;
    interval.low = std::min(interval.low, median), interval.high = std::max(interval.high, median);
  }
  return interval;
}

// The geometric mean over the placements of a sample.  Each factor comes from repetitions that followed each other.
double value_of(const Ratio &ratio, const Sample &sample, const std::vector<Variant> &variants, size_t numerator,
                size_t denominator, int threads) {
  double logs = 0;
  for (const Repetitions &repetitions : sample.repetitions) {
    const double a = repetitions[numerator].seconds, b = repetitions[denominator].seconds;
    const Work &work_a = variants[numerator].work, &work_b = variants[denominator].work;
    switch (ratio.kind) {
    case Ratio::times: logs += std::log(a / b); break;
    case Ratio::flops_share: logs += std::log(work_a.flops / a / (threads * work_b.flops / b)); break;
    case Ratio::bytes_share: logs += std::log(work_a.bytes / a / (work_b.bytes / b)); break;
    case Ratio::time: logs += std::log(a * ratio.scale); break;
    case Ratio::excess: logs += std::log(std::max(a - b, 1e-12) * ratio.scale); break; // noise may turn it around
    }
  }
  return std::exp(logs / static_cast<double>(sample.repetitions.size()));
}

constexpr size_t min_interval_samples = 6; // with fewer samples the median has no 95% interval
constexpr size_t none = SIZE_MAX;

// The variant with this label, or the fastest of the group with this name.
size_t find(const CaseResult &result, const std::string &label) {
  size_t best = none;
  for (size_t v = 0; v < result.variants.size(); ++v) {
    const Variant &variant = result.variants[v];
    if (variant.label != label && variant.group != label) continue;
    if (best == none || result.seconds(v).value < result.seconds(best).value) best = v;
  }
  return best;
}

void add_ratios(CaseResult &result, const CaseSetting &setting) {
  for (const Ratio &ratio : setting.ratios) {
    const size_t numerator = find(result, ratio.numerator);
    const size_t denominator = ratio.kind == Ratio::time ? numerator : find(result, ratio.denominator);
    if (numerator == none || denominator == none) continue;
    const Interval interval = interval_over(result.samples, [&](const Sample &sample) {
      return value_of(ratio, sample, result.variants, numerator, denominator, setting.threads);
    });
    result.ratios.push_back({ratio, interval, result.variants[numerator].name,
                             ratio.kind == Ratio::time ? "" : result.variants[denominator].name});
  }
}

} // namespace

void verify(const std::vector<CaseInstance> &instances) {
  for (const CaseInstance &instance : instances)
    for (const Variant &variant : instance.variants) {
      if (variant.verification.clear) variant.verification.clear();
      variant.operation.run();
      const std::string mismatch = variant.verification.mismatch ? variant.verification.mismatch() : "";
      if (!mismatch.empty()) throw std::runtime_error(variant.name + ": " + mismatch);
    }
}

Interval CaseResult::seconds(size_t variant) const {
  return interval_over(samples, [=](const Sample &sample) { return mean_repetition(sample, variant).seconds; });
}

Repetition mean_repetition(const Sample &sample, size_t variant) {
  Repetition mean;
  const double share = 1 / static_cast<double>(sample.repetitions.size());
  for (const Repetitions &repetitions : sample.repetitions) {
    mean.seconds += repetitions[variant].seconds * share;
    mean.cpu_seconds += repetitions[variant].cpu_seconds * share;
    mean.iterations += repetitions[variant].iterations;
  }
  return mean;
}

CaseResult CaseRun::result(const Effort &effort) const {
  CaseResult result;
  result.variants = variants_;
  result.samples = select(samples_, effort.min_samples * rounds_);
  result.discarded = static_cast<int>(samples_.size() - result.samples.size());
  result.noisy = static_cast<int>(result.samples.size() - count_quiet(result.samples));
  add_ratios(result, setting_);
  const auto narrow = [&](const Interval &interval) { return interval.width() < effort.interval_width; };
  result.converged = result.noisy == 0 && result.samples.size() >= min_interval_samples;
  for (const MeasuredRatio &ratio : result.ratios) result.converged = result.converged && narrow(ratio.interval);
  // A case without ratios is about times.
  for (size_t v = 0; v < result.variants.size() && result.ratios.empty(); ++v)
    result.converged = result.converged && narrow(result.seconds(v));
  return result;
}

void CaseRun::measure_round(std::vector<CaseInstance> &instances, const Effort &effort,
                            const std::function<double()> &drift) {
  verify(instances);
  variants_ = instances[0].variants;
  for (Variant &variant : variants_) variant.operation = {}, variant.verification = {};
  const int round = rounds_++;
  RegisteredCase registered(instances, setting_, effort);
  const Clock::time_point begin = Clock::now();
  double before = drift();
  for (int count = 1;; ++count) {
    std::vector<Repetitions> repetitions = registered.take_sample();
    const double after = drift();
    samples_.push_back({std::max(before, after), round, std::move(repetitions)});
    before = after;
    const int quiet = count_quiet(samples_, round);
    const bool late = seconds_since(begin) > effort.max_seconds;
    if (count < effort.min_samples || (quiet < effort.min_samples && !late)) continue;
    if (late || quiet >= effort.max_samples || result(effort).converged) return;
  }
}

} // namespace lanefold::bench
