// A block is one turn of every entrant on one placement, which Google Benchmark times in random order: they follow each
// other closely, for a machine's speed wanders within milliseconds.  A batch is a block of every placement.
// The threads of some libraries wait for more work without sleeping, and would slow down whoever comes next: with
// several threads each turn begins when the process rests.
#include "race.hpp"

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

// With several threads a turn is longer, and what wakes them another: a core that has slept takes its time.
constexpr double shared_turn = 5e-3;

double processor_seconds() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval &t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// Returns when no thread of this process has run for a millisecond, or after a tenth of a second.
void rest() {
  for (int i = 0; i < 100; ++i) {
    const double before = processor_seconds();
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    if (processor_seconds() - before < 1e-4) return;
  }
}

double time_of(const Operation &operation, int64_t runs) {
  if (operation.seconds) return operation.seconds(runs);
  const Clock::time_point begin = Clock::now();
  for (int64_t i = 0; i < runs; ++i) operation.run();
  return seconds_since(begin);
}

int64_t runs_of_a_turn(const Operation &operation, double turn) {
  operation.run(); // warm
  int64_t runs = 1;
  for (double all; (all = time_of(operation, runs)) < turn;)
    runs = std::max(runs + 1, std::min(runs * 10, static_cast<int64_t>(1.1 * turn * static_cast<double>(runs) / all)));
  return runs;
}

using Block = std::vector<Turn>; // by entrant

// Takes what Google Benchmark hands over after a block.
class Collector : public benchmark::BenchmarkReporter {
public:
  Collector(Block &block, const std::vector<Entrant> &entrants) : block_(block), entrants_(entrants) {}
  bool ReportContext(const Context &) override { return true; }
  void ReportRuns(const std::vector<Run> &runs) override {
    for (const Run &run : runs) {
      const double count = static_cast<double>(run.iterations);
      const auto entrant = std::stoul(run.run_name.function_name);
      // What runs in another process takes its processor's time there.
      const bool elsewhere = static_cast<bool>(entrants_[entrant].operation.seconds);
      const double cpu_seconds = elsewhere ? run.real_accumulated_time : run.cpu_accumulated_time;
      block_[entrant] = {run.real_accumulated_time / count, cpu_seconds / count, run.iterations};
    }
  }

private:
  Block &block_;
  const std::vector<Entrant> &entrants_;
};

// The entrants of a sitting, registered with Google Benchmark.
class Sitting {
public:
  Sitting(std::vector<Field> &fields, const RaceSetting &setting, const Effort &effort)
      : fields_(fields), setting_(setting) {
    static const bool shuffled = [] {
      char program[] = "lanefold-bench", flag[] = "--benchmark_enable_random_interleaving=true";
      char *arguments[] = {program, flag, nullptr};
      int count = 2;
      benchmark::Initialize(&count, arguments);
      return true;
    }();
    static_cast<void>(shuffled);
    benchmark::ClearRegisteredBenchmarks();
    for (size_t e = 0; e < fields[0].entrants.size(); ++e) {
      const Operation &operation = fields[0].entrants[e].operation;
      const double long_enough = setting.threads > 1 ? shared_turn : effort.turn;
      const int64_t runs = setting.cold ? 1 : runs_of_a_turn(operation, long_enough);
      auto *registered = benchmark::RegisterBenchmark(std::to_string(e).c_str(),
                                                      [this, e](benchmark::State &state) { turn(e, state); });
      registered->Iterations(runs)->Repetitions(1);
      if (operation.seconds) registered->UseManualTime();
      else registered->UseRealTime();
      if (setting.threads > 1) registered->MeasureProcessCPUTime();
    }
  }
  ~Sitting() { benchmark::ClearRegisteredBenchmarks(); }
  Sitting(const Sitting &) = delete;

