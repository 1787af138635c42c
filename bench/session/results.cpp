// Rows have the keys that Google Benchmark's own reporter writes.  A row of type "iteration" is the fastest repetition of
// a round.
#include "results.hpp"

#include <benchmark/benchmark.h>
#include <nlohmann/json.hpp>

#include <ctime>

namespace lanefold::bench {
namespace {

Json row_of(const Variant &variant, double seconds, double cpu_seconds, int64_t iterations) {
  Json row = {
      {"name", variant.name()},   {"run_name", variant.name()}, {"run_type", "iteration"},       {"threads", 1},
      {"iterations", iterations}, {"real_time", 1e9 * seconds}, {"cpu_time", 1e9 * cpu_seconds}, {"time_unit", "ns"}};
  const Work &work = variant.work;
  if (work.flops > 0) row["FLOP/s"] = work.flops / seconds;
  if (work.bytes > 0) row["bytes/s"] = work.bytes / seconds;
  if (work.elements > 0) row["ns/element"] = seconds * 1e9 / work.elements;
  return row;
}

// A row for each round, and one for the estimate and for each end of its interval.
void add_rows(Json &rows, const CaseResult &result, size_t variant) {
  const Variant &of = result.variants[variant];
  const size_t count = result.rounds.size();
  for (size_t i = 0; i < count; ++i) {
    const RoundTime &time = result.rounds[i][variant];
    if (time.iterations == 0) continue; // a slow peer is not in every round
    Json row = row_of(of, time.seconds, time.cpu_seconds, time.iterations);
    row["repetitions"] = count, row["repetition_index"] = i;
    rows.push_back(std::move(row));
  }
  const Interval &seconds = result.seconds[variant];
  for (const auto &[what, value] :
       {std::pair{"estimate", seconds.value}, {"low", seconds.low}, {"high", seconds.high}}) {
    Json row = row_of(of, value, value, static_cast<int64_t>(count));
    row["name"] = of.name() + "_" + what;
    row["run_type"] = "aggregate", row["aggregate_name"] = what, row["aggregate_unit"] = "time";
    row["repetitions"] = count;
    rows.push_back(std::move(row));
  }
}

Json variant_of(const Variant &variant, const Interval &seconds) {
  Json json = {{"name", variant.name()}, {"label", variant.label}};
  add_fields(json, variant.fields);
  json["seconds"] = {seconds.value, seconds.low, seconds.high};
  json["flops"] = variant.work.flops, json["bytes"] = variant.work.bytes, json["elements"] = variant.work.elements;
  return json;
}

} // namespace

Json ratio_of(const std::string &quantity, const Fields &subject, const Interval &interval, Sense sense,
              double target) {
  Json ratio = {{"name", quantity + "/" + name_of(subject)}, {"quantity", quantity}};
  add_fields(ratio, subject);
  ratio["value"] = interval.value, ratio["low"] = interval.low, ratio["high"] = interval.high;
  if (sense == Sense::none) return ratio;
  ratio["sense"] = sense == Sense::at_least ? ">=" : "<=";
  ratio["target"] = target;
  ratio["verdict"] = word_of(verdict_of(interval, target, sense == Sense::at_least));
  return ratio;
}

Json result_of(const Case &bench_case, const CaseResult &result) {
  Json json = {{"name", bench_case.name()}};
  add_fields(json, bench_case.fields());
  json["rounds"] = result.rounds.size(), json["samples"] = result.samples, json["discarded"] = result.discarded;
  if (result.shared_core) json["shared_core"] = *result.shared_core;
  json["variants"] = json["ratios"] = json["benchmarks"] = Json::array();
  for (size_t v = 0; v < result.variants.size(); ++v) {
    json["variants"].push_back(variant_of(result.variants[v], result.seconds[v]));
    add_rows(json["benchmarks"], result, v);
  }
  for (const MeasuredRatio &measured : result.ratios) {
    const Ratio &ratio = measured.ratio;
    json["ratios"].push_back(
        ratio_of(ratio.quantity, bench_case.subject(ratio), measured.interval, ratio.sense, ratio.target));
    json["ratios"].back()["numerator"] = measured.numerator;
    if (!measured.denominator.empty()) json["ratios"].back()["denominator"] = measured.denominator;
  }
  return json;
}

Json benchmark_context() {
  const benchmark::CPUInfo &cpu = benchmark::CPUInfo::Get();
  Json caches = Json::array();
  for (const auto &cache : cpu.caches)
    caches.push_back(
        {{"type", cache.type}, {"level", cache.level}, {"size", cache.size}, {"num_sharing", cache.num_sharing}});
  const std::time_t now = std::time(nullptr);
  char date[40];
  std::strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S%z", std::localtime(&now));
  return {{"date", date},
          {"host_name", benchmark::SystemInfo::Get().name},
          {"executable", "lanefold bench"},
          {"num_cpus", cpu.num_cpus},
          {"mhz_per_cpu", static_cast<int64_t>(cpu.cycles_per_second / 1e6)},
          {"cpu_scaling_enabled", cpu.scaling == benchmark::CPUInfo::ENABLED},
          {"caches", caches},
          {"load_avg", cpu.load_avg}};
}

} // namespace lanefold::bench
