// A page has at most 40 lines of 120 columns, so it shows the worst of each kind and counts the rest.
#include "agree.hpp"

#include "../cases/where.hpp"
#include "../timing/estimate.hpp"
#include "../timing/statistics.hpp"
#include "results.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <stdexcept>

namespace lanefold::bench {
namespace {

constexpr double most_apart = 0.05;      // share of the intervals that may not overlap in a pair of runs
constexpr double wanted_undecided = 0.2; // of the gates of a quick run, at most; no error, because machines differ
constexpr size_t line_width = 120;
constexpr size_t shown_contradictions = 4, shown_undecided = 8, shown_apart = 5;

struct Measured {
  Interval interval{};
  std::optional<Verdict> verdict = {}; // of a gate
  std::string target = {};             // ">= 0.98"
};
using Results = std::map<std::string, Measured>; // of one run, by name

struct ComparedRun {
  std::string label; // its file
  std::string revision, cpu, confidence;
  Results ratios, times;
};

std::string formatted(const char *format, auto... values) {
  char text[512];
  std::snprintf(text, sizeof text, format, values...);
  return text;
}

std::string percent(double share) { return formatted("%.1f%%", 100 * share); }

// Shortens a text in its middle.
std::string clipped(const std::string &text, size_t width) {
  if (text.size() <= width) return text;
  const size_t head = (width - 3) / 2;
  return text.substr(0, head) + "..." + text.substr(text.size() - (width - 3 - head));
}

// The folder of a results.json, or the name of another file.
std::string label_of(const std::filesystem::path &file) {
  const std::filesystem::path folder = std::filesystem::absolute(file).parent_path().filename();
  return clipped((file.filename() == "results.json" ? folder : file.filename()).string(), 20);
}

Measured measured(const Json &ratio) {
  Measured result{{ratio["value"], ratio["low"], ratio["high"]}};
  if (ratio.contains("target")) {
    const double target = ratio["target"];
    const std::string sense = ratio["sense"];
    result.verdict = verdict_of(result.interval, target, sense == ">=");
    result.target = formatted("%s %.4g", sense.c_str(), target);
  }
  return result;
}

ComparedRun read_run(const std::string &file) {
  const Json all = read_results(file);
  const Json own = all.value("lanefold", Json::object());
  if (own.value("interrupted", Json(false)) == true)
    throw std::runtime_error(file + ": lanefold.interrupted: this run did not come to its end");
  const Json environment = own.value("environment", Json::object());
  ComparedRun run{label_of(file),
                  environment.value("revision", Json()).dump(),
                  environment.value("cpu", Json()).dump(),
                  own.value("confidence", Json()).dump(),
                  {},
                  {}};
  for (const Json &ratio : own.value("ratios", Json::array())) run.ratios.emplace(ratio["name"], measured(ratio));
  for (const Json &each : own.value("cases", Json::array()))
    for (const Json &variant : each["variants"]) {
      const Json &seconds = variant["seconds"];
      run.times.emplace(variant["name"], Measured{{seconds[0], seconds[1], seconds[2]}});
    }
  if (run.ratios.empty()) throw std::runtime_error(file + ": lanefold.ratios: has no ratio");
  return run;
}

std::vector<ComparedRun> read_runs(const std::vector<std::string> &files) {
  std::vector<ComparedRun> runs;
  std::set<std::string> labels;
  for (const std::string &file : files) labels.insert(runs.emplace_back(read_run(file)).label);
  if (labels.size() < runs.size())
    for (size_t i = 0; i < runs.size(); ++i) runs[i].label = "file " + std::to_string(i + 1);
  return runs;
}

bool overlap(const Interval &a, const Interval &b) { return a.low <= b.high && b.low <= a.high; }

double middle_of(std::vector<double> values) { return median_of(std::move(values)).value; }

// All runs, seen by one of the two kinds of results.
class Agreement {
public:
  Agreement(const std::vector<ComparedRun> &runs, Results ComparedRun::*kind) : runs_(runs), kind_(kind) {
    for (const ComparedRun &run : runs)
      for (const auto &[name, one] : run.*kind) values_[name].push_back(one.interval.value);
    for (size_t a = 0; a < runs.size(); ++a)
      for (size_t b = a + 1; b < runs.size(); ++b) compare(a, b);
  }

  size_t count() const { return values_.size(); }
  size_t count_common() const { // in all runs
    return static_cast<size_t>(std::count_if(values_.begin(), values_.end(),
                                             [&](const auto &each) { return each.second.size() == runs_.size(); }));
  }
  bool has_pairs() const { return !pairs_.empty(); }
  bool overlaps() const { return worst().apart <= most_apart; }

