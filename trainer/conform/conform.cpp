// Runs the checks one after the other.  What the file or its opening gets wrong would make every later check fail, so
// those are then not run.
#include "trainer/conform/conform.hpp"

#include "trainer/conform/process_state.hpp"

#include <lanefold/lanefold.hpp>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <sstream>

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

// Asks the plugin for its operations, except those that have halted.
void ask_for_operations(Opened &module, const std::vector<int32_t> &halted) {
  Subject &subject = module.subject;
  std::memset(&subject.table, 0, sizeof subject.table);
  subject.table.struct_size = sizeof subject.table;
  Host host({.cpu_features = subject.cpu_features});
  const lf_status status = module.entry->fill(host.get(), &subject.table);
  host.finish();
  if (status != LF_OK) throw std::runtime_error("fill returns " + std::string(lf_status_name(status)));
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
                          t.gather != nullptr};
  static_assert(std::size(offered) == LF_OP_COUNT);
  for (int32_t op = 0; op < LF_OP_COUNT; ++op)
    if (offered[op] && std::find(halted.begin(), halted.end(), op) == halted.end()) subject.operations.push_back(op);
}

class Run {
public:
  explicit Run(const ConformOptions &options)
      : options_(options), file_(read_module_file(options.path)), manifest_(read_manifest_beside(options.path)),
        features_(features_of_cpu()) {}

  Report go(const std::function<void(const Result &)> &seen) {
    report_.path = options_.path;
    report_.name = manifest_.name, report_.vendor = manifest_.vendor, report_.priority = manifest_.priority;
    uint64_t needs = 0;
    for (const std::string &word : manifest_.needs) {
      report_.needs += (report_.needs.empty() ? "" : " ") + word;
      needs |= feature_bit(word);
      if ((features_ & feature_bit(word)) == 0) lacking_ += (lacking_.empty() ? "" : " ") + word;
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

  Verdict run(const Check &check) {
    return run_in_child(options_.patience, [&](Findings &findings) {
      Opened module{file_, manifest_, options_.path};
      if (check.kind == Check::calls || check.kind == Check::badge) {
        open(module, features_);
        ask_for_operations(module, halted_);
        if (operations_.empty())
          for (const int32_t op : module.subject.operations) findings.note(operation_name(op));
      } else {
        module.subject.cpu_features = features_;
      }
      check.run(module, findings);
    });
  }

  std::string why_not_run(const Check &check) const {
    if (check.kind == Check::file) return "";
    if (cannot_open_) return "it cannot be opened";
    return lacking_.empty() ? "" : "this CPU lacks " + lacking_;
  }

  Result try_check(const Check &check) {
    Result result{check.group, check.name, check.promise, State::not_run, {}};
    if (const std::string why = why_not_run(check); !why.empty()) {
      result.findings = {why};
      return result;
    }
    Verdict verdict = run(check);
    if (verdict.halted_operation >= 0) halted_.push_back(verdict.halted_operation);
    if (operations_.empty() && !verdict.notes.empty()) report_.operations = operations_ = verdict.notes;
    if (printed_.empty()) printed_ = verdict.printed;
    if (std::strcmp(check.name, "silence") == 0 && !printed_.empty())
      verdict.findings.push_back("it prints " + printed_);
    result.findings = verdict.findings;
    result.state = verdict.findings.empty() ? State::holds : State::fails;
    const bool is_needed = check.kind == Check::opening || std::strcmp(check.name, "module") == 0 ||
                           std::strcmp(check.name, "exports") == 0;
    // A module that does not open, or is no module, can be asked nothing.
    if (result.state == State::fails && is_needed && !verdict.is_complete) cannot_open_ = true;
    if (result.state == State::fails && !file_.problem.empty()) cannot_open_ = true;
    if (result.state == State::fails && std::strcmp(check.name, "entry") == 0)
      cannot_open_ = cannot_open_ || is_unusable(verdict);
    return result;
  }

  // A manifest that differs spoils nothing else.
  static bool is_unusable(const Verdict &verdict) {
    return verdict.findings.front().find("its manifest has") == std::string::npos;
  }

  void try_badge(const Check &check) {
    if (!why_not_run(check).empty()) {
      report_.one_chain_reason = why_not_run(check);
      return;
    }
    const Verdict verdict = run(check);
    report_.one_chain = verdict.findings.empty() && halted_.empty();
    if (!verdict.findings.empty()) report_.one_chain_reason = verdict.findings.front();
  }

  const ConformOptions &options_;
  const ModuleFile file_;
  const ManifestText manifest_;
  const uint64_t features_;
  Report report_;
  std::string lacking_, printed_;
  std::vector<std::string> operations_;
  std::vector<int32_t> halted_;
  bool cannot_open_ = false;
};

} // namespace

bool Report::conforms() const {
  return std::all_of(results.begin(), results.end(), [](const Result &r) { return r.state == State::holds; });
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
