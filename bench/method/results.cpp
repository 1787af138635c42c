// Google Benchmark's own reporter writes the rows, so that this code need not follow changes of the format.
#include "results.hpp"

#include <benchmark/benchmark.h>
#include <nlohmann/json.hpp>

#include <sstream>

namespace lanefold::bench {
namespace {

using Run = benchmark::BenchmarkReporter::Run;

Json json_of(const std::vector<std::vector<Run>> &all) {
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

// The rate of the limit in the same case: the FMA peak in FLOP/s on all threads, or copying in bytes/s.
double limit_of(const CaseResult &result, const Work &work, int threads) {
  for (size_t v = 0; v < result.variants.size(); ++v) {
    const Variant &variant = result.variants[v];
    if (variant.label == "peak" && work.flops > 0) return threads * variant.work.flops / result.seconds(v).value;
    if (variant.label == "copy" && work.flops == 0) return variant.work.bytes / result.seconds(v).value;
  }
  return 0;
}

void add_counters(Run &run, const Work &work, double seconds, double limit) {
  using benchmark::Counter;
  const auto add = [&](const char *name, double value) { run.counters[name] = Counter(value); };
  if (work.flops > 0) add("FLOP/s", work.flops / seconds);
  if (work.bytes > 0) add("bytes/s", work.bytes / seconds);
  if (work.elements > 0) add("ns/element", seconds * 1e9 / work.elements);
  if (limit > 0) add("share_of_limit", (work.flops > 0 ? work.flops : work.bytes) / seconds / limit);
}

std::vector<Run> runs_of(const CaseResult &result, size_t variant, int family, int threads) {
  const Variant &of = result.variants[variant];
  const double limit = of.name.starts_with("limit/") ? 0 : limit_of(result, of.work, threads);
  const auto n = static_cast<int64_t>(result.samples.size());
  std::vector<Run> all;
  const auto add = [&](double seconds, double cpu_seconds, int64_t iterations) -> Run & {
    Run &run = all.emplace_back();
    run.run_name.function_name = of.name;
    run.family_index = family, run.per_family_instance_index = 0;
    run.threads = 1, run.repetitions = n;
    run.iterations = iterations;
    run.real_accumulated_time = seconds * static_cast<double>(iterations);
    run.cpu_accumulated_time = cpu_seconds * static_cast<double>(iterations);
    add_counters(run, of.work, seconds, limit);
    return run;
  };
  std::vector<double> cpu;
  for (int64_t i = 0; i < n; ++i) {
    const Repetition mean = mean_repetition(result.samples[static_cast<size_t>(i)], variant);
    add(mean.seconds, mean.cpu_seconds, mean.iterations).repetition_index = i;
    cpu.push_back(mean.cpu_seconds);
  }
  const Interval real = result.seconds(variant), of_cpu = median_of(cpu);
  for (const auto &[name, seconds, cpu_seconds] : {std::tuple{"median", real.value, of_cpu.value},
                                                   {"low", real.low, of_cpu.low},
                                                   {"high", real.high, of_cpu.high}}) {
    Run &run = add(seconds, cpu_seconds, n);
    run.run_type = Run::RT_Aggregate, run.aggregate_name = name, run.repetition_index = Run::no_repetition_index;
  }
  return all;
}

} // namespace

Json rows_of(const CaseResult &result, const std::string &case_name, int threads,
             std::map<std::string, std::string> &owners) {
  std::vector<std::vector<Run>> all;
  for (size_t v = 0; v < result.variants.size(); ++v) {
    const auto [owner, fresh] = owners.try_emplace(result.variants[v].name, case_name);
    if (owner->second == case_name)
      all.push_back(runs_of(result, v, static_cast<int>(std::distance(owners.begin(), owner)), threads));
  }
  return json_of(all)["benchmarks"];
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

Json ratio_of(const MeasuredRatio &measured, const std::string &isa) {
  Json ratio =
      ratio_of(measured.ratio.name + "/isa:" + isa, measured.interval, measured.ratio.sense, measured.ratio.target);
  ratio["numerator"] = measured.numerator;
  if (!measured.denominator.empty()) ratio["denominator"] = measured.denominator;
  return ratio;
}

Json result_json(const CaseResult &result) {
  Json variants = Json::array();
  for (size_t v = 0; v < result.variants.size(); ++v) {
    const Variant &variant = result.variants[v];
    const Interval i = result.seconds(v);
    variants.push_back({{"name", variant.name},
                        {"label", variant.label},
                        {"seconds", {i.value, i.low, i.high}},
                        {"flops", variant.work.flops},
                        {"bytes", variant.work.bytes},
                        {"elements", variant.work.elements}});
  }
  return {{"variants", variants},
          {"samples", result.samples.size()},
          {"noisy", result.noisy},
          {"discarded", result.discarded},
          {"converged", result.converged}};
}

Json benchmark_context() { return json_of({})["context"]; }

} // namespace lanefold::bench
