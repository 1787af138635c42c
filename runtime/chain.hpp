// The plugins that answer the calls on a context: the chosen one, and its stand-ins for operations that it lacks.
#pragma once

#include "runtime/log.hpp"
#include "runtime/plugin_loader.hpp"

#include <mutex>
#include <vector>

namespace lanefold::runtime {

class Chain {
public:
  // stand_ins: in the order in which they are asked, portable last. They are opened when a call first needs them.
  Chain(LoadedPlugin chosen, std::vector<Candidate> stand_ins, const Log &log)
      : chosen_(std::move(chosen)), candidates_(std::move(stand_ins)), log_(log) {}

  const LoadedPlugin &chosen() const { return chosen_; }

  // [thread-safe]
  const std::vector<LoadedPlugin> &stand_ins(const lf_host &host) {
    std::call_once(opened_, [&] { open(host); });
    return stand_ins_;
  }

private:
  void open(const lf_host &host) {
    std::vector<std::string> warnings;
    stand_ins_.clear(); // of an attempt that ran out of memory
    for (Candidate &candidate : candidates_) {
      if (auto plugin = load(candidate, host)) stand_ins_.push_back(std::move(*plugin));
      else
        warnings.push_back(candidate.title() + " is not used for what " + chosen_.name +
                           " lacks: " + candidate.explanation());
    }
    log_.warn(warnings);
  }

  const LoadedPlugin chosen_;
  std::vector<Candidate> candidates_;
  const Log log_;
  std::once_flag opened_;
  std::vector<LoadedPlugin> stand_ins_;
};

} // namespace lanefold::runtime
