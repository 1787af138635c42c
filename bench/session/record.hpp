// All that a run has found, and results.json, which holds it.
#pragma once

#include "session.hpp"

namespace lanefold::bench {

class Record {
public:
  Record(const Options &options, const std::string &command);

  // What measure() finds.
  void add(const Json &finding);
  void set(const std::string &key, Json value) { all_["lanefold"][key] = std::move(value); }
  const Json &all() const { return all_; }
  int failures() const { return static_cast<int>(all_["lanefold"]["failures"].size()); }
  int gates() const { return gates_; }
  const Json &ratios() const { return all_["lanefold"]["ratios"]; }

  // Replaces the file as a whole.  Throws std::runtime_error.
  void save(const std::string &path) const;

private:
  Json all_;
  int gates_ = 0;
};

// A ratio or gate as a line: "name value [>=target ok|short] low..high".
std::string line_of(const Json &ratio);

} // namespace lanefold::bench
