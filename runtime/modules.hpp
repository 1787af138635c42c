// Plugins in files of their own. No code of a plugin runs before its manifest, its owner and its permissions have been
// checked. No module is ever unloaded, because packed weights outlive contexts.
#pragma once

#include "runtime/candidate.hpp"
#include "runtime/plugin_folders.hpp"

#include <string>
#include <vector>

namespace lanefold::runtime {

// The modules of a folder in the order of their names, judged by what their files are. If the folder is there but cannot
// be read, this is added to `warnings`.
std::vector<Candidate> modules_in(const PluginFolder &folder, std::vector<std::string> &warnings);

// Returns the entry of a module. On an error it returns NULL, and the candidate is refused.
const lf_plugin_entry *open_module(Candidate &candidate);

// The stem of the files of a plugin that comes with the library: "lanefold-avx2".
std::string stem_of(const std::string &name);

// Why a plugin that comes with the library is not among the candidates, and what to do about it: "REASON; CURE".
std::string why_missing(const std::string &name, const PluginFolder &own);

} // namespace lanefold::runtime
