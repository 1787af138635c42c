// Selects the plugin that answers the calls, and those that stand in for operations that it lacks.
#pragma once

#include "runtime/cpu.hpp"
#include "runtime/plugin_loader.hpp"

#include <string>
#include <vector>

namespace lanefold::runtime {

struct Request {
  std::string isa;        // name of the plugin to use; "": the best usable one
  std::string isa_source; // who asks for it: "isa" or "LANEFOLD_ISA"
  std::vector<PluginFolder> folders;
  CpuFeatures cpu;
  Log log;
};

enum class Extent {
  needed,    // opens the chosen plugin, and those that stand in for operations that it lacks
  everything // opens all usable plugins, so that each gets its true reason
};

struct Selection {
  lf_status status = LF_OK;
  std::string message;               // "" if status is LF_OK
  std::vector<Candidate> candidates; // best first, judged
  std::vector<LoadedPlugin> chain;   // the chosen plugin, its stand-ins and portable; empty if status is not LF_OK
};

Selection select(const Request &request, const lf_host &host, Extent extent);

} // namespace lanefold::runtime
