// A line has at most 100 columns unless a name is longer.
#include "page.hpp"

#include "../timing/statistics.hpp"

#include "cli/words.hpp"

#include <algorithm>
#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <map>

namespace lanefold::bench {
namespace {

constexpr size_t most_named = 12;        // gates of one verdict
constexpr double notable_sharing = 0.05; // of the repetitions on one thread
constexpr double least_whole = 100;      // numbers from here on are written without digits after the point
constexpr size_t label_width = 46, cell_width = 26, cells_of_a_line = 2;

std::string format(const char *pattern, ...) {
  char text[256];
  va_list arguments;
  va_start(arguments, pattern);
  std::vsnprintf(text, sizeof text, pattern, arguments);
  va_end(arguments);
  return text;
}

// ---------------------------------------------------------------------------------------------------------- figures

// How a figure is written: its unit, the factor to that unit, and digits after the point.
struct Unit {
  const char *name;
  double factor, offset;
  int digits;
};
constexpr Unit microseconds{" us", 1e6, 0, 1}, percent_more{"%", 100, -1, 1}, percent_of_peak{"%", 100, 0, 1};

// A figure that matters.  Its value is that of a variant, or of a ratio if it has a quantity.
struct Figure {
  const char *label, *quantity, *where;
  Unit unit;
};

constexpr Figure figures[] = {
    {"Training step, 200 samples, BN + ELU", "", "op=step bn=true peer=none", microseconds},
    {"... more time than with ReLU and without BN", "over-relu", "op=step bn=true", percent_more},
    {"BN + ELU beyond product 200x300x784, forward", "over-alone",
     "op=dense form=fused pass=training bn=true activation=elu m=200 n=300 k=784", percent_more},
    {"Folded network, 1 sample", "", "op=infer m=1 cold=false peer=none", microseconds},
    {"Product 200x300x784, share of the FMA peak", "of-peak", "family=gemm transpose=nn form=none m=200 n=300 k=784",
     percent_of_peak},
};

struct Found {
  Interval interval;
  bool is_known;
};

// The first entry of this instruction set and number of threads that the figure is about.
Found find(const Record &record, const Figure &figure, const std::string &isa, int64_t threads) {
  const Where where(figure.where);
  const auto matches = [&](const Json &entry) {
    const Fields fields = fields_of(entry);
    return fields.isa == isa && fields.threads == threads && where.holds(fields);
  };
  if (*figure.quantity) {
    for (const Json &ratio : record.ratios())
      if (ratio["quantity"] == figure.quantity && matches(ratio))
        return {{ratio["value"], ratio["low"], ratio["high"]}, true};
    return {{}, false};
  }
  for (const Json &bench_case : record.cases())
    for (const Json &variant : bench_case["variants"])
      if (matches(variant)) {
        const Json &seconds = variant["seconds"];
        return {{seconds[0], seconds[1], seconds[2]}, true};
      }
  return {{}, false};
}

std::string cell_of(const Found &found, const Unit &unit) {
  if (!found.is_known) return "-";
  const auto number = [&](double value, bool signs) {
    const double shown = unit.factor * (value + unit.offset);
    return format(signs ? "%+.*f" : "%.*f", std::fabs(shown) < least_whole ? unit.digits : 0, shown);
  };
  const bool signs = unit.offset != 0;
  const Interval &i = found.interval;
  return number(i.value, signs) + unit.name + " (" + number(i.low, signs) + " to " + number(i.high, signs) + ")";
}

struct Process {
  std::string isa;
  int64_t threads;
  std::string head() const { return isa + ", " + std::to_string(threads) + (threads == 1 ? " thread" : " threads"); }
};

std::vector<Process> processes_of(const Record &record) {
  std::vector<Process> processes;
  for (const Json &isa : record.own()["isas"])
    for (const Json &threads : record.own()["threads"]) processes.push_back({isa, threads});
  return processes;
}

std::string trimmed(std::string text) {
  text.erase(text.find_last_not_of(' ') + 1);
  return text;
}

std::string padded(std::string text, size_t width) {
  text.resize(std::max(width, text.size() + 1), ' ');
  return text;
}

void add_figures(std::vector<std::string> &lines, const Record &record) {
  const std::vector<Process> processes = processes_of(record);
  for (size_t begin = 0; begin < processes.size(); begin += cells_of_a_line) {
    const size_t end = std::min(begin + cells_of_a_line, processes.size());
    std::string head = padded("value (99.9% interval)", label_width);
    for (size_t c = begin; c < end; ++c) head += padded(processes[c].head(), cell_width);
    std::vector<std::string> rows;
    for (const Figure &figure : figures) {
      std::string row = padded(figure.label, label_width);
      bool is_known = false;
      for (size_t c = begin; c < end; ++c) {
        const Found found = find(record, figure, processes[c].isa, processes[c].threads);
        is_known = is_known || found.is_known;
        row += padded(cell_of(found, figure.unit), cell_width);
      }
      if (is_known) rows.push_back(trimmed(row));
    }
    if (rows.empty()) continue;
    lines.push_back(trimmed(head));
    lines.insert(lines.end(), rows.begin(), rows.end());
    lines.push_back("");
  }
}

// --------------------------------------------------------------------------------------------------------- verdicts

std::vector<Json> gates_of(const Record &record) {
  std::vector<Json> gates;
  for (const Json &ratio : record.ratios())
    if (ratio.contains("verdict")) gates.push_back(ratio);
  return gates;
}

constexpr const char *verdicts[] = {"holds", "fails", "undecided"};

void add_verdicts(std::vector<std::string> &lines, const Record &record) {
  const std::vector<Json> gates = gates_of(record);
  if (gates.empty()) return;
  std::vector<std::string> families;
  std::map<std::string, std::map<std::string, int>> counts;
  for (const Json &gate : gates) {
    const std::string family = gate["family"];
    if (std::find(families.begin(), families.end(), family) == families.end()) families.push_back(family);
    ++counts[family][gate["verdict"]], ++counts["all"][gate["verdict"]];
  }
  families.push_back("all");
  lines.push_back(padded("Gates", 14) + format("%10s %10s %10s", verdicts[0], verdicts[1], verdicts[2]));
  for (const std::string &family : families)
    lines.push_back(padded(family, 14) + format("%10d %10d %10d", counts[family][verdicts[0]],
                                                counts[family][verdicts[1]], counts[family][verdicts[2]]));
  lines.push_back("");
  for (const char *verdict : {"fails", "undecided"}) {
    const int count = counts["all"][verdict];
    if (count == 0) continue;
    lines.push_back(std::string(verdict) + ":");
    size_t named = 0;
    for (const Json &gate : gates)
      if (gate["verdict"] == verdict && named++ < most_named) lines.push_back("  " + line_of(gate));
    if (named > most_named) lines.push_back("  ... and " + std::to_string(named - most_named) + " more");
    lines.push_back("");
  }
}

// ------------------------------------------------------------------------------------------------------------- what

void add_heading(std::vector<std::string> &lines, const Record &record) {
  const Json &own = record.own(), &environment = own["environment"];
  const auto text = [&](const char *key) { return environment[key].get<std::string>(); };
  const std::string cpu = text("cpu");
  lines.push_back("Lanefold " + text("lanefold") + " (" + text("revision") + ", " + text("compiler") + ") on " +
                  cpu.substr(0, cpu.find(':')) + (environment["virtual"] == true ? ", a virtual machine" : ""));
  std::vector<std::string> peers, missing;
  for (const Json &process : own["processes"]) {
    for (const Json &peer : process["peers"]) {
      const std::string name = peer["name"].get<std::string>() + " " + peer["version"].get<std::string>();
      if (std::find(peers.begin(), peers.end(), name) == peers.end()) peers.push_back(name);
    }
    for (const Json &peer : process["missing"]) {
      const std::string name = peer["name"];
      if (std::find(missing.begin(), missing.end(), name) == missing.end()) missing.push_back(name);
    }
  }
  if (!peers.empty()) lines.push_back("compared with " + cli::list(peers));
  if (!missing.empty()) lines.push_back("not compared with " + cli::list(missing));
  int64_t rounds = 0, discarded = 0, cases = 0, alone = 0; // alone: on one thread
  double shared_core = 0;
  for (const Json &bench_case : record.cases()) {
    rounds += bench_case["rounds"].get<int64_t>(), discarded += bench_case["discarded"].get<int64_t>();
    ++cases;
    if (const auto share = bench_case.find("shared_core"); share != bench_case.end())
      shared_core += share->get<double>(), ++alone;
  }
  std::string counts =
      format("%lld cases in %lld rounds", static_cast<long long>(cases), static_cast<long long>(rounds));
  if (discarded > 0)
    counts +=
        format("; %lld others were discarded, because other programs used the CPUs", static_cast<long long>(discarded));
  lines.push_back(counts);
  if (shared_core > notable_sharing * static_cast<double>(alone))
    lines.push_back(
        format("in at least %.0f%% of the repetitions on one thread, another program used the same core (SMT)",
               100 * shared_core / static_cast<double>(alone)));
  lines.push_back("");
}

} // namespace

std::vector<std::string> page_of(const Record &record) {
  std::vector<std::string> lines;
  add_heading(lines, record);
  add_figures(lines, record);
  add_verdicts(lines, record);
  return lines;
}

std::string line_of(const Json &ratio) {
  std::string line = ratio["name"].get<std::string>() + format(" %.3f", ratio["value"].get<double>());
  if (ratio.contains("verdict"))
    line += format(" %s%.2f %s", ratio["sense"].get<std::string>().c_str(), ratio["target"].get<double>(),
                   ratio["verdict"].get<std::string>().c_str());
  return line + format(" %.3f..%.3f", ratio["low"].get<double>(), ratio["high"].get<double>());
}

} // namespace lanefold::bench
