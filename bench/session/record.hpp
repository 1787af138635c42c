// Collects the results of a run and writes them to results.json.
#pragma once

#include "session.hpp"

#include <nlohmann/json.hpp>

namespace lanefold::bench {

class Record {
public:
  Record(const Options &options, const std::string &command);

  // Adds what measure() emits.  A case that comes again, after another round, replaces its earlier result.
  void add(const Json &event);
  void set(const std::string &key, Json value) { own_[key] = std::move(value); }
  const Json &own() const { return own_; }
  Json cases() const; // without their rows and ratios
  Json ratios() const;
  int failures() const { return static_cast<int>(own_["failures"].size()); }

  // Replaces the file atomically.  Throws std::runtime_error.
  void save(const std::string &path) const;

private:
  std::vector<Json> cases_;     // in the order of their first round
  std::vector<Json> summaries_; // ratios over many cases
  Json own_;                    // "lanefold" without the above
};

} // namespace lanefold::bench
