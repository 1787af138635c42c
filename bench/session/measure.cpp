// The work of one process.
#include "session.hpp"

#include "../method/clock.hpp"
#include "cli/words.hpp"

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

std::string name_of(const Race &race, const std::string &isa, int threads) {
  return name_of(race.operation, race.sizes, isa, threads);
}

// Races know their peers only when they run: these stand for all that might come.
bool matches(const std::regex &filter, const Race &race, const std::string &isa, int threads) {
  const auto found = [&](const std::string &name) { return std::regex_search(name, filter); };
  std::vector<std::string> operations = race.others;
  operations.push_back(race.operation);
  for (const std::string &operation : operations) {
    const std::string name = name_of(operation, race.sizes, isa, threads);
    if (found(name)) return true;
    for (const std::string &peer : peer_names())
      if (race.with_peers && found(name + "/peer:" + peer)) return true;
  }
  return std::any_of(race.ratios.begin(), race.ratios.end(),
                     [&](const Ratio &ratio) { return found(ratio.name + "/isa:" + isa); });
}

bool has_gate(const Race &race) {
  return std::any_of(race.ratios.begin(), race.ratios.end(),
                     [](const Ratio &ratio) { return ratio.sense != Sense::none; });
}

bool in_extent(const Race &race, Extent extent) {
  switch (extent) {
  case Extent::quick: return race.part == Part::quick;
  case Extent::full: return race.part != Part::gates;
  default: return race.part == Part::gates || has_gate(race);
  }
}

// How often the list is gone through: each time other memory and another minute.
int sittings_of(Extent extent, int threads) { return extent == Extent::gates ? 1 : threads > 1 ? 2 : 4; }

// What is too large for several placements has one sitting.
int sittings_of(const Race &race, Extent extent, int threads) {
  return race.placements == 1 ? 1 : sittings_of(extent, threads);
}

Effort effort_of(double seconds, int sittings) {
  Effort effort{seconds};
  effort.least = sittings == 1 ? 9 : 12 / sittings;
  effort.most /= sittings;
  return effort;
}

// One process's races and what came of them.
class Races {
public:
  Races(const Options &options, Setting setting, std::vector<Race> races, double seconds)
      : options_(options), setting_(std::move(setting)), races_(std::move(races)), end_(seconds),
        calibration_(setting_.isa, setting_.threads) {
    for (const Race &race : races_) contests_.emplace_back(RaceSetting{setting_.threads, race.cold, race.ratios});
  }

