// Selects the plugin that answers the calls, and those that stand in for operations that it lacks.
#pragma once

#include "runtime/chain.hpp"
#include "runtime/cpu.hpp"
#include "runtime/log.hpp"
#include "runtime/plugin_loader.hpp"

#include <optional>
#include <string>
#include <vector>

namespace lanefold::runtime {

struct Request {
  std::string isa;                   // name of the plugin to use; "": the best usable one
  std::string isa_source;            // who asks for it: "isa" or "LANEFOLD_ISA"
  std::vector<PluginFolder> folders; // the library's own one first
  CpuFeatures cpu;
  Log log;
};

enum class Extent {
  chosen,    // opens the chosen plugin, and those that would be better but turn out to be unusable
  everything // opens all usable plugins, so that each gets its true reason
};

struct Selection {
  lf_status status = LF_OK;
  std::string message;                // "" if status is LF_OK
  std::vector<Candidate> candidates;  // best first, judged
  std::optional<LoadedPlugin> chosen; // none if status is not LF_OK
  // That a better plugin for this CPU is missing or refused, with the file and the cure; "" if the best one is used, or if
  // a plugin is asked for by name.
  std::string shortfall;

  std::vector<std::string> warnings; // about folders

  bool is_told() const; // whether the shortfall is worth a warning
  const Candidate *taken() const;
  std::vector<Candidate> stand_ins() const;
};

Selection select(const Request &request, const lf_host &host, Extent extent);

} // namespace lanefold::runtime
