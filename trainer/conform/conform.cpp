// Runs the checks one after the other.  If the file is not a module, or does not open, every later check would fail, so
// none of them is run.
#include "trainer/conform/conform.hpp"

#include "trainer/conform/process_state.hpp"
#include "trainer/conform/trampoline.hpp"

#include <lanefold/lanefold.hpp>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <sstream>
#include <string_view>
#include <utility>

namespace lanefold::trainer::conform {
namespace {

uint64_t features_of_cpu() {
  uint64_t needed = 0, features = 0;
  lf_describe_cpu(nullptr, 0, &needed);
  std::string text(needed, '\0');
  lf_describe_cpu(text.data(), text.size(), nullptr);
  std::istringstream words(text.substr(std::min(text.rfind(':'), text.size() - 1) + 1));
  for (std::string word; words >> word;) features |= feature_bit(word.c_str());
  return features;
}

std::vector<Check> all_checks() {
  std::vector<Check> checks = file_checks();
  for (const auto &more : {struct_checks, result_checks, executor_checks, surroundings_checks})
    for (const Check &check : more()) checks.push_back(check);
  return checks;
}

// Asks the plugin for its operations, and leaves out those that have hung.
void ask_for_operations(Opened &module, const std::vector<int32_t> &halted) {
  Subject &subject = module.subject;
  std::memset(&subject.table, 0, sizeof subject.table);
  subject.table.struct_size = sizeof subject.table;
  Host host({.cpu_features = subject.cpu_features});
  module.before_fill.emplace();
  const uint64_t arguments[5] = {reinterpret_cast<uint64_t>(host.get()), reinterpret_cast<uint64_t>(&subject.table)};
  const Called called = call_and_compare(reinterpret_cast<void (*)()>(module.entry->fill), arguments);
  subject.changed_by_fill = called.changed;
  host.finish();
  const auto status = static_cast<lf_status>(called.result);
  if (status != LF_OK) throw CannotBeTried("fill returns " + std::string(lf_status_name(status)));
  const lf_kernel_table &t = subject.table;
  const bool packs = t.packed_weights_size && t.pack_weights && t.unpack_weights && t.dense_infer;
  const bool offered[] = {t.sgemm != nullptr,
                          packs,
                          packs,
                          packs,
                          t.dense_forward != nullptr,
                          t.dense_backward != nullptr,
                          t.batch_norm_forward != nullptr,
                          t.batch_norm_backward != nullptr,
                          t.fold_batch_norm != nullptr,
                          t.activation_forward != nullptr,
                          t.activation_backward != nullptr,
                          t.softmax_cross_entropy != nullptr,
                          t.top_k_correct != nullptr,
                          t.optimizer_step != nullptr,
                          t.gather != nullptr,
                          t.softmax != nullptr,
                          t.elementwise_loss != nullptr,
                          t.dropout != nullptr,
                          t.batch_norm_moments != nullptr,
                          t.batch_norm_merge != nullptr,
                          t.column_sums != nullptr};
  static_assert(std::size(offered) == LF_OP_COUNT);
  for (int32_t op = 0; op < LF_OP_COUNT; ++op)
    if (offered[op] && std::find(halted.begin(), halted.end(), op) == halted.end()) subject.operations.push_back(op);
}

// What checks note for the parent.
constexpr std::string_view operation_note = "operation ", served_note = "served ", tried_note = "tried ";

class Run {
public:
  explicit Run(const ConformOptions &options)
      : options_(options), manifest_(read_manifest_beside(options.path)), features_(features_of_cpu()) {}