  void run(const Emit &found) {
    std::vector<size_t> order(races_.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::mt19937 random(1);
    int number = 0;
    for (int sitting = 0; sitting < bench::sittings_of(options_.extent, setting_.threads); ++sitting) {
      for (const size_t i : order) {
        const Race &race = races_[i];
        if (sitting >= sittings_of(race) || failed_.contains(i)) continue;
        const std::string name = name_of(race, setting_.isa, setting_.threads);
        found({{"begins", name}, {"number", ++number}, {"of", count()}});
        try {
          found(sit(race, contests_[i], name));
        } catch (const std::exception &error) {
          failed_.insert(i);
          for (const Ratio &ratio : race.ratios) ratios_.erase(ratio.name + "/isa:" + setting_.isa);
          found({{"failed", name}, {"why", error.what()}});
        }
      }
      std::shuffle(order.begin(), order.end(), random);
    }
  }
  const std::map<std::string, Interval> &ratios() const { return ratios_; }

private:
  int sittings_of(const Race &race) const { return bench::sittings_of(race, options_.extent, setting_.threads); }
  int count() const {
    int all = 0;
    for (const Race &race : races_) all += sittings_of(race);
    return all;
  }

  // Seconds that this sitting of a race may take, what it takes to make it included.
  double share(const Race &race) {
    if (options_.extent != Extent::quick)
      return (options_.extent == Extent::full ? 6 : 3) * race.patience / sittings_of(race);
    if (left_ == 0)
      for (const Race &each : races_) left_ += sittings_of(each) * each.patience;
    const double part = std::max(0.0, end_ - seconds_since(begin_)) * race.patience / left_;
    left_ = std::max(left_ - race.patience, 1e-9);
    return std::clamp(part, 0.02, 2.0 * race.patience);
  }

  Json sit(const Race &race, Contest &contest, const std::string &name) {
    const double seconds = share(race);
    const Clock::time_point begin = Clock::now();
    std::vector<Field> fields;
    // Several threads take their time at each turn.
    const int placements = setting_.threads > 1 ? std::min(race.placements, 2) : race.placements;
    for (int i = 0; i < placements; ++i) {
      placement = static_cast<size_t>(16 * i);
      fields.push_back(race.make(setting_));
    }
    placement = 0;
    const Effort effort = effort_of(seconds, sittings_of(race));
    contest.sit(fields, effort, calibration_);
    const Outcome outcome = contest.outcome(effort);
    Json all = lanes_of(outcome);
    all["race"] = name, all["isa"] = setting_.isa, all["threads"] = setting_.threads;
    all["took"] = took_[name] += seconds_since(begin);
    all["benchmarks"] = rows_of(outcome, name, setting_.threads, owners_);
    all["ratios"] = Json::array();
    for (const Measured &measured : outcome.ratios) {
      all["ratios"].push_back(ratio_of(measured, setting_.isa));
      ratios_[all["ratios"].back()["name"]] = measured.interval;
    }
    return all;
  }

  const Options &options_;
  const Setting setting_;
  const std::vector<Race> races_;
  const Clock::time_point begin_ = Clock::now();
  const double end_;
  double left_ = 0; // patience of all sittings that are to come
  Calibration calibration_;
  std::vector<Contest> contests_;
  std::set<size_t> failed_;
  std::map<std::string, double> took_;
  std::map<std::string, std::string> owners_;
  std::map<std::string, Interval> ratios_;
};

void summarize(const Summary &summary, const std::map<std::string, Interval> &known, const std::string &isa,
               const Emit &found) {
  std::vector<Interval> all;
  for (const std::string &name : summary.of) {
    const auto at = known.find(name + "/isa:" + isa);
    if (at == known.end()) return;
    Interval i = at->second;
    if (i.value < summary.least) i = {summary.least, summary.least, summary.least};
    all.push_back(i);
  }
  Interval result{};
  if (summary.kind == Summary::geometric_mean) {
    result = geometric_mean(all);
  } else {
    const auto share_of = [&](double Interval::*end) {
      const auto won =
          std::count_if(all.begin(), all.end(), [&](const Interval &i) { return i.*end >= summary.threshold; });
      return static_cast<double>(won) / static_cast<double>(all.size());
    };
    result = {share_of(&Interval::value), share_of(&Interval::low), share_of(&Interval::high)};
  }
  found({{"ratio", ratio_of(summary.name + "/isa:" + isa, result, summary.sense, summary.target)}});
}

} // namespace

std::string best_isa() { return Context().isa(); }

void check_isa(const std::string &name) {
  const std::vector<std::string> usable = usable_plugins();
  if (std::find(usable.begin(), usable.end(), name) == usable.end())
    throw Refused("--isa: " + cli::unknown_word(name, usable));
}

std::vector<Race> chosen(const List &list, const Options &options, const std::string &isa, int threads) {
  const std::regex filter(options.filter);
  // A figure of many races asks for all of them.
  std::set<std::string> asked;
  for (const Summary &summary : list.summaries)
    if (options.extent == Extent::gates && std::regex_search(summary.name + "/isa:" + isa, filter))
      asked.insert(summary.of.begin(), summary.of.end());
  std::vector<Race> races;
  for (const Race &race : list.races) {
    const bool part_of_asked = std::any_of(race.ratios.begin(), race.ratios.end(),
                                           [&](const Ratio &ratio) { return asked.contains(ratio.name); });
    if (part_of_asked || (in_extent(race, options.extent) && matches(filter, race, isa, threads)))
      races.push_back(race);
  }
  return races;
}

void measure(const Options &options, const std::string &isa, int threads, double seconds, const Emit &found) {
  const Clock::time_point begin = Clock::now();
  pin_to(threads);
  Setting setting{isa, threads, make_context(isa, threads), {}};
  std::vector<MissingPeer> missing;
  if (isa == "portable")
    // What others have takes the best instructions that there are.
    for (const std::string &name : options.peers)
      missing.push_back({name, "it cannot be held to what portable may use"});
  else setting.peers = open_peers({isa, threads, options.peers, options.onnxruntime, module_folder("peers")}, missing);
  Json peers = {{"isa", isa}, {"threads", threads}, {"peers", Json::array()}, {"missing", Json::array()}};
  for (const auto &peer : setting.peers)
    peers["peers"].push_back({{"name", peer->name()}, {"version", peer->version()}});
  for (const MissingPeer &peer : missing) peers["missing"].push_back({{"name", peer.name}, {"why", peer.why}});
  found(peers);
  const List list = list_of(isa, threads);
  Races races(options, std::move(setting), chosen(list, options, isa, threads), seconds - seconds_since(begin));
  races.run(found);
  for (const Summary &summary : list.summaries) summarize(summary, races.ratios(), isa, found);
}

} // namespace lanefold::bench
