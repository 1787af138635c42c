// All that a run has found, and results.json, which holds it.
#pragma once

#include "session.hpp"

namespace lanefold::bench {

class Record {
public:
  Record(const Options &options, const std::string &command);

  // What measure() finds.  A race that is found again, after another sitting, takes its own place.
  void add(const Json &finding);
  void set(const std::string &key, Json value) { own_[key] = std::move(value); }
  const Json &own() const { return own_; }
  Json races() const; // without their rows and ratios
  Json ratios() const;
  int failures() const { return static_cast<int>(own_["failures"].size()); }
  int gates() const; // how many verdicts there are

  // Replaces the file as a whole.  Throws std::runtime_error.
  void save(const std::string &path) const;

private:
  std::vector<Json> races_;   // as they are found, in order
  std::vector<Json> summary_; // ratios of many races
  Json own_;                  // "lanefold" without these
};

// A ratio or gate as a line: "name value [>=target ok|short] low..high".
std::string line_of(const Json &ratio);

} // namespace lanefold::bench
