// Finds plugins and opens them. Nothing of a plugin runs before its manifest, its owner and its permissions were found
// good; nothing is ever unloaded, for packed weights outlive contexts.
#pragma once

#include "runtime/manifest.hpp"

#include <lanefold/plugin.h>

#include <optional>
#include <string>
#include <vector>

namespace lanefold::runtime {

// The application's log, or silence.
struct Log {
  lf_log function = nullptr;
  void *self = nullptr;
  void operator()(int32_t level, const std::string &message) const {
    if (function != nullptr) function(self, level, message.c_str());
  }
};

enum class Judgement {
  usable,
  lacks_features, // of CPU or operating system
  shadowed,       // another candidate of that name serves
  refused,        // cannot be trusted, read or loaded
};

struct Candidate {
  Manifest manifest;
  std::string path;                          // of the module; "built in"
  const lf_plugin_entry *built_in = nullptr; // NULL: a module
  Judgement judgement = Judgement::usable;
  bool opened = false;
  bool taken = false;
  std::string reason; // of the judgement
};

// A plugin that is open, and its operations.
struct LoadedPlugin {
  std::string name;
  lf_kernel_table table;
};

// The folder "lanefold" beside this library, links resolved; "" if there is none.
std::string own_plugin_folder(const Log &log);

// The absolute folders of "/a:/b"; others are logged and left out.
std::vector<std::string> split_folders(const std::string &path, const Log &log);

// The built-in plugin, then the modules of the folders in order, in each by file name.
std::vector<Candidate> find_candidates(const std::vector<std::string> &folders);

// Opens a usable candidate and asks it for its operations. Otherwise it becomes refused, and its reason says why.
std::optional<LoadedPlugin> load(Candidate &candidate, const lf_host &host);

} // namespace lanefold::runtime
