// The work of one process.
#include "session.hpp"

#include "../limits.hpp"
#include "../method/clock.hpp"
#include "names.hpp"

#include <algorithm>
#include <map>
#include <regex>

namespace lanefold::bench {
namespace {

std::string name_of(const Race &race, const std::string &isa, int threads) {
  return race.operation + "/isa:" + isa + (race.sizes.empty() ? "" : "/" + race.sizes) + suffix(threads);
}

// Races know their peers only when they run: these stand for all that might come.
bool matches(const std::regex &filter, const Race &race, const std::string &isa, int threads) {
  if (std::regex_search(name_of(race, isa, threads), filter)) return true;
  return std::any_of(race.ratios.begin(), race.ratios.end(),
                     [&](const Ratio &ratio) { return std::regex_search(ratio.name + "/isa:" + isa, filter); });
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

// Seconds that the next race may take.
double share(const std::vector<Race> &races, size_t next, const Options &options, double left) {
  const double patience = races[next].patience;
  if (options.extent != Extent::quick) return (options.extent == Extent::full ? 6 : 3) * patience;
  double all = 0;
  for (size_t i = next; i < races.size(); ++i) all += races[i].patience;
  return std::clamp(left * patience / all, 0.1, 4.0 * patience);
}

Json run(const Race &race, const Setting &setting, Calibration &calibration, double seconds,
         std::set<std::string> &known) {
  const Clock::time_point begin = Clock::now();
  std::vector<Field> fields;
  for (int i = 0; i < race.placements; ++i) {
    placement = static_cast<size_t>(16 * i);
    fields.push_back(race.make(setting));
  }
  placement = 0;
  RaceSetting how{setting.threads, race.cold, race.ratios, {}};
  how.effort.seconds = std::max(seconds - seconds_since(begin), 0.05);
  const Outcome outcome = bench::race(fields, how, calibration);
  Json all = lanes_of(outcome);
  all["race"] = name_of(race, setting.isa, setting.threads);
  all["isa"] = setting.isa, all["threads"] = setting.threads;
  all["benchmarks"] = rows_of(outcome, setting.threads, known);
  all["ratios"] = Json::array();
  for (const Measured &measured : outcome.ratios) all["ratios"].push_back(ratio_of(measured, setting.isa));
  return all;
}

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

std::vector<std::string> usable_isas(const std::string &name) {
  const std::vector<std::string> usable = usable_plugins();
  if (name.empty()) return {usable.front()};
  if (std::find(usable.begin(), usable.end(), name) == usable.end())
    throw Refused("--isa: " + trainer::unknown_word(name, usable));
  return {name};
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
  // Nothing that others have is made for a CPU without AVX2.
  if (isa != "portable") setting.peers = open_peers({isa, threads, options.peers, options.onnxruntime}, missing);
  Json peers = {{"isa", isa}, {"threads", threads}, {"peers", Json::array()}, {"missing", Json::array()}};
  for (const auto &peer : setting.peers)
    peers["peers"].push_back({{"name", peer->name()}, {"version", peer->version()}});
  for (const MissingPeer &peer : missing) peers["missing"].push_back({{"name", peer.name}, {"why", peer.why}});
  found(peers);
  const List list = list_of(isa, threads);
  const std::vector<Race> races = chosen(list, options, isa, threads);
  Calibration calibration(isa, threads);
  std::set<std::string> names;
  std::map<std::string, Interval> ratios;
  for (size_t i = 0; i < races.size(); ++i) {
    const std::string name = name_of(races[i], isa, threads);
    found({{"begins", name}, {"number", i + 1}, {"of", races.size()}});
    try {
      const Json all =
          run(races[i], setting, calibration, share(races, i, options, seconds - seconds_since(begin)), names);
      for (const Json &ratio : all["ratios"]) ratios[ratio["name"]] = {ratio["value"], ratio["low"], ratio["high"]};
      found(all);
    } catch (const std::exception &error) {
      found({{"failed", name}, {"why", error.what()}});
    }
  }
  for (const Summary &summary : list.summaries) summarize(summary, ratios, isa, found);
}

} // namespace lanefold::bench
