// Beside Google Benchmark's "context" and "benchmarks" stands "lanefold", which its own tools pass over.
#include "record.hpp"

#include "atomic_file.hpp"

#include <system_error>

namespace lanefold::bench {

Record::Record(const Options &options, const std::string &command) {
  all_["context"] = benchmark_context();
  all_["benchmarks"] = Json::array();
  all_["lanefold"] = {{"format", "lanefold-bench-1"}, {"command", command},         {"environment", environment()},
                      {"doubts", doubts()},           {"isas", options.isas},       {"threads", options.threads},
                      {"filter", options.filter},     {"processes", Json::array()}, {"races", Json::array()},
                      {"ratios", Json::array()},      {"failures", Json::array()},  {"interrupted", false}};
}

void Record::add(const Json &finding) {
  Json &own = all_["lanefold"];
  const auto take = [&](const Json &ratio) {
    own["ratios"].push_back(ratio);
    gates_ += ratio.contains("verdict");
  };
  if (finding.contains("race")) {
    for (const Json &row : finding["benchmarks"]) all_["benchmarks"].push_back(row);
    for (const Json &ratio : finding["ratios"]) take(ratio);
    Json race = finding;
    race.erase("benchmarks");
    race.erase("ratios");
    own["races"].push_back(race);
  } else if (finding.contains("ratio")) {
    take(finding["ratio"]);
  } else if (finding.contains("peers")) {
    own["processes"].push_back(finding);
  } else if (finding.contains("failed")) {
    own["failures"].push_back(finding);
  }
}

void Record::save(const std::string &path) const {
  try {
    trainer::replace_file(path, {all_.dump(1, ' ', false, Json::error_handler_t::replace) + "\n"});
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