  std::vector<Block> batch() {
    std::vector<Block> blocks;
    for (field_ = 0; field_ < fields_.size(); ++field_) {
      Collector collector(blocks.emplace_back(fields_[0].entrants.size()), fields_[0].entrants);
      benchmark::RunSpecifiedBenchmarks(&collector);
    }
    return blocks;
  }

private:
  void turn(size_t e, benchmark::State &state) {
    const Operation &operation = fields_[field_].entrants[e].operation;
    if (setting_.threads > 1) rest();
    // Its memory, its code and its threads are there.
    if (setting_.cold) evict();
    else if (setting_.threads > 1) time_of(operation, static_cast<int64_t>(state.max_iterations));
    else operation.run();
    if (!operation.seconds) {
      for (auto _ : state) operation.run();
      return;
    }
    const auto runs = static_cast<int64_t>(state.max_iterations);
    const double each = operation.seconds(runs) / static_cast<double>(runs);
    for (auto _ : state) state.SetIterationTime(each);
  }

  std::vector<Field> &fields_;
  const RaceSetting &setting_;
  size_t field_ = 0; // of the block that runs
};

bool undisturbed(const Batch &batch) { return batch.drift <= Calibration::tolerated; }

int count_undisturbed(const std::vector<Batch> &batches, int sitting) {
  return static_cast<int>(std::count_if(batches.begin(), batches.end(), [=](const Batch &batch) {
    return batch.sitting == sitting && undisturbed(batch);
  }));
}

size_t count_undisturbed(const std::vector<Batch> &batches) {
  return static_cast<size_t>(std::count_if(batches.begin(), batches.end(), undisturbed));
}

// The batches that were measured while nothing disturbed; where they are too few, with the least disturbed others.
std::vector<Batch> choose(std::vector<Batch> batches, int least) {
  std::stable_sort(batches.begin(), batches.end(), [](const Batch &a, const Batch &b) {
    return std::max(a.drift, Calibration::tolerated) < std::max(b.drift, Calibration::tolerated);
  });
  const size_t good = count_undisturbed(batches);
  batches.resize(std::min(batches.size(), std::max(good, static_cast<size_t>(least))));
  return batches;
}

// The median of all batches, with an interval that also holds the median of each sitting.
Interval interval_over(const std::vector<Batch> &batches, const std::function<double(const Batch &)> &value) {
  std::vector<double> all;
  std::map<int, std::vector<double>> by_sitting;
  for (const Batch &batch : batches) {
    all.push_back(value(batch));
    by_sitting[batch.sitting].push_back(all.back());
  }
  Interval interval = median_of(all);
  for (const auto &[sitting, values] : by_sitting) {
    if (values.size() < 3) continue; // of a sitting that was disturbed
    const double own = median_of(values).value;
    interval.low = std::min(interval.low, own), interval.high = std::max(interval.high, own);
  }
  return interval;
}

// Of turns that followed each other; of a batch, the geometric mean over its placements.
double value_of(const Ratio &ratio, const Batch &batch, const std::vector<Entrant> &entrants, size_t over, size_t under,
                int threads) {
  double logs = 0;
  for (const Block &block : batch.turns) {
    const double a = block[over].seconds, b = block[under].seconds;
    const Work &mine = entrants[over].work, &other = entrants[under].work;
    switch (ratio.kind) {
    case Ratio::times: logs += std::log(a / b); break;
    case Ratio::flops_share: logs += std::log(mine.flops / a / (threads * other.flops / b)); break;
    case Ratio::bytes_share: logs += std::log(mine.bytes / a / (other.bytes / b)); break;
    case Ratio::time: logs += std::log(a * ratio.scale); break;
    }
  }
  return std::exp(logs / static_cast<double>(batch.turns.size()));
}

constexpr size_t least_known = 6; // batches without which a median's interval is none
constexpr size_t nobody = SIZE_MAX;

