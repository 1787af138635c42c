// A difference is real where the intervals leave no doubt and it is larger than what two runs of one program differ by.
#include "compare.hpp"

#include "../method/results.hpp"
#include "session.hpp"

#include <cmath>
#include <cstdio>
#include <map>
#include <optional>
#include <regex>

namespace lanefold::bench {
namespace {

constexpr double alike = 0.03; // what runs of one program on one quiet machine differ by

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
    auto &list = samples[name];
    if (list.empty()) order.push_back(name);
    list.push_back(row["real_time"].get<double>() * seconds_per(row.value("time_unit", "ns")));
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

// Of a quotient of two times, the later one above.
const char *verdict(const Interval &i, const char *more, const char *less) {
  if (i.low > 1 && i.value > 1 + alike) return more;
  if (i.high < 1 && i.value < 1 / (1 + alike)) return less;
  return i.low > 1 / (1 + alike) && i.high < 1 + alike ? "same" : "not sure";
}

std::string seconds_text(double seconds) {
  char text[32];
  const double nanoseconds = seconds * 1e9;
  if (nanoseconds < 1e4) std::snprintf(text, sizeof text, "%.1f ns", nanoseconds);
  else if (nanoseconds < 1e7) std::snprintf(text, sizeof text, "%.1f us", nanoseconds / 1e3);
  else std::snprintf(text, sizeof text, "%.1f ms", nanoseconds / 1e6);
  return text;
}

std::string figure_text(double figure) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3f", figure);
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
    std::fprintf(out, "%-64s %12s %12s  %.3f  %.3f..%.3f  %s\n", name.c_str(), text(a.value).c_str(),
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

int compare(const std::string &before, const std::string &after, const std::string &filter, double agree,
            std::FILE *out) {
  const Json a = read_results(before), b = read_results(after);
  const std::regex chosen(filter);
  const double tolerance = agree > 0 ? agree : 100 * alike;
  std::fprintf(out, "%-64s %12s %12s  ratio  interval (about 95%%)\n", "time", "before", "after");
  const Comparison times = print(times_of(a), times_of(b), chosen, tolerance, "slower", "faster", seconds_text, out);
  std::fprintf(out, "\n%-64s %12s %12s  ratio  interval (about 95%%)\n", "figure", "before", "after");
  const Comparison ratios = print(ratios_of(a), ratios_of(b), chosen, tolerance, "more", "less", figure_text, out);
  const std::string which = filter.empty() ? "" : " that matches '" + filter + "'";
  if (times.compared + ratios.compared == 0) throw Refused("the files have no benchmark in common" + which);
  if (agree > 0 && ratios.compared == 0) throw Refused("the files have no figure in common" + which);
  std::fprintf(out, "\n");
  print_counts("times", times, out);
  if (ratios.compared == 0) return 0;
  print_counts("figures", ratios, out);
  const double share = static_cast<double>(ratios.within) / ratios.compared;
  std::fprintf(out, "%.1f%% of the figures are within %g%% of each other\n", 100 * share, tolerance);
  return agree > 0 && share < 0.95 ? 1 : 0;
}

} // namespace lanefold::bench
