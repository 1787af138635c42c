// Where plugins are searched, and who is trusted with them.
#pragma once

#include "runtime/log.hpp"
#include "runtime/trust.hpp"

#include <string>
#include <vector>

namespace lanefold::runtime {

// A folder of plugins, and who may change it.
struct PluginFolder {
  std::string path; // absolute; it may not exist
  Trust trust;
};

// Whether this library searches folders for plugins. The static one does not.
bool opens_folders();

// The folder "lanefold" beside this library; its path is "" if that of the library is not known.
PluginFolder own_plugin_folder();

// The absolute folders of a text like "/a:/b". What is wrong with the others is added to `problems`.
std::vector<PluginFolder> split_folders(const std::string &path, std::vector<std::string> &problems);

} // namespace lanefold::runtime
