// Tests whether a plugin keeps what lanefold/plugin.h asks of it.
#pragma once

#include "trainer/conform/child.hpp"
#include "trainer/conform/module_file.hpp"
#include "trainer/conform/process_state.hpp"
#include "trainer/conform/subject.hpp"

#include <lanefold/lanefold.hpp>

#include <optional>
#include <string>
#include <vector>

namespace lanefold::trainer::conform {

enum class State { holds, fails, not_run, not_applicable };

struct Result {
  const char *group, *name, *promise;
  State state;
  std::vector<std::string> findings; // or why it was not run
};

struct Report {
  std::string path, name, vendor, priority, needs;
  std::vector<std::string> operations; // that it offers
  std::vector<Result> results;
  std::optional<bool> one_chain; // absent if it could not be tested
  std::string one_chain_reason;  // the first difference
  bool conforms() const;
};

struct ConformOptions {
  std::string path;
  double patience = 10;          // seconds without progress that count as hanging
  std::vector<std::string> only; // names of checks; empty: all
};

std::vector<std::string> check_names();

// Calls seen(result) for each check when it ends.  Throws std::runtime_error if no child process can be made.
Report conform(const ConformOptions &options, const std::function<void(const Result &)> &seen);

// The module of the plugin, as a child has opened it.
struct Opened {
  const ManifestText &manifest;
  std::string path;
  ModuleFile file = {};                   // for the checks of the file
  const lf_plugin_entry *entry = nullptr; // for all others
  Subject subject = {};
  std::optional<ProcessState> before_fill = {};
};

// What a check of the opening notes if the plugin can be asked for its operations.
inline constexpr char usable_note[] = "usable";

struct Check {
  const char *group, *name, *promise;
  // What the check looks at: the file, its opening, the table that it fills, calls, calls on a CPU that has only what the
  // plugin needs, or calls that earn the badge.
  enum { file, opening, table, calls, needs, badge } kind;
  void (*run)(Opened &, Findings &);
};

// Each list is in a source of its own.
std::vector<Check> file_checks();
std::vector<Check> struct_checks();
std::vector<Check> result_checks();
std::vector<Check> executor_checks();
std::vector<Check> surroundings_checks();

// The first result beyond its bounds, "" if there is none.
std::string wrong_result(const Case &given, const Outcome &outcome);

// What a check looks at.
enum Facet : unsigned { results = 1, damage = 2, misuse = 4, changes = 8 };

// Calls the plugin, and adds what is wrong with the outcome.  `where` follows the case in the text of a finding.
Outcome expect_right(const Subject &subject, const Case &given, const CallOptions &options, unsigned facets,
                     const std::string &where, Findings &findings);

// The cases of all operations that the plugin offers.
using Cases = std::vector<std::reference_wrapper<const Case>>;
Cases cases_of(const Subject &subject, Choice choice);

// The folder of the module.
std::string folder_of(const Opened &module);

// Makes a context that uses the plugin.  Throws Error if the library refuses it or takes another one.
Context context_of(const Opened &module);

// Opens the module for the checks that call it.  Throws CannotBeTried.
void open(Opened &module, uint64_t cpu_features);

} // namespace lanefold::trainer::conform
