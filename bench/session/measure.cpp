// Measures all cases of one process.
#include "session.hpp"

#include "../method/clock.hpp"
#include "cli/words.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <map>
#include <numeric>
#include <random>
#include <regex>
#include <set>

namespace lanefold::bench {
namespace {

std::string name_of(const std::string &operation, const std::string &sizes, const std::string &isa, int threads) {
  return operation + "/isa:" + isa + (sizes.empty() ? "" : "/" + sizes) + suffix(threads);
}

std::string name_of(const Case &bench_case, const std::string &isa, int threads) {
  return name_of(bench_case.operation, bench_case.sizes, isa, threads);
}

// A case learns only when it runs which peers are present, so this tries the names of all possible peers.
bool matches(const std::regex &filter, const Case &bench_case, const std::string &isa, int threads) {
  const auto found = [&](const std::string &name) { return std::regex_search(name, filter); };
  std::vector<std::string> operations = bench_case.other_operations;
  operations.push_back(bench_case.operation);
  for (const std::string &operation : operations) {
    const std::string name = name_of(operation, bench_case.sizes, isa, threads);
    if (found(name)) return true;
    for (const std::string &peer : peer_names())
      if (bench_case.with_peers && found(name + "/peer:" + peer)) return true;
  }
  return std::any_of(bench_case.ratios.begin(), bench_case.ratios.end(),
                     [&](const Ratio &ratio) { return found(ratio.name + "/isa:" + isa); });
}

bool has_gate(const Case &bench_case) {
  return std::any_of(bench_case.ratios.begin(), bench_case.ratios.end(),
                     [](const Ratio &ratio) { return ratio.sense != Sense::none; });
}

bool is_included(const Case &bench_case, Extent extent) {
  switch (extent) {
  case Extent::quick: return bench_case.extent == Extent::quick;
  case Extent::full: return bench_case.extent != Extent::gates;
  case Extent::kernels:
  case Extent::costs: return true;
  default: return bench_case.extent == Extent::gates || has_gate(bench_case);
  }
}

// How many rounds a run makes over its cases.
int rounds_of(Extent extent, int threads) {
  return extent == Extent::gates || extent == Extent::kernels ? 1 : threads > 1 ? 2 : 4;
}

// A case too large for several placements has one round.
int rounds_of(const Case &bench_case, Extent extent, int threads) {
  return bench_case.placements == 1 ? 1 : rounds_of(extent, threads);
}

Effort effort_of(double seconds, int rounds) {
  Effort effort{seconds};
  effort.min_samples = rounds == 1 ? 9 : 12 / rounds;
  effort.max_samples /= rounds;
  return effort;
}

// Runs the cases of one process, round by round, and emits their results.
class CaseRunner {
public:
  CaseRunner(const Options &options, Setting setting, std::vector<Case> cases, double seconds)
      : options_(options), setting_(std::move(setting)), cases_(std::move(cases)), end_(seconds),
        calibration_(setting_.isa, setting_.threads) {
    for (const Case &bench_case : cases_)
      runs_.emplace_back(CaseSetting{setting_.threads, bench_case.cold, bench_case.ratios});
  }

