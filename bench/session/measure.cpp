// Measures all cases of one process: a round of one case after the other, as the plan chooses.
#include "session.hpp"

#include "../timing/clock.hpp"
#include "../timing/machine.hpp"
#include "../timing/plan.hpp"
#include "../timing/sibling.hpp"
#include "cli/words.hpp"
#include "results.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <memory>
#include <random>

namespace lanefold::bench {
namespace {

constexpr double seconds_between_results = 10;
constexpr size_t discarded_for_a_round = 4;                     // so many discarded rounds count as one in the plan
constexpr size_t placements[placement_count] = {0, 32, 16, 48}; // of successive rounds, in bytes after a cache line

// Takes up to 8 MB of pages, so that the memory of a round does not get the pages that the round before has just freed.
// Which pages hold the packed weights of a layer that nearly fills L2 can change its time by 5%.
std::vector<char> take_pages(std::mt19937 &random) {
  constexpr size_t page = 4096, most_pages = 2048;
  return std::vector<char>(page * (random() % most_pages));
}

class CaseRunner {
public:
  CaseRunner(Setting setting, std::vector<Case> cases, double seconds)
      : setting_(std::move(setting)), cases_(std::move(cases)), seconds_(seconds), progress_(cases_.size()) {
    // With several threads, nothing tells about the other CPUs.
    const auto sibling = std::make_shared<Sibling>();
    const IsCoreShared is_core_shared = [sibling] { return sibling->is_busy(); };
    for (const Case &bench_case : cases_)
      runs_.emplace_back(setting_.threads, bench_case.ratios, setting_.threads == 1 ? is_core_shared : nullptr);
  }

  void run(const Emit &emit) {
    size_t rounds = 0;
    for (;;) {
      // Every case gets a round, however little time there is.
      const size_t i =
          rounds < cases_.size() ? rounds : next_case(progress_, seconds_ - seconds_since(begin_), seconds_);
      if (i == no_case) break;
      emit({{"begins", cases_[i].name()},
            {"seconds", seconds_since(begin_)},
            {"of", seconds_},
            {"undecided", count_undecided()}});
      measure_round(i, ++rounds, emit);
      if (seconds_since(saved_) > seconds_between_results) emit_changes(emit);
    }
    emit_changes(emit);
    for (size_t i = 0; i < cases_.size(); ++i)
      if (runs_[i].rounds() == 0 && runs_[i].discarded() > 0)
        emit({{"failed", cases_[i].name()}, {"reason", "other programs used the CPU in every repetition"}});
  }
  // The intervals of the ratios that a summary combines.
  std::vector<Interval> ratios_of(const Summary &summary) const {
    std::vector<Interval> all;
    for (size_t i = 0; i < cases_.size(); ++i) {
      if (!summary.combines(cases_[i])) continue;
      if (const auto found = results_.find(i); found != results_.end())
        for (const MeasuredRatio &measured : found->second.ratios)
          if (measured.ratio.quantity == summary.quantity && is_first(cases_[i], measured.ratio))
            all.push_back(measured.interval);
    }
    return all;
  }

private:
  static bool is_first(const Case &bench_case, const Ratio &ratio) {
    return &bench_case.subject(ratio) == &bench_case.fields();
  }

  void measure_round(size_t i, size_t number, const Emit &emit) {
    const Clock::time_point begin = Clock::now();
    Progress &progress = progress_[i];
    try {
      const std::vector<char> taken = take_pages(*lines_);
      const size_t placement = placements[runs_[i].rounds() % placement_count];
      CaseInstance instance = make_instance(setting_, cases_[i], {{placement, lines_}});
      runs_[i].measure_round(instance);
    } catch (const std::exception &error) {
      results_.erase(i), changed_.erase(i);
      progress = {{}, progress.rounds + 1, number, std::numeric_limits<double>::infinity()};
      return emit({{"failed", cases_[i].name()}, {"reason", error.what()}});
    }
    if (runs_[i].rounds() > 0) use_result(i);
    const double seconds = seconds_since(begin);
    const size_t discarded = runs_[i].discarded();
    // A case that other programs always disturb must not take all the time.
    progress.rounds = runs_[i].rounds() + discarded / discarded_for_a_round;
    const double attempts = static_cast<double>(runs_[i].rounds() + discarded);
    progress.round_seconds += (seconds - progress.round_seconds) / attempts;
    progress.last = number;
  }
  void use_result(size_t i) {
    const CaseResult &result = results_[i] = runs_[i].result();
    changed_[i] = true;
    std::vector<Goal> &goals = progress_[i].goals;
    goals.clear();
    for (const MeasuredRatio &measured : result.ratios)
      goals.push_back({measured.interval, measured.ratio.sense == Sense::none ? 0 : measured.ratio.target,
                       measured.ratio.kind == Ratio::time ? unseen_time : unseen_ratio});
    if (result.ratios.empty()) // the case is about times
      for (const Interval &time : result.seconds) goals.push_back({time, 0, unseen_time});
  }
  void emit_changes(const Emit &emit) {
    for (const auto &[i, is_changed] : changed_) emit({{"case", result_of(cases_[i], results_.at(i))}});
    changed_.clear();
    saved_ = Clock::now();
  }
  int count_undecided() const {
    int count = 0;
    for (const auto &[i, result] : results_)
      for (const MeasuredRatio &measured : result.ratios)
        count += measured.ratio.sense != Sense::none &&
                 verdict_of(measured.interval, measured.ratio.target, true) == Verdict::undecided;
    return count;
  }