  Report go(const std::function<void(const Result &)> &seen) {
    report_.path = options_.path;
    report_.name = manifest_.name, report_.vendor = manifest_.vendor, report_.priority = manifest_.priority;
    for (const std::string &word : manifest_.needs) {
      report_.needs += (report_.needs.empty() ? "" : " ") + word;
      const uint64_t bit = feature_bit(word);
      needs_ |= bit;
      if (bit == 0 || (features_ & bit) == 0) lacking_ += (lacking_.empty() ? "" : " ") + word;
    }
    for (const Check &check : all_checks()) {
      if (!is_wanted(check)) continue;
      if (check.kind == Check::badge) {
        try_badge(check);
        continue;
      }
      report_.results.push_back(try_check(check));
      seen(report_.results.back());
    }
    return std::move(report_);
  }

private:
  bool is_wanted(const Check &check) const {
    const auto &only = options_.only;
    return only.empty() || std::find(only.begin(), only.end(), check.name) != only.end();
  }

  // Computes all cases in the parent, once for all children.  With --only, most of them would go unused.
  void prepare_cases() {
    for (int32_t op = 0; op < LF_OP_COUNT; ++op)
      if (std::find(report_.operations.begin(), report_.operations.end(), operation_name(op)) !=
          report_.operations.end())
        for (const Choice choice : {Choice::few, Choice::many})
          for (const Case &given : some_cases(op, choice)) expected_results(given);
  }

  Verdict run(const Check &check) {
    if (check.kind == Check::calls && options_.only.empty()) prepare_cases();
    return run_in_child(options_.patience, [&](Findings &findings) {
      Opened module{manifest_, options_.path};
      module.subject.cpu_features = features_;
      unsetenv("LANEFOLD_ISA"), unsetenv("LANEFOLD_PLUGIN_PATH"); // contexts use only what a check names
      if (check.kind == Check::file) module.file = read_module_file(options_.path);
      if (check.kind != Check::file && check.kind != Check::opening) {
        open(module, check.kind == Check::needs ? needs_ : features_);
        ask_for_operations(module, halted_);
        for (const int32_t op : module.subject.operations)
          findings.note(std::string(operation_note) + operation_name(op));
      }
      check.run(module, findings);
      findings.note(std::string(tried_note) + std::to_string(tried_calls()));
      findings.note(std::string(served_note) + std::to_string(served_calls()));
    });
  }

  std::string why_not_run(const Check &check) const {
    if (check.kind == Check::file) return "";
    if (!why_unusable_.empty()) return why_unusable_;
    return lacking_.empty() ? "" : "this CPU lacks " + lacking_;
  }

  // Takes what the check has noted.  Returns how many calls were made, and how many were not declined; -1: unknown.
  std::pair<int64_t, int64_t> take_notes(const Verdict &verdict) {
    std::pair<int64_t, int64_t> calls(-1, -1);
    std::vector<std::string> operations;
    for (const std::string &note : verdict.notes) {
      const auto after = [&note](std::string_view key) { return note.substr(key.size()); };
      if (note.rfind(operation_note, 0) == 0) operations.push_back(after(operation_note));
      if (note.rfind(tried_note, 0) == 0) calls.first = std::atoll(after(tried_note).c_str());
      if (note.rfind(served_note, 0) == 0) calls.second = std::atoll(after(served_note).c_str());
    }
    if (report_.operations.empty()) report_.operations = operations;
    return calls;
  }

  Result try_check(const Check &check) {
    Result result{check.group, check.name, check.promise, State::not_run, {}};
    if (const std::string why = why_not_run(check); !why.empty()) {
      result.findings = {why};
      return result;
    }
    Verdict verdict = run(check);
    const auto [tried, served] = take_notes(verdict);
    if (verdict.halted_operation >= 0) halted_.push_back(verdict.halted_operation);
    if (printed_.empty()) printed_ = verdict.printed;
    if (std::strcmp(check.name, "silence") == 0 && !printed_.empty())
      verdict.findings.push_back({"it prints " + printed_});
    result.findings = texts_of(check, verdict.findings);
    result.state = verdict.findings.empty() ? State::holds : State::fails;
    if (result.state == State::holds && check.kind == Check::calls && served == 0) {
      // An operation that declines every call fails the check "offers".
      result.state = halted_.empty() ? State::not_applicable : State::not_run;
      result.findings = {!halted_.empty() ? "an operation hangs, and this check applies to no other one"
                         : tried > 0      ? "it declines all calls of this check"
                                          : "this check applies to none of its operations"};
    }
    for (const auto &[key, state] :
         {std::pair(not_run_note, State::not_run), std::pair(not_applicable_note, State::not_applicable)})
      for (const std::string &note : verdict.notes)
        if (note.rfind(key, 0) == 0 && result.state != State::fails)
          result.state = state, result.findings = {note.substr(key.size())};
    note_what_is_unusable(check, verdict, result.state);
    return result;
  }

