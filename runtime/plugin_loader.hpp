// Finds plugins and opens them. No code of a plugin runs before its manifest, its owner and its permissions have been
// checked. No plugin is ever unloaded, because packed weights outlive contexts.
#pragma once

#include "runtime/manifest.hpp"
#include "runtime/trust.hpp"

#include <lanefold/plugin.h>

#include <optional>
#include <string>
#include <vector>

namespace lanefold::runtime {

// The application's log. Without one, messages are dropped.
struct Log {
  lf_log function = nullptr;
  void *self = nullptr;
  void operator()(int32_t level, const std::string &message) const {
    if (function != nullptr) function(self, level, message.c_str());
  }
};

enum class Judgement {
  usable,
  lacks_features, // the CPU or the operating system lacks what it needs
  shadowed,       // another candidate of the same name is used
  refused,        // it cannot be trusted, read or loaded
};

struct Candidate {
  Manifest manifest;
  std::string path;                          // of the module, or "built in"
  const lf_plugin_entry *built_in = nullptr; // NULL for a module
  Judgement judgement = Judgement::usable;
  bool opened = false;
  bool taken = false;
  std::string reason; // of the judgement
};

// An open plugin and its operations.
struct LoadedPlugin {
  std::string name;
  lf_kernel_table table;
};

// A folder of plugins, and who may change it.
struct PluginFolder {
  std::string path; // absolute, without links
  Trust trust;
};

// The folder "lanefold" beside this library; none if there is none.
std::optional<PluginFolder> own_plugin_folder(const Log &log);

// The absolute folders of a text like "/a:/b". Others are logged and ignored.
std::vector<PluginFolder> split_folders(const std::string &path, const Log &log);

// The built-in plugin, and then the modules of each folder in the order of their names.
std::vector<Candidate> find_candidates(const std::vector<PluginFolder> &folders);

// Opens a usable candidate and asks it for its operations. If that fails, the candidate is refused, and its reason says
// why.
std::optional<LoadedPlugin> load(Candidate &candidate, const lf_host &host);

} // namespace lanefold::runtime