  void run(const Emit &emit) {
    std::vector<size_t> order(cases_.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::mt19937 random(1);
    int number = 0;
    for (int round = 0; round < bench::rounds_of(options_.extent, setting_.threads); ++round) {
      for (const size_t i : order) {
        const Case &bench_case = cases_[i];
        if (round >= rounds_of(bench_case) || failed_.contains(i)) continue;
        const std::string name = name_of(bench_case, setting_.isa, setting_.threads);
        emit({{"begins", name}, {"number", ++number}, {"of", count_rounds()}});
        try {
          emit(measure_round(bench_case, runs_[i], name));
        } catch (const std::exception &error) {
          failed_.insert(i);
          for (const Ratio &ratio : bench_case.ratios) ratios_.erase(ratio.name + "/isa:" + setting_.isa);
          emit({{"failed", name}, {"reason", error.what()}});
        }
      }
      std::shuffle(order.begin(), order.end(), random);
    }
  }
  const std::map<std::string, Interval> &ratios() const { return ratios_; }

private:
  int rounds_of(const Case &bench_case) const {
    return bench::rounds_of(bench_case, options_.extent, setting_.threads);
  }
  int count_rounds() const {
    int all = 0;
    for (const Case &bench_case : cases_) all += rounds_of(bench_case);
    return all;
  }

  // The seconds that this round of a case may take, its preparation included.
  double time_share(const Case &bench_case) {
    if (options_.extent != Extent::quick)
      return (options_.extent == Extent::full ? 6 : 3) * bench_case.time_weight / rounds_of(bench_case);
    if (weight_left_ == 0)
      for (const Case &each : cases_) weight_left_ += rounds_of(each) * each.time_weight;
    const double share = std::max(0.0, end_ - seconds_since(begin_)) * bench_case.time_weight / weight_left_;
    weight_left_ = std::max(weight_left_ - bench_case.time_weight, 1e-9);
    return std::clamp(share, 0.02, 2.0 * bench_case.time_weight);
  }

  Json measure_round(const Case &bench_case, CaseRun &case_run, const std::string &name) {
    const double seconds = time_share(bench_case);
    const Clock::time_point begin = Clock::now();
    std::vector<CaseInstance> instances;
    // With several threads each repetition takes longer, so there is time for two placements only.
    const int placements = setting_.threads > 1 ? std::min(bench_case.placements, 2) : bench_case.placements;
    for (int i = 0; i < placements; ++i) {
      placement = static_cast<size_t>(16 * i);
      instances.push_back(bench_case.make(setting_));
    }
    placement = 0;
    const Effort effort = effort_of(seconds, rounds_of(bench_case));
    case_run.measure_round(instances, effort, [&] { return calibration_.drift(); });
    const CaseResult result = case_run.result(effort);
    Json all = result_json(result);
    all["case"] = name, all["isa"] = setting_.isa, all["threads"] = setting_.threads;
    all["seconds"] = seconds_[name] += seconds_since(begin);
    all["benchmarks"] = rows_of(result, name, setting_.threads, owners_);
    all["ratios"] = Json::array();
    for (const MeasuredRatio &measured : result.ratios) {
      all["ratios"].push_back(ratio_of(measured, setting_.isa));
      ratios_[all["ratios"].back()["name"]] = measured.interval;
    }
    return all;
  }

  const Options &options_;
  const Setting setting_;
  const std::vector<Case> cases_;
  const Clock::time_point begin_ = Clock::now();
  const double end_;
  double weight_left_ = 0; // time_weight of all rounds still to come
  Calibration calibration_;
  std::vector<CaseRun> runs_; // by case
  std::set<size_t> failed_;
  std::map<std::string, double> seconds_;
  std::map<std::string, std::string> owners_;
  std::map<std::string, Interval> ratios_;
};

void summarize(const Summary &summary, const std::map<std::string, Interval> &known, const std::string &isa,
               const Emit &emit) {
  std::vector<Interval> all;
  for (const std::string &name : summary.of) {
    const auto at = known.find(name + "/isa:" + isa);
    if (at == known.end()) return;
    Interval i = at->second;
    if (i.value < summary.minimum) i = {summary.minimum, summary.minimum, summary.minimum};
    all.push_back(i);
  }
  Interval result{};
  if (summary.kind == Summary::geometric_mean) {
    result = geometric_mean(all);
  } else {
    const auto share_of = [&](double Interval::*end) {
      const auto reached =
          std::count_if(all.begin(), all.end(), [&](const Interval &i) { return i.*end >= summary.threshold; });
      return static_cast<double>(reached) / static_cast<double>(all.size());
    };
    result = {share_of(&Interval::value), share_of(&Interval::low), share_of(&Interval::high)};
  }
  emit({{"ratio", ratio_of(summary.name + "/isa:" + isa, result, summary.sense, summary.target)}});
}

} // namespace

std::string best_isa() { return Context().isa(); }

void check_isa(const std::string &name) {
  const std::vector<std::string> usable = usable_plugins();
  if (std::find(usable.begin(), usable.end(), name) == usable.end())
    throw UsageError("--isa: " + cli::unknown_word(name, usable));
}

std::regex pattern_of(const std::string &filter) {
  if (filter.size() > longest_name)
    throw UsageError("the filter has " + std::to_string(filter.size()) + " bytes; it may have at most " +
                     std::to_string(longest_name));
  try {
    return std::regex(filter);
  } catch (const std::regex_error &) {
    throw UsageError("the filter '" + filter + "' is not a valid regular expression");
  }
}

List list_for(const Options &options, const std::string &isa, int threads) {
  switch (options.extent) {
  case Extent::kernels: return list_of_microkernels(isa);
  case Extent::costs: return list_of_costs();
  default: return list_of(isa, threads);
  }
}

std::vector<Case> select_cases(const List &list, const Options &options, const std::string &isa, int threads) {
  const std::regex filter = pattern_of(options.filter);
  // A summary needs the ratios of all its cases.
  std::set<std::string> needed;
  for (const Summary &summary : list.summaries)
    if (options.extent == Extent::gates && std::regex_search(summary.name + "/isa:" + isa, filter))
      needed.insert(summary.of.begin(), summary.of.end());
  std::vector<Case> cases;
  for (const Case &bench_case : list.cases) {
    const bool is_needed = std::any_of(bench_case.ratios.begin(), bench_case.ratios.end(),
                                       [&](const Ratio &ratio) { return needed.contains(ratio.name); });
    if (is_needed || (is_included(bench_case, options.extent) && matches(filter, bench_case, isa, threads)))
      cases.push_back(bench_case);
  }
  return cases;
}

void measure(const Options &options, const std::string &isa, int threads, double seconds, const Emit &emit) {
  const Clock::time_point begin = Clock::now();
  pin_to(threads);
  Setting setting{isa, threads, make_context(isa, threads), {}};
  std::vector<MissingPeer> missing;
  if (isa == "portable")
    // The peers use the best instructions of this CPU, so there is nothing to compare with.
    for (const std::string &name : options.peers)
      missing.push_back({name, "it cannot be restricted to the instructions of the portable plugin"});
  else {
    const std::string modules = has_module_folder("peers") ? module_folder("peers") : "";
    setting.peers = open_peers({isa, threads, options.peers, options.onnxruntime, modules}, missing);
  }
  Json peers = {{"isa", isa}, {"threads", threads}, {"peers", Json::array()}, {"missing", Json::array()}};
  for (const auto &peer : setting.peers)
    peers["peers"].push_back({{"name", peer->name()}, {"version", peer->version()}});
  for (const MissingPeer &peer : missing) peers["missing"].push_back({{"name", peer.name}, {"reason", peer.reason}});
  emit(peers);
  const List list = list_for(options, isa, threads);
  CaseRunner runner(options, std::move(setting), select_cases(list, options, isa, threads),
                    seconds - seconds_since(begin));
  runner.run(emit);
  for (const Summary &summary : list.summaries) summarize(summary, runner.ratios(), isa, emit);
}

} // namespace lanefold::bench
