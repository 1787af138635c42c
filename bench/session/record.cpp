// Beside Google Benchmark's "context" and "benchmarks" stands "lanefold", which its own tools pass over.
#include "record.hpp"

#include "cli/atomic_file.hpp"

#include <algorithm>
#include <map>
#include <system_error>

namespace lanefold::bench {

Record::Record(const Options &options, const std::string &command)
    : own_({{"format", "lanefold-bench-1"},
            {"command", command},
            {"environment", environment()},
            {"doubts", doubts()},
            {"isas", options.isas},
            {"threads", options.threads},
            {"filter", options.filter},
            {"processes", Json::array()},
            {"failures", Json::array()},
            {"interrupted", false}}) {}

void Record::add(const Json &finding) {
  if (finding.contains("race")) {
    for (Json &race : races_)
      if (race["race"] == finding["race"]) return void(race = finding);
    races_.push_back(finding);
  } else if (finding.contains("ratio")) {
    summary_.push_back(finding["ratio"]);
  } else if (finding.contains("peers")) {
    own_["processes"].push_back(finding);
  } else if (finding.contains("failed")) {
    std::erase_if(races_, [&](const Json &race) { return race["race"] == finding["failed"]; }); // of earlier sittings
    own_["failures"].push_back(finding);
  }
}

Json Record::ratios() const {
  Json all = Json::array();
  for (const Json &race : races_) all.insert(all.end(), race["ratios"].begin(), race["ratios"].end());
  for (const Json &ratio : summary_) all.push_back(ratio);
  return all;
}

int Record::gates() const {
  const Json all = ratios();
  return static_cast<int>(std::count_if(all.begin(), all.end(), [](const Json &r) { return r.contains("verdict"); }));
}

Json Record::races() const {
  Json all = Json::array();
  for (Json race : races_) {
    race.erase("benchmarks");
    race.erase("ratios");
    all.push_back(std::move(race));
  }
  return all;
}

void Record::save(const std::string &path) const {
  Json all = {{"context", benchmark_context()}, {"benchmarks", Json::array()}, {"lanefold", own_}};
  // A name has the rows of the first race that has it, and a number of its own.
  std::map<std::string, std::pair<std::string, size_t>> owners;
  for (const Json &race : races_)
    for (Json row : race["benchmarks"]) {
      const std::pair<std::string, size_t> mine{race["race"], owners.size()};
      const auto &[owner, number] = owners.try_emplace(row["run_name"], mine).first->second;
      if (owner != mine.first) continue;
      row["family_index"] = number;
      all["benchmarks"].push_back(std::move(row));
    }
  all["lanefold"]["races"] = races();
  all["lanefold"]["ratios"] = ratios();
  try {
    cli::replace_file(path, {all.dump(1, ' ', false, Json::error_handler_t::replace) + "\n"});
  } catch (const std::system_error &error) {
    throw std::runtime_error(path + ": cannot be written: " + error.code().message());
  }
}

std::string line_of(const Json &ratio) {
  char text[64];
  std::string line = ratio["name"];
  std::snprintf(text, sizeof text, " %.3f", ratio["value"].get<double>());
  line.append(text);
  if (ratio.contains("verdict")) {
    std::snprintf(text, sizeof text, " %s%.2f %s", ratio["sense"].get<std::string>().c_str(),
                  ratio["target"].get<double>(), ratio["verdict"].get<std::string>().c_str());
    line.append(text);
  }
  std::snprintf(text, sizeof text, " %.3f..%.3f", ratio["low"].get<double>(), ratio["high"].get<double>());
  return line.append(text);
}

} // namespace lanefold::bench
