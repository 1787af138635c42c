// Checks of what a call leaves in registers, in the process, and on the terminal; and the golden vectors.
#include "trainer/conform/conform.hpp"
#include "trainer/conform/process_state.hpp"
#include "trainer/conform/single_steps.hpp"

#include "trainer/training/golden_operations.hpp"

#include <lanefold/lanefold.hpp>

#include <algorithm>
#include <cstring>

namespace lanefold::trainer::conform {
namespace {

void preserves(Opened &module, Findings &findings, bool float_state) {
  const auto is_float_state = [](const std::string &changed) { return changed.find("floating-point") != changed.npos; };
  const std::string &by_fill = module.subject.changed_by_fill;
  if (!by_fill.empty() && is_float_state(by_fill) == float_state) findings.add("fill changes " + by_fill);
  for (const Order order : {Order::serial, Order::wide})
    for (const Case &given : cases_of(module.subject, Choice::few)) {
      CallOptions options;
      options.host.order = order;
      const Outcome outcome = call(module.subject, given, options);
      if (!outcome.changed.empty() && is_float_state(outcome.changed) == float_state)
        findings.add("it changes " + outcome.changed + ": " + given.text());
      if (findings.full()) return;
    }
}

void preserves_float_state(Opened &module, Findings &findings) { preserves(module, findings, true); }
void preserves_registers(Opened &module, Findings &findings) { preserves(module, findings, false); }

// The host reports only the declared features, so the plugin cannot choose code for other features of this CPU.
void declares_features(Opened &module, Findings &findings) {
  constexpr int64_t steps_of_call = 2000; // each takes 1 to 20 us, the latter in virtual machines
  const auto does_not_apply = [&findings](const std::string &why) {
    findings.note(std::string(not_applicable_note) + why);
  };
  if (const std::string why = watch_code_of(module.entry); !why.empty()) return does_not_apply(why);
  const uint64_t declared = module.subject.cpu_features;
  for (const int32_t op : module.subject.operations) {
    int served = 0;
    for (const Case &given : some_cases(op, Choice::small)) {
      if (served == 2 || !module.subject.serves(given)) continue;
      allow_steps(steps_of_call);
      if (call(module.subject, given).status == LF_OK) ++served;
      if (const std::string more = stepped(declared).undeclared; !more.empty())
        return findings.add("its code uses " + more + ", which \"needs\" does not list: " + given.text());
    }
  }
  if (stepped(declared).steps == 0) does_not_apply("single steps have no effect here");
}

void leaves_process_alone(Opened &module, Findings &findings) {
  const Cases cases = cases_of(module.subject, Choice::few);
  for (const std::string &change : module.before_fill->changes()) findings.add("fill changes " + change);
  const ProcessState before;
  for (const Case &given : cases) {
    call(module.subject, given);
    for (const std::string &change : before.changes()) findings.add("it changes " + change + ": " + given.text());
    if (findings.full()) return;
  }
}

// The parent looks at what this check, and each other one, has printed.
void is_silent(Opened &module, Findings &) {
  for (const Case &given : cases_of(module.subject, Choice::few)) call(module.subject, given);
}

// The first result with other bits, "" if there is none.
std::string differing_result(const GoldenCase &golden, const Outcome &outcome) {
  if (outcome.status == LF_UNSUPPORTED) return "";
  if (outcome.status != LF_OK) return "it returns " + std::string(lf_status_name(outcome.status));
  for (const auto &[name, values] : golden.results)
    for (size_t i = 0; i < values.size(); ++i)
      if (outcome.results.count(name) && !same_bits(values[i], outcome.results.at(name)[i]))
        return "element " + std::to_string(i) + " of " + name + " has other bits than the golden vector";
  return "";
}

// The golden operations have larger matrices than the golden vectors.  If the plugin declines a call, the library asks
// another plugin.
void gives_golden_hashes(Opened &module, Findings &findings) {
  const auto cannot_run = [&findings](const std::string &why) { findings.note(std::string(not_run_note) + why); };
  if (!module.manifest.problem.empty()) return cannot_run("the check \"manifest\" fails");
  std::optional<Context> on;
  try {
    on.emplace(context_of(module));
  } catch (const Error &error) {
    return cannot_run(error.what());
  }
  for (const GoldenOperation &operation : golden_operations()) {
    const auto is_it = [&operation](int32_t op) { return std::strcmp(operation.name, operation_name(op)) == 0; };
    const std::vector<int32_t> &offered = module.subject.operations;
    if (std::none_of(offered.begin(), offered.end(), is_it)) continue;
    try {
      if (operation.run(*on) != operation.promise)
        return findings.add(std::string(operation.name) + " does not give its golden hash on larger matrices");
    } catch (const Error &error) {
      // No other plugin can take over a call on packed weights.
      if (error.status != LF_UNSUPPORTED) throw;
    }
  }
}

// Each vector in ascending order of tasks, and in descending order on many threads.
void is_one_chain(Opened &module, Findings &findings) {
  for (const int32_t op : module.subject.operations)
    for (GoldenCase &golden : golden_cases_of(op)) {
      std::vector<Case> cases = {golden.given};
      const bool has_layer = op == LF_OP_DENSE_FORWARD || op == LF_OP_DENSE_BACKWARD;
      if (has_layer && module.subject.table.pack_weights != nullptr) {
        cases.push_back(golden.given);
        cases.back().numbers["packed"] = 1;
        if (op == LF_OP_DENSE_FORWARD && golden.given.find("gamma") == nullptr) {
          cases.push_back(golden.given);
          cases.back().op = LF_OP_DENSE_INFER;
          std::erase_if(cases.back().arrays, [](const Array &array) { return array.name == "z"; });
        }
      }
      for (const Case &given : cases)
        for (const Order order : {Order::serial, Order::reversed}) {
          CallOptions options;
          options.host.order = order, options.host.threads = order == Order::serial ? 1 : 16;
          options.placement.gap = order == Order::serial ? 0 : 3, options.placement.nan = true;
          const std::string wrong = differing_result({given, golden.results}, call(module.subject, given, options));
          if (!wrong.empty()) return findings.add(wrong + ": " + given.text());
        }
    }
  gives_golden_hashes(module, findings);
}

} // namespace

std::vector<Check> surroundings_checks() {
  return {
      {"state", "float-state", "The rounding mode and the treatment of denormals stay as they are.", Check::calls,
       preserves_float_state},
      {"state", "registers", "Calls and tasks preserve the registers that a function must preserve.", Check::calls,
       preserves_registers},
      {"state", "cpu-features", "The code uses no CPU feature that \"needs\" does not list.", Check::needs,
       declares_features},
      {"state", "process", "Signal handlers, environment, working directory and the like stay as they are.",
       Check::calls, leaves_process_alone},
      {"state", "silence", "The plugin prints nothing.", Check::calls, is_silent},
      {"badge", "one-chain", "Results have the bits of the golden vectors.", Check::badge, is_one_chain},
  };
}

} // namespace lanefold::trainer::conform