  void print_numbers(std::FILE *out) const {
    std::vector<double> shares, spreads;
    for (const Pair &pair : pairs_) shares.push_back(pair.apart);
    double contained = 0, intervals = 0;
    for (const auto &[name, values] : values_) {
      const double middle = middle_of(values);
      if (middle <= 0) continue; // a share of no case has no relative spread
      double squares = 0;
      for (const double value : values) squares += (value / middle - 1) * (value / middle - 1);
      if (values.size() > 1) spreads.push_back(std::sqrt(squares / static_cast<double>(values.size() - 1)));
      for (const ComparedRun &run : runs_)
        if (const auto at = (run.*kind_).find(name); at != (run.*kind_).end())
          ++intervals, contained += at->second.interval.low <= middle && middle <= at->second.interval.high;
    }
    std::sort(spreads.begin(), spreads.end());
    std::fprintf(out, "  overlap         %s in the worst pair (%s, %s), %s in the median pair\n",
                 percent(1 - worst().apart).c_str(), runs_[worst().a].label.c_str(), runs_[worst().b].label.c_str(),
                 percent(1 - middle_of(shares)).c_str());
    std::fprintf(out, "  coverage        %s of the intervals contain the median of the runs' values\n",
                 percent(contained / intervals).c_str());
    std::fprintf(out, "  spread          median %s, worst tenth at least %s (standard deviation between runs)\n",
                 formatted("%.2f%%", 100 * spreads[spreads.size() / 2]).c_str(),
                 formatted("%.2f%%", 100 * spreads[spreads.size() * 9 / 10]).c_str());
  }

  // The names whose intervals are apart in most pairs.
  void print_apart(const char *what, size_t shown, std::FILE *out) const {
    std::vector<std::pair<int, std::string>> worst;
    for (const auto &[name, pairs] : apart_) worst.emplace_back(-pairs, name);
    std::sort(worst.begin(), worst.end());
    if (worst.empty()) return;
    std::fprintf(out, "\n%s apart in some pair of runs: %zu\n", what, worst.size());
    for (size_t i = 0; i < std::min(shown, worst.size()); ++i) {
      const auto &values = values_.at(worst[i].second);
      const auto [low, high] = std::minmax_element(values.begin(), values.end());
      const std::string numbers =
          formatted("  %4d of %4zu pairs  %9.4g..%-9.4g  ", -worst[i].first, pairs_.size(), *low, *high);
      std::fprintf(out, "%s%s\n", numbers.c_str(), clipped(worst[i].second, line_width - numbers.size()).c_str());
    }
  }

private:
  struct Pair {
    size_t a, b;
    double apart; // share of their common names
  };

  void compare(size_t a, size_t b) {
    double common = 0, apart = 0;
    for (const auto &[name, one] : runs_[a].*kind_) {
      const auto other = (runs_[b].*kind_).find(name);
      if (other == (runs_[b].*kind_).end()) continue;
      ++common;
      if (overlap(one.interval, other->second.interval)) continue;
      ++apart, ++apart_[name];
    }
    if (common > 0) pairs_.push_back({a, b, apart / common});
    else if (kind_ == &ComparedRun::ratios)
      throw std::runtime_error(runs_[a].label + " and " + runs_[b].label + " have no ratio in common");
  }
  const Pair &worst() const {
    return *std::max_element(pairs_.begin(), pairs_.end(),
                             [](const Pair &a, const Pair &b) { return a.apart < b.apart; });
  }