// The entrant that a label or a group means.
size_t find(const Outcome &outcome, const std::string &label) {
  size_t best = nobody;
  for (size_t e = 0; e < outcome.entrants.size(); ++e) {
    const Entrant &entrant = outcome.entrants[e];
    if (entrant.label != label && entrant.group != label) continue;
    if (best == nobody || outcome.seconds(e).value < outcome.seconds(best).value) best = e;
  }
  return best;
}

void measure_ratios(Outcome &outcome, const RaceSetting &setting) {
  for (const Ratio &ratio : setting.ratios) {
    const size_t over = find(outcome, ratio.over);
    const size_t under = ratio.kind == Ratio::time ? over : find(outcome, ratio.under);
    if (over == nobody || under == nobody) continue;
    const Interval interval = interval_over(outcome.batches, [&](const Batch &batch) {
      return value_of(ratio, batch, outcome.entrants, over, under, setting.threads);
    });
    outcome.ratios.push_back(
        {ratio, interval, outcome.entrants[over].name, ratio.kind == Ratio::time ? "" : outcome.entrants[under].name});
  }
}

void verify(const std::vector<Field> &fields) {
  for (const Field &field : fields)
    for (const Entrant &entrant : field.entrants) {
      if (entrant.check.spoil) entrant.check.spoil();
      entrant.operation.run();
      const std::string fault = entrant.check.fault ? entrant.check.fault() : "";
      if (!fault.empty()) throw std::runtime_error(entrant.name + ": " + fault);
    }
}

} // namespace

Interval Outcome::seconds(size_t entrant) const {
  return interval_over(batches, [=](const Batch &batch) { return run_of(batch, entrant).seconds; });
}

Turn run_of(const Batch &batch, size_t entrant) {
  Turn all;
  for (const std::vector<Turn> &block : batch.turns) {
    const double share = 1 / static_cast<double>(batch.turns.size());
    all.seconds += block[entrant].seconds * share, all.cpu_seconds += block[entrant].cpu_seconds * share;
    all.runs += block[entrant].runs;
  }
  return all;
}

Outcome Contest::outcome(const Effort &effort) const {
  Outcome outcome;
  outcome.entrants = entrants_;
  outcome.batches = choose(batches_, effort.least * sittings_);
  outcome.spoiled = static_cast<int>(batches_.size() - outcome.batches.size());
  outcome.disturbed = static_cast<int>(outcome.batches.size() - count_undisturbed(outcome.batches));
  measure_ratios(outcome, setting_);
  const auto narrow = [&](const Interval &interval) { return interval.width() < effort.width; };
  outcome.settled = outcome.disturbed == 0 && outcome.batches.size() >= least_known;
  for (const Measured &measured : outcome.ratios) outcome.settled = outcome.settled && narrow(measured.interval);
  // Where nothing is compared, times are what is asked for.
  for (size_t e = 0; e < outcome.entrants.size() && outcome.ratios.empty(); ++e)
    outcome.settled = outcome.settled && narrow(outcome.seconds(e));
  return outcome;
}

void Contest::sit(std::vector<Field> &fields, const Effort &effort, Calibration &calibration) {
  verify(fields);
  entrants_ = fields[0].entrants;
  for (Entrant &entrant : entrants_) entrant.operation = {}, entrant.check = {};
  const int sitting = sittings_++;
  Sitting turns(fields, setting_, effort);
  const Clock::time_point begin = Clock::now();
  double before = calibration.drift();
  for (int count = 1;; ++count) {
    std::vector<Block> blocks = turns.batch();
    const double after = calibration.drift();
    batches_.push_back({std::max(before, after), sitting, std::move(blocks)});
    before = after;
    const int good = count_undisturbed(batches_, sitting);
    const bool late = seconds_since(begin) > effort.seconds;
    if (count < effort.least || (good < effort.least && !late)) continue;
    if (late || good >= effort.most || outcome(effort).settled) return;
  }
}

} // namespace lanefold::bench
