// Google Benchmark writes its own format; nobody else has to follow its changes.
#include "results.hpp"

#include <benchmark/benchmark.h>

#include <fstream>
#include <sstream>
#include <stdexcept>

namespace lanefold::bench {
namespace {

using Run = benchmark::BenchmarkReporter::Run;

Json written(const std::vector<std::vector<Run>> &all) {
  std::ostringstream text;
  benchmark::JSONReporter reporter;
  reporter.SetOutputStream(&text);
  reporter.SetErrorStream(&text);
  benchmark::BenchmarkReporter::Context::executable_name = "lanefold bench";
  reporter.ReportContext(benchmark::BenchmarkReporter::Context());
  for (const std::vector<Run> &runs : all) reporter.ReportRuns(runs);
  reporter.Finalize();
  return Json::parse(text.str());
}

// Of the limit that entered the same race: fused multiply-adds, or copying.
double limit_of(const Outcome &outcome, const Work &work, int threads) {
  for (const Outcome::Lane &lane : outcome.lanes) {
    const double seconds = median_of(lane.seconds).value;
    if (lane.entrant.label == "peak" && work.flops > 0) return threads * lane.entrant.work.flops / seconds;
    if (lane.entrant.label == "copy" && work.flops == 0) return lane.entrant.work.bytes / seconds;
  }
  return 0;
}

void count(Run &run, const Work &work, double seconds, double limit) {
  using benchmark::Counter;
  const auto add = [&](const char *name, double value) { run.counters[name] = Counter(value); };
  if (work.flops > 0) add("FLOP/s", work.flops / seconds);
  if (work.bytes > 0) add("bytes/s", work.bytes / seconds);
  if (work.elements > 0) add("ns/element", seconds * 1e9 / work.elements);
  if (limit > 0) add("share_of_limit", (work.flops > 0 ? work.flops : work.bytes) / seconds / limit);
}

std::vector<Run> runs_of(const Outcome::Lane &lane, int family, double limit) {
  std::vector<Run> all;
  const size_t n = lane.seconds.size();
  const auto add = [&](double seconds, double cpu_seconds, int64_t iterations) -> Run & {
    Run &run = all.emplace_back();
    run.run_name.function_name = lane.entrant.name;
    run.family_index = family, run.per_family_instance_index = 0;
    run.threads = 1, run.repetitions = static_cast<int64_t>(n);
    run.iterations = iterations;
    run.real_accumulated_time = seconds * static_cast<double>(iterations);
    run.cpu_accumulated_time = cpu_seconds * static_cast<double>(iterations);
    count(run, lane.entrant.work, seconds, limit);
    return run;
  };
  for (size_t i = 0; i < n; ++i)
    add(lane.seconds[i], lane.cpu_seconds[i], lane.runs).repetition_index = static_cast<int64_t>(i);
  const Interval real = median_of(lane.seconds), cpu = median_of(lane.cpu_seconds);
  for (const auto &[name, seconds, cpu_seconds] :
       {std::tuple{"median", real.value, cpu.value}, {"low", real.low, cpu.low}, {"high", real.high, cpu.high}}) {
    Run &run = add(seconds, cpu_seconds, static_cast<int64_t>(n));
    run.run_type = Run::RT_Aggregate, run.aggregate_name = name, run.repetition_index = Run::no_repetition_index;
  }
  return all;
}

} // namespace

Json rows_of(const Outcome &outcome, int threads, std::set<std::string> &known) {
  std::vector<std::vector<Run>> all;
  for (const Outcome::Lane &lane : outcome.lanes) {
    if (!known.insert(lane.entrant.name).second) continue;
    const double limit = lane.entrant.name.starts_with("limit/") ? 0 : limit_of(outcome, lane.entrant.work, threads);
    all.push_back(runs_of(lane, static_cast<int>(known.size()) - 1, limit));
  }
  return written(all)["benchmarks"];
}

Json ratio_of(const std::string &name, const Interval &interval, Sense sense, double target) {
  Json ratio = {{"name", name}, {"value", interval.value}, {"low", interval.low}, {"high", interval.high}};
  if (sense == Sense::none) return ratio;
  const bool ok = sense == Sense::at_least ? interval.value >= target : interval.value <= target;
  ratio["sense"] = sense == Sense::at_least ? ">=" : "<=";
  ratio["target"] = target;
  ratio["verdict"] = ok ? "ok" : "short";
  return ratio;
}

Json ratio_of(const Measured &measured, const std::string &isa) {
  Json ratio =
      ratio_of(measured.ratio.name + "/isa:" + isa, measured.interval, measured.ratio.sense, measured.ratio.target);
  ratio["over"] = measured.over;
  if (!measured.under.empty()) ratio["under"] = measured.under;
  return ratio;
}

Json lanes_of(const Outcome &outcome) {
  Json lanes = Json::array();
  for (const Outcome::Lane &lane : outcome.lanes) {
    const Interval i = median_of(lane.seconds);
    const Work &work = lane.entrant.work;
    lanes.push_back({{"name", lane.entrant.name},
                     {"label", lane.entrant.label},
                     {"seconds", {i.value, i.low, i.high}},
                     {"flops", work.flops},
                     {"bytes", work.bytes},
                     {"elements", work.elements}});
  }
  return {{"lanes", lanes}, {"batches", outcome.batches}, {"spoiled", outcome.spoiled}, {"settled", outcome.settled}};
}

Json benchmark_context() { return written({})["context"]; }

Json read_results(const std::string &path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error(path + ": cannot be read");
  const Json all = Json::parse(file, nullptr, false);
  if (!all.is_object() || !all.contains("benchmarks") || !all["benchmarks"].is_array())
    throw std::runtime_error(path + ": holds no results of `lanefold bench` or Google Benchmark");
  return all;
}

} // namespace lanefold::bench