  const std::vector<ComparedRun> &runs_;
  Results ComparedRun::*kind_;
  std::map<std::string, std::vector<double>> values_; // of the runs that have it
  std::map<std::string, int> apart_;                  // pairs of runs, for names that have any
  std::vector<Pair> pairs_;
};

// The verdicts on one gate.
struct GateVerdicts {
  const ComparedRun *holds = nullptr, *fails = nullptr; // a run each
  size_t runs = 0, undecided = 0;
  bool contradict() const { return holds && fails; }
};
using Gates = std::map<std::string, GateVerdicts>;

Gates gates_of(const std::vector<ComparedRun> &runs) {
  Gates gates;
  for (const ComparedRun &run : runs)
    for (const auto &[name, one] : run.ratios) {
      if (!one.verdict) continue;
      GateVerdicts &gate = gates[name];
      ++gate.runs;
      switch (*one.verdict) {
      case Verdict::holds: gate.holds = &run; break;
      case Verdict::fails: gate.fails = &run; break;
      case Verdict::undecided: ++gate.undecided; break;
      }
    }
  return gates;
}

void print_undecided(const std::vector<ComparedRun> &runs, const Gates &gates, std::FILE *out) {
  std::vector<std::pair<double, std::string>> shares;
  for (const ComparedRun &run : runs) {
    double all = 0, undecided = 0;
    for (const auto &[name, one] : run.ratios)
      if (one.verdict) ++all, undecided += *one.verdict == Verdict::undecided;
    if (all > 0) shares.emplace_back(undecided / all, run.label);
  }
  if (shares.empty()) return;
  std::sort(shares.begin(), shares.end());
  std::vector<double> values;
  for (const auto &[share, label] : shares) values.push_back(share);
  std::fprintf(out,
               "  undecided       %s of the gates in the worst run (%s), %s in the median run; at most %s is wanted\n",
               percent(shares.back().first).c_str(), shares.back().second.c_str(), percent(middle_of(values)).c_str(),
               percent(wanted_undecided).c_str());

  std::vector<std::pair<double, std::string>> most;
  for (const auto &[name, gate] : gates)
    if (gate.undecided > 0) most.emplace_back(-static_cast<double>(gate.undecided), name);
  std::sort(most.begin(), most.end());
  if (most.empty()) return;
  std::fprintf(out, "\ngates undecided in some run: %zu\n", most.size());
  for (size_t i = 0; i < std::min(shown_undecided, most.size()); ++i) {
    const std::string &name = most[i].second;
    const GateVerdicts &gate = gates.at(name);
    const auto with =
        std::find_if(runs.begin(), runs.end(), [&](const ComparedRun &run) { return run.ratios.contains(name); });
    const Measured &one = with->ratios.at(name);
    const std::string numbers = formatted("  %4zu of %4zu runs   %9.4g..%-9.4g %-8s  ", gate.undecided, gate.runs,
                                          one.interval.low, one.interval.high, one.target.c_str());
    std::fprintf(out, "%s%s\n", numbers.c_str(), clipped(name, line_width - numbers.size()).c_str());
  }
}

// Runs that differ in more than their noise cannot be expected to agree.
void print_differences(const std::vector<ComparedRun> &runs, std::FILE *out) {
  const std::pair<const char *, std::string ComparedRun::*> all[] = {
      {"revision", &ComparedRun::revision}, {"CPU", &ComparedRun::cpu}, {"confidence", &ComparedRun::confidence}};
  for (const auto &[what, member] : all) {
    const auto other = std::find_if(runs.begin(), runs.end(),
                                    [&](const ComparedRun &run) { return run.*member != runs.front().*member; });
    if (other == runs.end()) continue;
    const std::string line = formatted("  note: the runs differ in %s: %s, %s", what, (runs.front().*member).c_str(),
                                       (*other.*member).c_str());
    std::fprintf(out, "%s\n", clipped(line, line_width).c_str());
  }
}

// Returns how many there are.
size_t print_contradictions(const Gates &gates, std::FILE *out) {
  std::vector<std::string> names;
  for (const auto &[name, gate] : gates)
    if (gate.contradict()) names.push_back(name);
  std::fprintf(out, "  contradictions  %zu of %zu gates hold in one run and fail in another\n", names.size(),
               gates.size());
  for (size_t i = 0; i < std::min(shown_contradictions, names.size()); ++i) {
    const GateVerdicts &gate = gates.at(names[i]);
    const Measured &holds = gate.holds->ratios.at(names[i]), &fails = gate.fails->ratios.at(names[i]);
    std::fprintf(out, "    %s\n", clipped(names[i], line_width - 4).c_str());
    std::fprintf(out, "      holds: %.4g..%.4g in %s; fails: %.4g..%.4g in %s; target %s\n", holds.interval.low,
                 holds.interval.high, gate.holds->label.c_str(), fails.interval.low, fails.interval.high,
                 gate.fails->label.c_str(), holds.target.c_str());
  }
  return names.size();
}

} // namespace

int report_agreement(const std::vector<std::string> &files, std::FILE *out) {
  if (files.size() < 2)
    throw UsageError("agree takes two or more files of results, not " + std::to_string(files.size()));
  const std::vector<ComparedRun> runs = read_runs(files);
  const Agreement ratios(runs, &ComparedRun::ratios), times(runs, &ComparedRun::times);
  const Gates gates = gates_of(runs);
  std::fprintf(out, "%zu runs, %zu ratios, %zu of them gates", runs.size(), ratios.count(), gates.size());
  if (ratios.count_common() < ratios.count()) std::fprintf(out, "; %zu are in every run", ratios.count_common());
  std::fprintf(out, "\n");
  print_differences(runs, out);
  ratios.print_numbers(out);
  const size_t contradictions = print_contradictions(gates, out);
  print_undecided(runs, gates, out);
  ratios.print_apart("ratios", shown_apart, out);
  if (times.has_pairs()) {
    std::fprintf(out, "\n%zu times, which drift with the machine and decide nothing\n", times.count());
    times.print_numbers(out);
  }
  const bool agree = ratios.overlaps() && contradictions == 0;
  std::fprintf(out,
               "\nThe runs %s: in each pair 95%% of the ratios have to overlap, and no gate may hold in one and fail "
               "in another.\n",
               agree ? "agree" : "do not agree");
  return agree ? 0 : 1;
}

} // namespace lanefold::bench
