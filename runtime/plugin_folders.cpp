// Finds this library's own file, and splits lists of folders.
#include "runtime/plugin_folders.hpp"

#include <algorithm>
#include <cstdint>
#include <dlfcn.h>
#include <fstream>
#include <sstream>
#include <sys/stat.h>

namespace lanefold::runtime {
namespace {

// The file that is mapped at an address, as the system knows it; "" if it is not known. The loader's own name of a
// library is relative if the path was, and the current folder may have changed since.
std::string mapped_file(const void *address) {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    std::istringstream fields(line);
    uintptr_t begin = 0, end = 0;
    char dash = 0;
    fields >> std::hex >> begin >> dash >> end;
    const auto at = reinterpret_cast<uintptr_t>(address);
    if (at < begin || at >= end) continue;
    const std::size_t slash = line.find('/');
    return slash == std::string::npos ? "" : line.substr(slash);
  }
  return "";
}

// What is wrong with a folder that somebody named; "" if nothing is.
std::string problem_of(const std::string &folder) {
  struct stat status;
  if (!folder.starts_with('/')) return "is not an absolute path";
  if (stat(folder.c_str(), &status) != 0) return "does not exist or cannot be reached";
  return S_ISDIR(status.st_mode) ? "" : "is not a folder";
}

} // namespace

bool opens_folders() { return true; }

PluginFolder own_plugin_folder() {
  // The address of a public function would not do. It may lie in the program, if that is not position-independent.
  static const char inside_this_library = 0;
  Dl_info library;
  std::string file = dladdr(&inside_this_library, &library) == 0 ? "" : library.dli_fname;
  if (!file.starts_with('/')) file = mapped_file(&inside_this_library);
  const std::string real = file.empty() ? "" : resolve(file);
  if (real.empty()) return {"", trust_nobody_else()};
  const std::string folder = real.substr(0, real.rfind('/') + 1) + "lanefold", resolved = resolve(folder);
  return {resolved.empty() ? folder : resolved, trust_as_library(real)};
}

std::vector<PluginFolder> split_folders(const std::string &path, std::vector<std::string> &problems) {
  std::vector<PluginFolder> folders;
  for (std::size_t begin = 0; begin < path.size();) {
    const std::size_t end = std::min(path.find(':', begin), path.size());
    const std::string folder = path.substr(begin, end - begin);
    begin = end + 1;
    if (folder.empty()) continue;
    const std::string problem = problem_of(folder);
    if (problem.empty()) folders.push_back({folder, trust_nobody_else()});
    else problems.push_back("the plugin folder '" + folder + "' " + problem);
  }
  return folders;
}

} // namespace lanefold::runtime
