// The static library's answers to the questions of plugin_folders.hpp and modules.hpp: it opens no plugin files.
#include "runtime/modules.hpp"

namespace lanefold::runtime {

Trust trust_nobody_else() { return {.owner = 0}; }

bool opens_folders() { return false; }

PluginFolder own_plugin_folder() { return {"", trust_nobody_else()}; }

std::vector<PluginFolder> split_folders(const std::string &path, std::vector<std::string> &problems) {
  if (!path.empty()) problems.push_back("the plugin folder '" + path + "' is of no use to a static library");
  return {};
}

std::vector<Candidate> modules_in(const PluginFolder &, std::vector<std::string> &) { return {}; }

const lf_plugin_entry *open_module(Candidate &) { return nullptr; }

std::string stem_of(const std::string &name) { return name; }

std::string why_missing(const std::string &name, const PluginFolder &) {
  return "this program is linked with a liblanefold.a that lacks it; build that with "
         "-Dstatic_plugins=" LANEFOLD_STATIC_PLUGINS "," +
         name;
}

} // namespace lanefold::runtime
