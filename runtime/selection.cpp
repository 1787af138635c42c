// Checks the candidates, takes the best one or the one that is asked for, and builds the chain that ends with portable.
#include "runtime/selection.hpp"

#include "runtime/modules.hpp"

#include <algorithm>

namespace lanefold::runtime {
namespace {

void judge_features(std::vector<Candidate> &candidates, const CpuFeatures &cpu) {
  for (Candidate &candidate : candidates) {
    if (candidate.judgement != Judgement::usable) continue;
    candidate.reason = what_is_missing(candidate.manifest.needs, cpu);
    if (!candidate.reason.empty()) candidate.judgement = Judgement::lacks_features;
  }
}

void sort_best_first(std::vector<Candidate> &candidates) {
  std::stable_sort(candidates.begin(), candidates.end(), [](const Candidate &a, const Candidate &b) {
    if (a.manifest.priority != b.manifest.priority) return a.manifest.priority > b.manifest.priority;
    return a.manifest.name < b.manifest.name;
  });
}

// Returns the usable candidate of that name, or else any candidate of that name, or else NULL.
Candidate *find_named(std::vector<Candidate> &candidates, const std::string &name) {
  Candidate *found = nullptr;
  for (Candidate &candidate : candidates) {
    if (candidate.manifest.name != name) continue;
    if (candidate.judgement == Judgement::usable) return &candidate;
    if (found == nullptr) found = &candidate;
  }
  return found;
}

std::string list_of_names(const std::vector<Candidate> &candidates) {
  std::vector<std::string> names;
  for (const Candidate &candidate : candidates)
    if (std::find(names.begin(), names.end(), candidate.manifest.name) == names.end())
      names.push_back(candidate.manifest.name);
  std::string text;
  for (const std::string &name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

void fail(Selection &selection, lf_status status, const std::string &message) {
  selection.status = status;
  selection.message = message;
}

// Opens a candidate as the chosen one. Returns whether that worked.
bool take(Selection &selection, Candidate &candidate, const lf_host &host) {
  selection.chosen = load(candidate, host);
  return candidate.taken = selection.chosen.has_value();
}

// Opens the best candidate. If one is asked for and cannot be used, returns NULL and sets status and message.
Candidate *choose(Selection &selection, const Request &request, const lf_host &host) {
  if (request.isa.empty()) {
    for (Candidate &candidate : selection.candidates)
      if (candidate.judgement == Judgement::usable && take(selection, candidate, host)) return &candidate;
    fail(selection, LF_INTERNAL, "the built-in plugin cannot be used: " + selection.candidates.back().reason);
    return nullptr;
  }
  const std::string asked = request.isa_source + " is '" + request.isa + "', but ";
  Candidate *named = find_named(selection.candidates, request.isa);
  if (named == nullptr) {
    fail(selection, LF_NOT_FOUND,
         asked + "no plugin has this name; valid names are " + list_of_names(selection.candidates));
    return nullptr;
  }
  if (named->judgement == Judgement::usable && take(selection, *named, host)) return named;
  fail(selection, LF_UNUSABLE, asked + "this plugin cannot be used: " + named->explanation());
  return nullptr;
}

void open_the_rest(Selection &selection, const lf_host &host) {
  for (Candidate &candidate : selection.candidates)
    if (candidate.judgement == Judgement::usable && !candidate.opened) load(candidate, host);
}

// A plugin that comes with the library.
struct KnownPlugin {
  const char *name;
  int32_t priority;
  uint64_t needs;
};
constexpr KnownPlugin known_plugins[] = {
#include "runtime/known_plugins.inc"
};

// The priority of the best usable plugin that comes with the library. Such a plugin has every operation.
int32_t complete_priority(const std::vector<Candidate> &candidates) {
  int32_t best = 0;
  for (const Candidate &candidate : candidates)
    for (const KnownPlugin &known : known_plugins)
      if (candidate.judgement == Judgement::usable && candidate.manifest.name == known.name)
        best = std::max(best, candidate.manifest.priority);
  return best;
}

// Whether the candidate is, or claims by its file's name to be, this plugin.
bool is(const Candidate &candidate, const KnownPlugin &known) {
  return candidate.manifest.name == known.name || candidate.manifest.name == stem_of(known.name);
}

// Whether a refused candidate would be better than what is used.
bool is_missed(const Candidate &candidate, const Candidate &used, const CpuFeatures &cpu) {
  return candidate.judgement == Judgement::refused && candidate.manifest.priority > used.manifest.priority &&
         candidate.manifest.name != used.manifest.name && what_is_missing(candidate.manifest.needs, cpu).empty();
}

// The best plugin that would run here if its files were there and could be trusted. If it is a candidate, it gets a mark.
std::string find_shortfall(Selection &selection, const Request &request) {
  std::vector<Candidate> &candidates = selection.candidates;
  const Candidate &used = *selection.taken();
  const auto missed = std::find_if(candidates.begin(), candidates.end(),
                                   [&](const Candidate &candidate) { return is_missed(candidate, used, request.cpu); });
  const auto refusal = [&](Candidate &candidate) {
    candidate.missed = true;
    return candidate.title() + " suits this CPU better than " + used.manifest.name +
           ", but is not used: " + candidate.explanation();
  };
  if (missed != candidates.end()) return refusal(*missed);
  const int32_t complete = complete_priority(candidates);
  for (const KnownPlugin &known : known_plugins) { // best first
    if (known.priority <= complete || !what_is_missing(known.needs, request.cpu).empty()) continue;
    const auto found = std::find_if(candidates.begin(), candidates.end(),
                                    [&](const Candidate &candidate) { return is(candidate, known); });
    if (found == candidates.end())
      return std::string("the plugin ") + known.name + " suits this CPU better than " + used.manifest.name +
             ", but is missing: " + why_missing(known.name, request.folders.front());
    if (found->judgement == Judgement::refused) return refusal(*found);
  }
  return "";
}

// Why sort_best_first puts another candidate before this one.
std::string why_later(const Manifest &one, const Manifest &taken) {
  return taken.name + (one.priority == taken.priority ? " has the same priority, and comes first in the alphabet"
                                                      : " has a higher priority");
}

void give_reasons(Selection &selection, const Request &request) {
  const std::string forced = request.isa_source + " asks for ";
  for (Candidate &candidate : selection.candidates) {
    if (candidate.judgement != Judgement::usable) continue;
    if (candidate.taken) {
      candidate.reason = !request.isa.empty()          ? forced + "it"
                         : selection.shortfall.empty() ? "it is the best one that can run here"
                                                       : "it is the best one of those that are usable";
      if (!selection.shortfall.empty()) candidate.reason += "; " + selection.shortfall;
    } else if (!request.isa.empty()) {
      candidate.reason = forced + request.isa;
    } else if (const Candidate *taken = selection.taken(); taken != nullptr) {
      candidate.reason = why_later(candidate.manifest, taken->manifest);
    }
  }
}

void log_outcome(const Selection &selection, const Log &log) {
  if (log.function == nullptr) return;
  for (const Candidate &candidate : selection.candidates) {
    if (candidate.judgement == Judgement::refused && !candidate.missed) // a missed one has a warning of its own
      log(LF_LOG_WARNING, candidate.title() + " is not used: " + candidate.explanation());
    if (candidate.taken) log(LF_LOG_INFO, candidate.title() + " is used");
  }
}

} // namespace

const Candidate *Selection::taken() const {
  for (const Candidate &candidate : candidates)
    if (candidate.taken) return &candidate;
  return nullptr;
}

// The builder of a static library has chosen its plugins. If none of them can run here, that is news.
bool Selection::is_told() const { return !shortfall.empty() && (opens_folders() || taken()->manifest.needs == 0); }

// An operation that a plugin lacks, or for which it returns LF_UNSUPPORTED, goes to the next best plugin. Portable comes
// last, because it is built in and has all operations.
std::vector<Candidate> Selection::stand_ins() const {
  const auto is_portable = [](const Candidate &c) { return c.built_in != nullptr && c.manifest.needs == 0; };
  std::vector<Candidate> found;
  if (is_portable(*taken())) return found;
  for (const Candidate *candidate = taken() + 1; candidate != candidates.data() + candidates.size(); ++candidate)
    if (candidate->judgement == Judgement::usable && !is_portable(*candidate)) found.push_back(*candidate);
  found.push_back(*std::find_if(candidates.begin(), candidates.end(), is_portable));
  return found;
}

Selection select(const Request &request, const lf_host &host, Extent extent) {
  Selection selection;
  selection.candidates = find_candidates(request.folders, selection.warnings);
  judge_features(selection.candidates, request.cpu);
  sort_best_first(selection.candidates);
  const Candidate *chosen = choose(selection, request, host);
  if (extent == Extent::everything) open_the_rest(selection, host);
  if (chosen != nullptr && request.isa.empty()) selection.shortfall = find_shortfall(selection, request);
  give_reasons(selection, request);
  log_outcome(selection, request.log);
  return selection;
}

} // namespace lanefold::runtime