  // One wrong formula fails many checks, so only error-bounds says what is wrong with it.
  std::vector<std::string> texts_of(const Check &check, const std::vector<Finding> &findings) {
    std::vector<std::string> texts;
    const bool explains = std::strcmp(check.name, "error-bounds") == 0;
    for (const Finding &finding : findings) {
      const int32_t op = finding.wrong_operation;
      if (explains && op >= 0) wrong_operations_.push_back(op);
      const bool is_known =
          std::find(wrong_operations_.begin(), wrong_operations_.end(), op) != wrong_operations_.end();
      const std::string text = explains || op < 0 || !is_known
                                   ? finding.text
                                   : std::string(operation_name(op)) + " has wrong results; see error-bounds";
      if (std::find(texts.begin(), texts.end(), text) == texts.end()) texts.push_back(text);
    }
    return texts;
  }

  // Nothing more can be asked of a file that is not a module, or of a module that does not open.
  void note_what_is_unusable(const Check &check, const Verdict &verdict, State state) {
    if (state != State::fails) return;
    const auto is = [&check](const char *name) { return std::strcmp(check.name, name) == 0; };
    const bool noted = std::find(verdict.notes.begin(), verdict.notes.end(), usable_note) != verdict.notes.end();
    if (is("module") || (is("entry") && !noted) || (is("quiet-opening") && !verdict.is_complete))
      why_unusable_ = "the check \"" + std::string(check.name) + "\" fails";
  }

  void try_badge(const Check &check) {
    report_.one_chain_reason = why_not_run(check);
    if (!report_.one_chain_reason.empty()) return;
    const Verdict verdict = run(check);
    const int64_t served = take_notes(verdict).second;
    const auto not_run = std::find_if(verdict.notes.begin(), verdict.notes.end(),
                                      [](const std::string &note) { return note.rfind(not_run_note, 0) == 0; });
    if (!verdict.findings.empty()) report_.one_chain = false, report_.one_chain_reason = verdict.findings.front().text;
    else if (not_run != verdict.notes.end()) report_.one_chain_reason = not_run->substr(not_run_note.size());
    else if (!halted_.empty())
      report_.one_chain = false, report_.one_chain_reason = std::string(operation_name(halted_[0])) + " hangs";
    else if (served == 0) report_.one_chain_reason = "it declines all golden vectors";
    else report_.one_chain = true;
  }

  const ConformOptions &options_;
  const ManifestText manifest_;
  const uint64_t features_;
  uint64_t needs_ = 0;
  Report report_;
  std::string lacking_, printed_, why_unusable_;
  std::vector<int32_t> halted_, wrong_operations_;
};

} // namespace

bool Report::conforms() const {
  return std::all_of(results.begin(), results.end(),
                     [](const Result &r) { return r.state == State::holds || r.state == State::not_applicable; });
}

std::vector<std::string> check_names() {
  std::vector<std::string> names;
  for (const Check &check : all_checks()) names.emplace_back(check.name);
  return names;
}

Report conform(const ConformOptions &options, const std::function<void(const Result &)> &seen) {
  return Run(options).go(seen);
}

} // namespace lanefold::trainer::conform
