// Lists the plugins that there are, and asks them for their operations.
#pragma once

#include "runtime/candidate.hpp"
#include "runtime/plugin_folders.hpp"

#include <optional>
#include <string>
#include <vector>

namespace lanefold::runtime {

// An open plugin and its operations.
struct LoadedPlugin {
  std::string name;
  lf_kernel_table table;
};

// The built-in plugins, and then the modules of each folder in the order of their names. folders: the library's own first.
// What is wrong with a folder is added to `warnings`.
std::vector<Candidate> find_candidates(const std::vector<PluginFolder> &folders, std::vector<std::string> &warnings);

// Opens a usable candidate and asks it for its operations. If that fails, the candidate is refused, and its reason says
// why.
std::optional<LoadedPlugin> load(Candidate &candidate, const lf_host &host);

} // namespace lanefold::runtime
