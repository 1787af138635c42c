// Searches folders for plugins, and opens them with dlopen.
#include "runtime/modules.hpp"

#include "runtime/forks.hpp"

#include <algorithm>
#include <cerrno>
#include <dirent.h>
#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <limits>
#include <link.h>
#include <memory>
#include <new>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace lanefold::runtime {
namespace {

constexpr std::string_view manifest_ending = ".manifest";
constexpr char let_read[] = "let this user read it (chmod go+rX)";
constexpr char give_to_owner[] = "let it and what leads to it belong to you or to root, and take write access from "
                                 "everyone else (chown, chmod go-w, setfacl -b)";

struct CloseFolder {
  void operator()(DIR *folder) const { closedir(folder); }
};

// Throws bad_alloc.
std::vector<std::string> stems_of_manifests(Opened &folder) {
  std::vector<std::string> stems;
  const int copy = fcntl(folder.file.number(), F_DUPFD_CLOEXEC, 0); // which closedir closes
  const std::unique_ptr<DIR, CloseFolder> list(copy < 0 ? nullptr : fdopendir(copy));
  if (list == nullptr) {
    if (errno == ENOMEM) throw std::bad_alloc();
    folder.error = errno;
    folder.problem = folder.path + " cannot be listed: " + std::generic_category().message(errno);
    if (copy >= 0) close(copy);
    return stems;
  }
  while (const dirent *entry = readdir(list.get())) {
    const std::string_view file = entry->d_name;
    if (file.size() > manifest_ending.size() && file.ends_with(manifest_ending))
      stems.emplace_back(file.substr(0, file.size() - manifest_ending.size()));
  }
  std::sort(stems.begin(), stems.end());
  return stems;
}

// What the user can do about a file or folder that cannot be opened or trusted.
const char *cure_of(const Opened &opened) {
  if (opened.error == EACCES || opened.error == EPERM) return let_read;
  if (opened.error == EMFILE || opened.error == ENFILE) return "allow more open files (ulimit -n)";
  return opened.error != 0 || opened.file.number() < 0 ? install_again : give_to_owner;
}

// Whether a module ends before the last byte that the loader would map. Reading such a module ends the process.
bool is_cut_short(int module) {
  struct stat status;
  ElfW(Ehdr) header;
  if (fstat(module, &status) != 0 || pread(module, &header, sizeof header, 0) != sizeof header ||
      header.e_phentsize != sizeof(ElfW(Phdr)))
    return false; // the loader itself refuses what does not begin like a module
  const auto size = static_cast<uint64_t>(status.st_size);
  // The table of sections ends most files. Nothing maps it, but a file without it is not whole.
  if (header.e_shoff != 0 && header.e_shoff + uint64_t{header.e_shnum} * header.e_shentsize > size) return true;
  for (uint64_t i = 0; i < header.e_phnum; ++i) {
    ElfW(Phdr) segment;
    const uint64_t offset = header.e_phoff + i * sizeof segment;
    if (offset > size || pread(module, &segment, sizeof segment, static_cast<off_t>(offset)) != sizeof segment)
      return true;
    if (segment.p_filesz > size || segment.p_offset > size - segment.p_filesz) return true;
  }
  return false;
}

// Reads a manifest even if others can write it, to name the plugin that is refused.
Candidate read_candidate(const PluginFolder &folder, const Opened &in, const std::string &stem) {
  const Opened manifest = open_file_in(in, stem + std::string(manifest_ending), folder.trust);
  const Opened module = open_file_in(in, stem + ".so", folder.trust);
  Candidate candidate;
  candidate.path = folder.path + "/" + stem + ".so";
  if (manifest.file.number() >= 0) candidate.manifest = read_manifest(manifest.file.number());
  if (candidate.manifest.name.empty()) {
    candidate.manifest.name = stem;
    candidate.manifest.priority = std::numeric_limits<int32_t>::min();
  }
  for (const Opened *opened : {&in, &manifest, &module})
    if (!opened->problem.empty()) return candidate.refuse(opened->problem, cure_of(*opened)), candidate;
  if (!candidate.manifest.problem.empty()) candidate.refuse(candidate.manifest.problem, install_again);
  else if (is_cut_short(module.file.number())) candidate.refuse(candidate.path + " is cut short", install_again);
  return candidate;
}

} // namespace

std::vector<Candidate> modules_in(const PluginFolder &folder, std::vector<std::string> &warnings) {
  std::vector<Candidate> candidates;
  if (folder.path.empty()) return candidates;
  Opened in = open_folder(folder.path, folder.trust);
  if (in.file.number() >= 0)
    for (const std::string &stem : stems_of_manifests(in)) candidates.push_back(read_candidate(folder, in, stem));
  if (in.error != 0 && in.error != ENOENT) warnings.push_back("the plugin folder " + in.problem + "; " + cure_of(in));
  return candidates;
}

const lf_plugin_entry *open_module(Candidate &candidate) {
  const NoFork no_fork;
  void *module = dlopen(candidate.path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (module == nullptr) {
    const char *error = dlerror();
    candidate.refuse(std::string("it cannot be opened: ") + (error == nullptr ? "unknown error" : error),
                     install_again);
    return nullptr;
  }
  const auto *entry = static_cast<const lf_plugin_entry *>(dlsym(module, LF_PLUGIN_ENTRY_SYMBOL));
  if (entry == nullptr) candidate.refuse("it does not export " LF_PLUGIN_ENTRY_SYMBOL, install_again);
  return entry;
}

std::string stem_of(const std::string &name) { return "lanefold-" + name; }

std::string why_missing(const std::string &name, const PluginFolder &own) {
  if (own.path.empty())
    return "the library does not know its own file, beside which its plugins lie; set LANEFOLD_PLUGIN_PATH to their "
           "folder";
  const std::string stem = own.path + "/" + stem_of(name), manifest = stem + std::string(manifest_ending);
  for (const std::string &file : {stem + ".so", manifest})
    if (access(file.c_str(), R_OK) != 0 && errno != ENOENT)
      return file + " cannot be read: " + std::generic_category().message(errno) + "; " + let_read;
  const std::string lacking = access((stem + ".so").c_str(), F_OK) == 0 ? manifest : stem + ".so";
  if (access(lacking.c_str(), F_OK) == 0) return own.path + " cannot be read; " + let_read;
  return lacking +
         " does not exist; copy it from where Lanefold was built or installed, or set LANEFOLD_PLUGIN_PATH to " +
         "the folder that has " + stem_of(name) + ".so and " + stem_of(name) + std::string(manifest_ending);
}

} // namespace lanefold::runtime
