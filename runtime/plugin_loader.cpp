// Compares what a plugin says about itself with what its manifest says, before it is asked for anything.
#include "runtime/plugin_loader.hpp"

#include "runtime/cpu.hpp"
#include "runtime/modules.hpp"

#include <algorithm>

// The entries of the plugins that are part of this library: the shared and the static one have a list each.
extern "C" {
#define LANEFOLD_BUILT_IN(entry) extern const lf_plugin_entry entry;
#include LANEFOLD_BUILT_IN_LIST
#undef LANEFOLD_BUILT_IN
}

namespace lanefold::runtime {
namespace {

constexpr const lf_plugin_entry *built_in_entries[] = {
#define LANEFOLD_BUILT_IN(entry) &entry,
#include LANEFOLD_BUILT_IN_LIST
#undef LANEFOLD_BUILT_IN
};

Candidate built_in_candidate(const lf_plugin_entry *entry) {
  Candidate candidate;
  candidate.path = "built in";
  candidate.built_in = entry;
  candidate.manifest.name = entry->name;
  candidate.manifest.vendor = entry->vendor;
  candidate.manifest.needs = entry->needs;
  candidate.manifest.needs_text = feature_names(entry->needs);
  candidate.manifest.priority = entry->priority;
  return candidate;
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

std::vector<Candidate> find_candidates(const std::vector<PluginFolder> &folders, std::vector<std::string> &warnings) {
  std::vector<Candidate> candidates;
  for (const lf_plugin_entry *entry : built_in_entries) candidates.push_back(built_in_candidate(entry));
  for (const PluginFolder &folder : folders) {
    for (Candidate &candidate : modules_in(folder, warnings)) {
      const auto same = std::find_if(candidates.begin(), candidates.end(), [&](const Candidate &earlier) {
        return earlier.judgement == Judgement::usable && earlier.manifest.name == candidate.manifest.name;
      });
      if (candidate.judgement == Judgement::usable && same != candidates.end()) {
        candidate.judgement = Judgement::shadowed;
        candidate.reason = same->built_in != nullptr ? "the built-in plugin of this name is used"
                                                     : "the plugin of this name in " + same->path + " is used";
      }
      candidates.push_back(std::move(candidate));
    }
  }
  return candidates;
}

std::optional<LoadedPlugin> load(Candidate &candidate, const lf_host &host) {
  const lf_plugin_entry *entry = candidate.built_in != nullptr ? candidate.built_in : open_module(candidate);
  if (entry == nullptr) return std::nullopt;
  const std::string difference = disagreement(*entry, candidate.manifest);
  if (!difference.empty()) {
    candidate.refuse(difference, install_again);
    return std::nullopt;
  }
  candidate.opened = true;
  LoadedPlugin plugin{candidate.manifest.name, {}};
  plugin.table.struct_size = sizeof plugin.table;
  const lf_status status = entry->fill(&host, &plugin.table);
  if (status != LF_OK) {
    candidate.refuse(std::string("it offers no operations: ") + lf_status_name(status), install_again);
    return std::nullopt;
  }
  if (has_part_of_packing(plugin.table)) {
    candidate.refuse("it offers only a part of packed_weights_size, pack_weights, unpack_weights and dense_infer",
                     "ask the vendor of the plugin for one that works");
    return std::nullopt;
  }
  return plugin;
}

} // namespace lanefold::runtime
