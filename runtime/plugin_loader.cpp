// Searches folders for plugins, and opens them with dlopen.
#include "runtime/plugin_loader.hpp"

#include "runtime/cpu.hpp"
#include "runtime/trust.hpp"

#include <algorithm>
#include <dlfcn.h>
#include <filesystem>
#include <limits>

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

// Reads a manifest even if others can write it, to name the plugin that is refused.
Candidate read_candidate(const std::string &folder, const std::string &stem) {
  const std::string manifest_path = folder + "/" + stem + std::string(manifest_ending);
  Candidate candidate;
  candidate.path = folder + "/" + stem + ".so";
  std::string distrust = why_distrusted(folder);
  if (distrust.empty()) distrust = why_file_distrusted(manifest_path);
  if (distrust.empty()) distrust = why_file_distrusted(candidate.path);
  std::error_code unreadable;
  if (std::filesystem::is_regular_file(manifest_path, unreadable)) candidate.manifest = read_manifest(manifest_path);
  if (candidate.manifest.name.empty()) {
    candidate.manifest.name = stem;
    candidate.manifest.priority = std::numeric_limits<int32_t>::min();
  }
  if (!distrust.empty()) refuse(candidate, distrust);
  else if (!candidate.manifest.problem.empty()) refuse(candidate, candidate.manifest.problem);
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

bool has_part_of_packing(const lf_kernel_table &table) {
  const int parts = (table.packed_weights_size != nullptr) + (table.pack_weights != nullptr) +
                    (table.unpack_weights != nullptr) + (table.dense_infer != nullptr);
  return parts != 0 && parts != 4;
}

} // namespace

std::string own_plugin_folder(const Log &log) {
  // The address of a public function would not do. It may lie in the program, if that is not position-independent.
  static const char inside_this_library = 0;
  Dl_info library;
  if (dladdr(&inside_this_library, &library) == 0) {
    log(LF_LOG_WARNING, "plugins beside the library are not found: the path of the library is not known");
    return "";
  }
  const std::string file = library.dli_fname;
  if (!file.starts_with('/')) {
    log(LF_LOG_WARNING, "plugins beside " + file + " are not found: the path of the library is not absolute");
    return "";
  }
  const std::string real = resolve(file);
  return resolve(real.substr(0, real.rfind('/') + 1) + "lanefold");
}

std::vector<std::string> split_folders(const std::string &path, const Log &log) {
  std::vector<std::string> folders;
  for (std::size_t begin = 0; begin < path.size();) {
    const std::size_t end = std::min(path.find(':', begin), path.size());
    const std::string folder = path.substr(begin, end - begin);
    begin = end + 1;
    if (folder.empty()) continue;
    const std::string real = folder.starts_with('/') ? resolve(folder) : "";
    if (!real.empty()) folders.push_back(real);
    else log(LF_LOG_WARNING, "the plugin folder " + folder + " is ignored: it is not an absolute path to a folder");
  }
  return folders;
}

std::vector<Candidate> find_candidates(const std::vector<std::string> &folders) {
  std::vector<Candidate> candidates = {built_in_candidate()};
  for (const std::string &folder : folders) {
    for (const std::string &stem : stems_of_manifests(folder)) {
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
