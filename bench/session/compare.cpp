// A difference is real if the intervals exclude 1 and it is larger than two runs of the same program differ by.
#include "compare.hpp"

#include "../timing/statistics.hpp"
#include "results.hpp"

#include <nlohmann/json.hpp>

#include <cmath>
#include <cstdio>
#include <map>

namespace lanefold::bench {
namespace {

constexpr double run_to_run = 0.03; // relative difference of two runs of one program on a quiet machine

// The intervals of one file, by name.
struct Named {
  std::vector<std::string> order;
  std::map<std::string, Interval> by_name;
  void add(const std::string &name, const Interval &interval) {
    if (by_name.emplace(name, interval).second) order.push_back(name);
  }
};

double seconds_per(const std::string &unit) {
  return unit == "s" ? 1 : unit == "ms" ? 1e-3 : unit == "us" ? 1e-6 : 1e-9;
}

// The times of a file of Google Benchmark, whose rows have no fields.
Named times_of_rows(const Json &all, const std::regex &pattern) {
  std::map<std::string, std::vector<double>> samples;
  std::vector<std::string> order;
  for (const Json &row : all["benchmarks"]) {
    if (row.value("run_type", "iteration") != "iteration" || row.value("error_occurred", false)) continue;
    const std::string name = row.value("run_name", row.value("name", ""));
    if (!row.contains("real_time") || !row["real_time"].is_number() || !std::regex_search(name, pattern)) continue;
    auto &times = samples[name];
    if (times.empty()) order.push_back(name);
    times.push_back(row["real_time"].get<double>() * seconds_per(row.value("time_unit", "ns")));
  }
  Named named;
  for (const std::string &name : order) named.add(name, median_of(samples[name]));
  return named;
}

bool is_selected(const Json &entry, const Filter &filter, const std::regex &pattern) {
  return filter.where.holds(fields_of(entry)) && std::regex_search(entry["name"].get<std::string>(), pattern);
}

Named times_of(const Json &all, const Filter &filter) {
  const std::regex pattern = filter.regex();
  if (!all.contains("lanefold")) {
    if (!filter.where.text().empty()) throw UsageError("--where: a file of Google Benchmark has no fields");
    return times_of_rows(all, pattern);
  }
  Named named;
  for (const Json &bench_case : all["lanefold"]["cases"])
    for (const Json &variant : bench_case["variants"])
      if (is_selected(variant, filter, pattern))
        named.add(variant["name"], {variant["seconds"][0], variant["seconds"][1], variant["seconds"][2]});
  return named;
}

Named ratios_of(const Json &all, const Filter &filter) {
  const std::regex pattern = filter.regex();
  Named named;
  if (!all.contains("lanefold")) return named;
  for (const Json &ratio : all["lanefold"]["ratios"])
    if (is_selected(ratio, filter, pattern)) named.add(ratio["name"], {ratio["value"], ratio["low"], ratio["high"]});
  return named;
}

// The word for the quotient after / before.
const char *verdict(const Interval &i, const char *more, const char *less) {
  if (i.low > 1 && i.value > 1 + run_to_run) return more;
  if (i.high < 1 && i.value < 1 / (1 + run_to_run)) return less;
  return i.low > 1 / (1 + run_to_run) && i.high < 1 + run_to_run ? "same" : "uncertain";
}

std::string seconds_text(double seconds) {
  char text[32];
  const double nanoseconds = seconds * 1e9;
  if (nanoseconds < 1e4) std::snprintf(text, sizeof text, "%.1f ns", nanoseconds);
  else if (nanoseconds < 1e7) std::snprintf(text, sizeof text, "%.1f us", nanoseconds / 1e3);
  else std::snprintf(text, sizeof text, "%.1f ms", nanoseconds / 1e6);
  return text;
}

std::string ratio_text(double ratio) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3f", ratio);
  return text;
}

using WordCounts = std::map<std::string, int>; // of words

WordCounts print(const Named &before, const Named &after, const char *more, const char *less,
                 std::string (*text)(double), std::FILE *out) {
  WordCounts counts;
  for (const std::string &name : before.order) {
    const auto other = after.by_name.find(name);
    if (other == after.by_name.end()) continue;
    const Interval &a = before.by_name.at(name), &b = other->second;
    if (a.low <= 0 || b.low <= 0) continue; // a share of no case
    const Interval ratio = quotient(b, a);
    const char *word = verdict(ratio, more, less);
    ++counts[word];
    std::fprintf(out, "%-72s %12s %12s  %12.3f  %.3f..%.3f  %s\n", name.c_str(), text(a.value).c_str(),
                 text(b.value).c_str(), ratio.value, ratio.low, ratio.high, word);
  }
  return counts;
}

int print_counts(const char *what, const WordCounts &counts, std::FILE *out) {
  int all = 0;
  for (const auto &[word, count] : counts) all += count;
  std::fprintf(out, "%d %s:", all, what);
  const char *comma = "";
  for (const auto &[word, count] : counts) std::fprintf(out, "%s %d %s", comma, count, word.c_str()), comma = ",";
  std::fprintf(out, "\n");
  return all;
}

} // namespace

void compare_files(const std::string &before, const std::string &after, const Filter &filter, std::FILE *out) {
  const Json a = read_results(before), b = read_results(after);
  std::fprintf(out, "%-72s %12s %12s  after/before  interval\n", "time", "before", "after");
  const WordCounts times = print(times_of(a, filter), times_of(b, filter), "slower", "faster", seconds_text, out);
  std::fprintf(out, "\n%-72s %12s %12s  after/before  interval\n", "ratio", "before", "after");
  const WordCounts ratios = print(ratios_of(a, filter), ratios_of(b, filter), "more", "less", ratio_text, out);
  std::fprintf(out, "\n");
  const int common = print_counts("times", times, out) + print_counts("ratios", ratios, out);
  if (common == 0) throw UsageError("the files have no benchmark in common that the filter selects");
}

} // namespace lanefold::bench
