// Searches folders for plugins, and opens them with dlopen.
#include "runtime/plugin_loader.hpp"

#include "runtime/cpu.hpp"
#include "runtime/trust.hpp"

#include <algorithm>
#include <dlfcn.h>
#include <elf.h>
#include <filesystem>
#include <fstream>
#include <limits>
#include <link.h>
#include <sstream>
#include <sys/stat.h>
#include <unistd.h>

namespace lanefold::runtime {
namespace {

constexpr std::string_view manifest_ending = ".manifest";

std::vector<std::string> stems_of_manifests(const std::string &folder) {
  std::vector<std::string> stems;
  std::error_code error;
  for (std::filesystem::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const std::string file = it->path().filename().string();
    if (file.size() > manifest_ending.size() && file.ends_with(manifest_ending))
      stems.push_back(file.substr(0, file.size() - manifest_ending.size()));
  }
  std::sort(stems.begin(), stems.end());
  return stems;
}

void refuse(Candidate &candidate, const std::string &reason) {
  candidate.judgement = Judgement::refused;
  candidate.reason = reason;
}

// Whether a module ends before the last byte that the loader would map. Reading such a module ends the process.
bool is_cut_short(int module) {
  struct stat status;
  ElfW(Ehdr) header;
  if (fstat(module, &status) != 0 || pread(module, &header, sizeof header, 0) != sizeof header ||
      header.e_phentsize != sizeof(ElfW(Phdr)))
    return false; // the loader itself refuses what does not begin like a module
  const auto size = static_cast<uint64_t>(status.st_size);
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
Candidate read_candidate(const PluginFolder &folder, const std::string &stem) {
  const std::string path = folder.path + "/" + stem;
  const Opened in = open_folder(folder.path, folder.trust);
  const Opened manifest = open_file(path + std::string(manifest_ending), folder.trust);
  const Opened module = open_file(path + ".so", folder.trust);
  Candidate candidate;
  candidate.path = path + ".so";
  if (manifest.file.number() >= 0) candidate.manifest = read_manifest(manifest.file.number());
  if (candidate.manifest.name.empty()) {
    candidate.manifest.name = stem;
    candidate.manifest.priority = std::numeric_limits<int32_t>::min();
  }
  for (const std::string &problem : {in.problem, manifest.problem, module.problem, candidate.manifest.problem})
    if (!problem.empty()) return refuse(candidate, problem), candidate;
  if (is_cut_short(module.file.number())) refuse(candidate, candidate.path + " is cut short");
  return candidate;
}

// The portable plugin is part of the library, so its entry is the one that the linker finds.
Candidate built_in_candidate() {
  Candidate candidate;
  candidate.path = "built in";
  candidate.built_in = &lf_plugin_entry_v1;
  candidate.manifest.name = lf_plugin_entry_v1.name;
  candidate.manifest.vendor = lf_plugin_entry_v1.vendor;
  candidate.manifest.needs = lf_plugin_entry_v1.needs;
  candidate.manifest.needs_text = feature_names(lf_plugin_entry_v1.needs);
  candidate.manifest.priority = lf_plugin_entry_v1.priority;
  return candidate;
}

// Returns the entry of a module. On an error it returns NULL, and the candidate has the reason.
const lf_plugin_entry *open_module(Candidate &candidate) {
  void *module = dlopen(candidate.path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (module == nullptr) {
    const char *error = dlerror();
    refuse(candidate, std::string("it cannot be opened: ") + (error == nullptr ? "unknown error" : error));
    return nullptr;
  }
  const auto *entry = static_cast<const lf_plugin_entry *>(dlsym(module, LF_PLUGIN_ENTRY_SYMBOL));
  if (entry == nullptr) refuse(candidate, "it does not export " LF_PLUGIN_ENTRY_SYMBOL);
  return entry;
}

std::string names_or_nothing(uint64_t features) { return features == 0 ? "nothing" : feature_names(features); }

// Returns what differs between the entry and the manifest, or "".
std::string disagreement(const lf_plugin_entry &entry, const Manifest &manifest) {
  if (entry.struct_size < sizeof(lf_plugin_entry)) return "its entry is too small";
  if (entry.name == nullptr || entry.vendor == nullptr || entry.fill == nullptr) return "its entry is incomplete";
  if (manifest.name != entry.name)
    return std::string("its entry has the name ") + entry.name + ", but its manifest has the name " + manifest.name;
  if (manifest.vendor != entry.vendor) return "its vendor differs from that in its manifest";
  if (manifest.needs != entry.needs)
    return "its entry needs " + names_or_nothing(entry.needs) + ", but its manifest needs " +
           names_or_nothing(manifest.needs);
  if (manifest.priority != entry.priority) return "its priority differs from that in its manifest";
  return "";
}

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

bool has_part_of_packing(const lf_kernel_table &table) {
  const int parts = (table.packed_weights_size != nullptr) + (table.pack_weights != nullptr) +
                    (table.unpack_weights != nullptr) + (table.dense_infer != nullptr);
  return parts != 0 && parts != 4;
}

} // namespace

std::optional<PluginFolder> own_plugin_folder(const Log &log) {
  // The address of a public function would not do. It may lie in the program, if that is not position-independent.
  static const char inside_this_library = 0;
  Dl_info library;
  std::string file = dladdr(&inside_this_library, &library) == 0 ? "" : library.dli_fname;
  if (!file.starts_with('/')) file = mapped_file(&inside_this_library);
  const std::string real = file.empty() ? "" : resolve(file);
  if (real.empty()) {
    log(LF_LOG_WARNING, "plugins beside the library are not found: the path of the library is not known");
    return std::nullopt;
  }
  const std::string folder = resolve(real.substr(0, real.rfind('/') + 1) + "lanefold");
  if (folder.empty()) return std::nullopt;
  return PluginFolder{folder, trust_as_library(real)};
}

std::vector<PluginFolder> split_folders(const std::string &path, const Log &log) {
  std::vector<PluginFolder> folders;
  for (std::size_t begin = 0; begin < path.size();) {
    const std::size_t end = std::min(path.find(':', begin), path.size());
    const std::string folder = path.substr(begin, end - begin);
    begin = end + 1;
    if (folder.empty()) continue;
    const std::string real = folder.starts_with('/') ? resolve(folder) : "";
    if (!real.empty()) folders.push_back({folder, trust_nobody_else()});
    else log(LF_LOG_WARNING, "the plugin folder " + folder + " is ignored: it is not an absolute path to a folder");
  }
  return folders;
}

std::vector<Candidate> find_candidates(const std::vector<PluginFolder> &folders) {
  std::vector<Candidate> candidates = {built_in_candidate()};
  for (const PluginFolder &folder : folders) {
    for (const std::string &stem : stems_of_manifests(folder.path)) {
      Candidate candidate = read_candidate(folder, stem);
      const auto same = std::find_if(candidates.begin(), candidates.end(), [&](const Candidate &earlier) {
        return earlier.judgement == Judgement::usable && earlier.manifest.name == candidate.manifest.name;
      });
      if (candidate.judgement == Judgement::usable && same != candidates.end()) {
        candidate.judgement = Judgement::shadowed;
        candidate.reason = same->built_in != nullptr ? "the built-in plugin of this name is used"
                                                     : "the plugin of this name in " + same->path + " is used";
      }
      candidates.push_back(candidate);
    }
  }
  return candidates;
}

std::optional<LoadedPlugin> load(Candidate &candidate, const lf_host &host) {
  const lf_plugin_entry *entry = candidate.built_in != nullptr ? candidate.built_in : open_module(candidate);
  if (entry == nullptr) return std::nullopt;
  const std::string difference = disagreement(*entry, candidate.manifest);
  if (!difference.empty()) {
    refuse(candidate, difference);
    return std::nullopt;
  }
  candidate.opened = true;
  LoadedPlugin plugin{candidate.manifest.name, {}};
  plugin.table.struct_size = sizeof plugin.table;
  const lf_status status = entry->fill(&host, &plugin.table);
  if (status != LF_OK) {
    refuse(candidate, std::string("it offers no operations: ") + lf_status_name(status));
    return std::nullopt;
  }
  if (has_part_of_packing(plugin.table)) {
    refuse(candidate, "it offers only a part of packed_weights_size, pack_weights, unpack_weights and dense_infer");
    return std::nullopt;
  }
  return plugin;
}

} // namespace lanefold::runtime
