// Checks the candidates, takes the best one or the one that is asked for, and builds the chain that ends with portable.
#include "runtime/selection.hpp"

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

// Opens a candidate and appends it to the chain. Returns whether that worked.
bool append(Selection &selection, Candidate &candidate, const lf_host &host) {
  auto plugin = load(candidate, host);
  if (plugin) selection.chain.push_back(std::move(*plugin));
  return plugin.has_value();
}

// Opens the candidate with which the chain begins. If the one that is asked for cannot be used, returns NULL and sets
// status and message.
Candidate *choose(Selection &selection, const Request &request, const lf_host &host) {
  if (request.isa.empty()) {
    for (Candidate &candidate : selection.candidates)
      if (candidate.judgement == Judgement::usable && append(selection, candidate, host)) return &candidate;
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
  if (named->judgement == Judgement::usable && append(selection, *named, host)) return named;
  fail(selection, LF_UNUSABLE, asked + "this plugin cannot be used: " + named->reason);
  return nullptr;
}

// An operation that a plugin lacks, or for which it returns LF_UNSUPPORTED, goes to the next best plugin. The chain
// ends with portable, which is built in and has all operations.
void add_stand_ins(Selection &selection, const Candidate *chosen, const lf_host &host) {
  if (chosen->built_in != nullptr) return;
  const auto first = selection.candidates.begin() + (chosen - selection.candidates.data()) + 1;
  for (auto candidate = first; candidate != selection.candidates.end(); ++candidate) {
    if (candidate->judgement != Judgement::usable || candidate->built_in != nullptr) continue;
    append(selection, *candidate, host);
  }
  for (Candidate &candidate : selection.candidates)
    if (candidate.built_in != nullptr) append(selection, candidate, host);
}

void open_the_rest(Selection &selection, const lf_host &host) {
  for (Candidate &candidate : selection.candidates)
    if (candidate.judgement == Judgement::usable && !candidate.opened) load(candidate, host);
}

void give_reasons(Selection &selection, const Request &request, Candidate *chosen) {
  const std::string forced = request.isa_source + " asks for ";
  for (Candidate &candidate : selection.candidates) {
    if (candidate.judgement != Judgement::usable) continue;
    candidate.taken = &candidate == chosen;
    if (candidate.taken)
      candidate.reason = request.isa.empty() ? "it is the best one that can run here" : forced + "it";
    else if (!request.isa.empty()) candidate.reason = forced + request.isa;
    else if (chosen != nullptr) candidate.reason = chosen->manifest.name + " has a higher priority";
  }
}

void log_outcome(const Selection &selection, const Log &log) {
  for (const Candidate &candidate : selection.candidates) {
    const std::string which = "the plugin " + candidate.manifest.name + " (" + candidate.path + ")";
    if (candidate.judgement == Judgement::refused) log(LF_LOG_WARNING, which + " is not used: " + candidate.reason);
    if (candidate.taken) log(LF_LOG_INFO, which + " is used");
  }
}

} // namespace

Selection select(const Request &request, const lf_host &host, Extent extent) {
  Selection selection;
  selection.candidates = find_candidates(request.folders);
  judge_features(selection.candidates, request.cpu);
  sort_best_first(selection.candidates);
  Candidate *chosen = choose(selection, request, host);
  if (chosen != nullptr) add_stand_ins(selection, chosen, host);
  if (extent == Extent::everything) open_the_rest(selection, host);
  give_reasons(selection, request, chosen);
  log_outcome(selection, request.log);
  return selection;
}

} // namespace lanefold::runtime
