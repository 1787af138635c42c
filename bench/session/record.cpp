// results.json has the "context" and "benchmarks" of Google Benchmark, and "lanefold", which its tools ignore.
#include "record.hpp"

#include "../timing/estimate.hpp"
#include "../timing/machine.hpp"
#include "results.hpp"

#include "cli/atomic_file.hpp"

#include <algorithm>
#include <map>
#include <system_error>

namespace lanefold::bench {

Record::Record(const Options &options, const std::string &command)
    : own_({{"format", results_format},
            {"command", command},
            {"confidence", confidence},
            {"environment", environment()},
            {"warnings", warnings()},
            {"isas", options.isas},
            {"threads", options.threads},
            {"where", options.filter.where.text()},
            {"filter", options.filter.pattern},
            {"processes", Json::array()},
            {"failures", Json::array()},
            {"interrupted", false}}) {}

void Record::add(const Json &event) {
  if (event.contains("case")) {
    const Json &result = event["case"];
    for (Json &bench_case : cases_)
      if (bench_case["name"] == result["name"]) return void(bench_case = result);
    cases_.push_back(result);
  } else if (event.contains("ratio")) {
    summaries_.push_back(event["ratio"]);
  } else if (event.contains("peers")) {
    own_["processes"].push_back(event);
  } else if (event.contains("failed")) {
    // Drop the result of earlier rounds.
    std::erase_if(cases_, [&](const Json &bench_case) { return bench_case["name"] == event["failed"]; });
    own_["failures"].push_back(event);
  }
}

Json Record::ratios() const {
  Json all = Json::array();
  for (const Json &bench_case : cases_) all.insert(all.end(), bench_case["ratios"].begin(), bench_case["ratios"].end());
  for (const Json &ratio : summaries_) all.push_back(ratio);
  return all;
}

Json Record::cases() const {
  Json all = Json::array();
  for (Json bench_case : cases_) {
    bench_case.erase("benchmarks");
    bench_case.erase("ratios");
    all.push_back(std::move(bench_case));
  }
  return all;
}

void Record::save(const std::string &path) const {
  Json all = {{"context", benchmark_context()}, {"benchmarks", Json::array()}, {"lanefold", own_}};
  // A variant that is part of several cases has the rows of the first of them.  Each name has its own family_index.
  std::map<std::string, std::pair<std::string, size_t>> owners;
  for (const Json &bench_case : cases_)
    for (Json row : bench_case["benchmarks"]) {
      const std::pair<std::string, size_t> mine{bench_case["name"], owners.size()};
      const auto &[owner, number] = owners.try_emplace(row["run_name"], mine).first->second;
      if (owner != mine.first) continue;
      row["family_index"] = number, row["per_family_instance_index"] = 0;
      all["benchmarks"].push_back(std::move(row));
    }
  all["lanefold"]["cases"] = cases();
  all["lanefold"]["ratios"] = ratios();
  try {
    cli::replace_file(path, {all.dump(1, ' ', false, Json::error_handler_t::replace) + "\n"});
  } catch (const std::system_error &error) {
    throw std::runtime_error(path + ": cannot write the file: " + error.code().message());
  }
}

} // namespace lanefold::bench