  const Setting setting_;
  const std::vector<Case> cases_;
  const std::shared_ptr<std::mt19937> lines_ = std::make_shared<std::mt19937>(std::random_device{}());
  const Clock::time_point begin_ = Clock::now();
  Clock::time_point saved_ = begin_; // when results were emitted last
  const double seconds_;
  std::vector<CaseRun> runs_; // by case
  std::vector<Progress> progress_;
  std::map<size_t, CaseResult> results_;
  std::map<size_t, bool> changed_; // results that were not emitted yet
};

Interval combine(const Summary &summary, std::vector<Interval> all) {
  for (Interval &i : all)
    for (double Interval::*end : {&Interval::value, &Interval::low, &Interval::high})
      i.*end = std::max(i.*end, summary.minimum);
  if (summary.kind == Summary::geometric_mean) return geometric_mean(all);
  const auto share_of = [&](double Interval::*end) {
    const auto reached =
        std::count_if(all.begin(), all.end(), [&](const Interval &i) { return i.*end >= summary.threshold; });
    return static_cast<double>(reached) / static_cast<double>(all.size());
  };
  return {share_of(&Interval::value), share_of(&Interval::low), share_of(&Interval::high)};
}

} // namespace

std::string best_isa() { return Context().isa(); }

void check_isa(const std::string &name) {
  const std::vector<std::string> usable = usable_plugins();
  if (std::find(usable.begin(), usable.end(), name) == usable.end())
    throw UsageError("--isa: " + cli::unknown_word(name, usable));
}

List list_for(const Options &options, const std::string &isa, int threads) {
  switch (options.extent) {
  case Extent::kernels: return list_of_microkernels(isa);
  case Extent::costs: return list_of_costs(isa, options.shapes);
  default: return list_of(isa, threads);
  }
}

std::vector<Case> cases_for(const Options &options, const std::string &isa, int threads) {
  return select_cases(list_for(options, isa, threads), options.extent, options.filter);
}

Setting setting_for(const Options &options, const std::string &isa, int threads, const std::string &folder,
                    const Emit &emit) {
  pin_to(threads);
  Setting setting{isa, threads, make_context(isa, threads), {}, folder};
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
    peers["peers"].push_back({{"name", peer->name()}, {"version", peer->version()}, {"how", peer->how()}});
  for (const MissingPeer &peer : missing) peers["missing"].push_back({{"name", peer.name}, {"reason", peer.reason}});
  emit(peers);
  return setting;
}

void measure(const Options &options, Setting setting, double seconds, const Emit &emit) {
  const std::string isa = setting.isa;
  const int threads = setting.threads;
  CaseRunner runner(std::move(setting), cases_for(options, isa, threads), seconds);
  runner.run(emit);
  const List list = list_for(options, isa, threads);
  for (const Summary &summary : list.summaries) {
    const std::vector<Interval> all = runner.ratios_of(summary);
    // A summary of a part of its cases would be another number under the same name.
    const auto wanted = static_cast<size_t>(std::count_if(list.cases.begin(), list.cases.end(), summary.combines));
    if (!all.empty() && all.size() == wanted)
      emit({{"ratio",
             ratio_of(summary.quantity, summary.fields, combine(summary, all), summary.sense, summary.target)}});
  }
}

} // namespace lanefold::bench
