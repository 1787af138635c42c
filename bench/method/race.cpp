// A batch is one turn of every entrant on every placement, which Google Benchmark times in random order.  The threads
// of some libraries wait for more work without sleeping, for as long as 30 ms, and would slow down whoever comes next:
// with several threads each turn begins when the process rests.
#include "race.hpp"

#include "clock.hpp"
#include "machine.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <map>
#include <stdexcept>
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

// Of one entrant in one batch.
struct Sum {
  double seconds = 0, cpu_seconds = 0;
  int64_t runs = 0;
};

// Adds up what Google Benchmark hands over after a batch.
class Collector : public benchmark::BenchmarkReporter {
public:
  explicit Collector(std::vector<Sum> &sums) : sums_(sums) {}
  bool ReportContext(const Context &) override { return true; }
  void ReportRuns(const std::vector<Run> &runs) override {
    for (const Run &run : runs) {
      if (run.run_type != Run::RT_Iteration) continue;
      Sum &sum = sums_[std::stoul(run.run_name.function_name)];
      sum.seconds += run.real_accumulated_time;
      sum.cpu_seconds += run.cpu_accumulated_time;
      sum.runs += run.iterations;
    }
  }

private:
  std::vector<Sum> &sums_;
};

class Batches {
public:
  Batches(std::vector<Field> &fields, const RaceSetting &setting) : fields_(fields), setting_(setting) {
    static const bool shuffled = [] {
      char program[] = "lanefold-bench", flag[] = "--benchmark_enable_random_interleaving=true";
      char *arguments[] = {program, flag, nullptr};
      int count = 2;
      benchmark::Initialize(&count, arguments);
      return true;
    }();
    static_cast<void>(shuffled);
    benchmark::ClearRegisteredBenchmarks();
    turns_.resize(fields[0].entrants.size());
    for (size_t e = 0; e < turns_.size(); ++e) {
      const Operation &operation = fields[0].entrants[e].operation;
      const int64_t runs = setting.cold ? 1 : runs_of_a_turn(operation, setting.effort.turn);
      auto *registered = benchmark::RegisterBenchmark(std::to_string(e).c_str(),
                                                      [this, e](benchmark::State &state) { turn(e, state); });
      registered->Iterations(runs)->Repetitions(static_cast<int>(fields.size()));
      if (operation.seconds) registered->UseManualTime();
      else registered->UseRealTime();
    }
  }
  ~Batches() { benchmark::ClearRegisteredBenchmarks(); }
  Batches(const Batches &) = delete;

  // By entrant.
  std::vector<Sum> run() {
    std::vector<Sum> sums(turns_.size());
    Collector collector(sums);
    benchmark::RunSpecifiedBenchmarks(&collector, nullptr, ".");
    return sums;
  }

private:
  void turn(size_t e, benchmark::State &state) {
    const Operation &operation = fields_[turns_[e]++ % fields_.size()].entrants[e].operation;
    if (setting_.threads > 1) rest();
    if (setting_.cold) evict();
    else operation.run(); // its memory, its code and its threads are there
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
  std::vector<size_t> turns_; // so far, by entrant
};

// The batches that were measured while nothing disturbed; if they are too few, with the least disturbed of the others.
struct Kept {
  struct Batch {
    double drift;
    std::vector<Sum> sums;
  };
  std::vector<Batch> batches;
  int undisturbed = 0;

