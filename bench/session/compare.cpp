// A difference is real if the intervals exclude 1 and it is larger than two runs of the same program differ by.
#include "compare.hpp"

#include "../method/results.hpp"
#include "session.hpp"

#include <nlohmann/json.hpp>

#include <cmath>
#include <cstdio>
#include <map>

namespace lanefold::bench {
namespace {

constexpr double run_to_run = 0.03; // relative difference of two runs of one program on a quiet machine

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

Named times_of(const Json &all) {
  std::map<std::string, std::vector<double>> samples;
  std::vector<std::string> order;
  for (const Json &row : all["benchmarks"]) {
    if (row.value("run_type", "iteration") != "iteration" || row.value("error_occurred", false)) continue;
    const std::string name = row.value("run_name", row.value("name", ""));
    if (!row.contains("real_time") || !row["real_time"].is_number() || name.empty()) continue;
    auto &times = samples[name];
    if (times.empty()) order.push_back(name);
    times.push_back(row["real_time"].get<double>() * seconds_per(row.value("time_unit", "ns")));
  }
  Named named;
  for (const std::string &name : order) named.add(name, median_of(samples[name]));
  return named;
}

Named ratios_of(const Json &all) {
  Named named;
  if (!all.contains("lanefold") || !all["lanefold"].contains("ratios")) return named;
  for (const Json &ratio : all["lanefold"]["ratios"])
    named.add(ratio["name"], {ratio["value"], ratio["low"], ratio["high"]});
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

struct Comparison {
  int compared = 0, within = 0;
  std::map<std::string, int> verdicts;
};

Comparison print(const Named &before, const Named &after, const std::regex &filter, double agree, const char *more,
                 const char *less, std::string (*text)(double), std::FILE *out) {
  Comparison all;
  for (const std::string &name : before.order) {
    const auto other = after.by_name.find(name);
    if (other == after.by_name.end() || !std::regex_search(name, filter)) continue;
    const Interval &a = before.by_name.at(name), &b = other->second;
    const Interval ratio = quotient(b, a);
    const char *word = verdict(ratio, more, less);
    ++all.compared, ++all.verdicts[word];
    all.within += std::fabs(std::log(ratio.value)) <= std::log1p(agree / 100);
    std::fprintf(out, "%-64s %12s %12s  %12.3f  %.3f..%.3f  %s\n", name.c_str(), text(a.value).c_str(),
                 text(b.value).c_str(), ratio.value, ratio.low, ratio.high, word);
  }
  return all;
}

void print_counts(const char *what, const Comparison &all, std::FILE *out) {
  std::fprintf(out, "%d %s:", all.compared, what);
  const char *comma = "";
  for (const auto &[word, count] : all.verdicts) std::fprintf(out, "%s %d %s", comma, count, word.c_str()), comma = ",";
  std::fprintf(out, "\n");
}

} // namespace

int compare_files(const std::string &before, const std::string &after, const std::string &filter, double agree,
                  std::FILE *out) {
  const Json a = read_results(before), b = read_results(after);
  const std::regex pattern = pattern_of(filter);
  const double tolerance = agree > 0 ? agree : 100 * run_to_run;
  std::fprintf(out, "%-64s %12s %12s  after/before  interval (about 95%%)\n", "time", "before", "after");
  const Comparison times = print(times_of(a), times_of(b), pattern, tolerance, "slower", "faster", seconds_text, out);
  std::fprintf(out, "\n%-64s %12s %12s  after/before  interval (about 95%%)\n", "ratio", "before", "after");
  const Comparison ratios = print(ratios_of(a), ratios_of(b), pattern, tolerance, "more", "less", ratio_text, out);
  const std::string which = filter.empty() ? "" : " that matches '" + filter + "'";
  if (times.compared + ratios.compared == 0) throw UsageError("the files have no benchmark in common" + which);
  if (agree > 0 && ratios.compared == 0) throw UsageError("the files have no ratio in common" + which);
  std::fprintf(out, "\n");
  print_counts("times", times, out);
  if (ratios.compared == 0) return 0;
  print_counts("ratios", ratios, out);
  const double share = static_cast<double>(ratios.within) / ratios.compared;
  std::fprintf(out, "%.1f%% of the ratios agree within %g%%\n", 100 * share, tolerance);
  return agree > 0 && share < 0.95 ? 1 : 0;
}

} // namespace lanefold::bench