  void add(double drift, std::vector<Sum> sums) {
    undisturbed += drift <= Calibration::tolerated;
    batches.push_back({drift, std::move(sums)});
  }
  void choose(int least) {
    std::stable_sort(batches.begin(), batches.end(), [](const Batch &a, const Batch &b) {
      return std::max(a.drift, Calibration::tolerated) < std::max(b.drift, Calibration::tolerated);
    });
    batches.resize(std::min(batches.size(), static_cast<size_t>(std::max(undisturbed, least))));
  }
};

void fill(Outcome &outcome, const std::vector<Kept::Batch> &batches) {
  for (size_t e = 0; e < outcome.lanes.size(); ++e) {
    Outcome::Lane &lane = outcome.lanes[e];
    lane.seconds.clear(), lane.cpu_seconds.clear();
    for (const Kept::Batch &batch : batches) {
      const Sum &sum = batch.sums[e];
      const double runs = static_cast<double>(sum.runs);
      lane.runs = sum.runs;
      lane.seconds.push_back(sum.seconds / runs);
      lane.cpu_seconds.push_back(sum.cpu_seconds / runs);
    }
  }
}

double median(const std::vector<double> &values) { return median_of(values).value; }

// The lane that a label or a group means; NULL if there is none.
const Outcome::Lane *find(const std::vector<Outcome::Lane> &lanes, const std::string &label) {
  const Outcome::Lane *best = nullptr;
  for (const Outcome::Lane &lane : lanes) {
    const bool meant = lane.entrant.label == label || lane.entrant.group == label;
    if (meant && (!best || median(lane.seconds) < median(best->seconds))) best = &lane;
  }
  return best;
}

Interval interval_of(const Ratio &ratio, const Outcome::Lane &over, const Outcome::Lane *under, int threads) {
  std::vector<double> values;
  for (size_t i = 0; i < over.seconds.size(); ++i) {
    const double a = over.seconds[i], b = under ? under->seconds[i] : 1;
    switch (ratio.kind) {
    case Ratio::times: values.push_back(a / b); break;
    case Ratio::flops_share:
      values.push_back(over.entrant.work.flops / a / (threads * under->entrant.work.flops / b));
      break;
    case Ratio::bytes_share: values.push_back(over.entrant.work.bytes / a / (under->entrant.work.bytes / b)); break;
    case Ratio::time: values.push_back(a * ratio.scale); break;
    }
  }
  return median_of(values);
}

void measure_ratios(Outcome &outcome, const RaceSetting &setting) {
  outcome.ratios.clear();
  outcome.settled = true;
  for (const Ratio &ratio : setting.ratios) {
    const Outcome::Lane *over = find(outcome.lanes, ratio.over);
    const Outcome::Lane *under = ratio.kind == Ratio::time ? nullptr : find(outcome.lanes, ratio.under);
    if (!over || (ratio.kind != Ratio::time && !under)) continue;
    const Interval interval = interval_of(ratio, *over, under, setting.threads);
    outcome.ratios.push_back({ratio, interval, over->entrant.name, under ? under->entrant.name : ""});
    outcome.settled = outcome.settled && interval.width() < setting.effort.width;
  }
}

void verify(const std::vector<Field> &fields) {
  for (const Field &field : fields)
    for (const Entrant &entrant : field.entrants) {
      entrant.operation.run();
      const std::string fault = entrant.fault ? entrant.fault() : "";
      if (!fault.empty()) throw std::runtime_error(entrant.name + ": " + fault);
    }
}

} // namespace

const Entrant *Field::find(const std::string &label) const {
  for (const Entrant &entrant : entrants)
    if (entrant.label == label) return &entrant;
  return nullptr;
}

Outcome race(std::vector<Field> &fields, const RaceSetting &setting, Calibration &calibration) {
  verify(fields);
  Outcome outcome;
  for (const Entrant &entrant : fields[0].entrants) outcome.lanes.push_back({entrant, 0, {}, {}});
  Batches batches(fields, setting);
  Kept kept;
  const Effort &effort = setting.effort;
  const Clock::time_point begin = Clock::now();
  double before = calibration.drift();
  for (;;) {
    std::vector<Sum> sums = batches.run();
    const double after = calibration.drift();
    kept.add(std::max(before, after), std::move(sums));
    before = after;
    if (static_cast<int>(kept.batches.size()) < effort.least) continue;
    const bool late = seconds_since(begin) > effort.seconds;
    if (kept.undisturbed < effort.least && !late) continue;
    Kept chosen = kept;
    chosen.choose(effort.least);
    fill(outcome, chosen.batches);
    measure_ratios(outcome, setting);
    if (outcome.settled || late || kept.undisturbed >= effort.most) {
      outcome.batches = static_cast<int>(chosen.batches.size());
      outcome.spoiled = static_cast<int>(kept.batches.size()) - outcome.batches;
      return outcome;
    }
  }
}

} // namespace lanefold::bench
