// Runs a check in a forked child, so that a plugin that crashes, hangs or exits ends the child alone.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace lanefold::trainer::conform {

// Says why nothing can be asked of a plugin.
class CannotBeTried : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

// How a note begins if this machine prevents the check, or if the check does not apply to the plugin.
inline constexpr std::string_view not_run_note = "not run: ", not_applicable_note = "does not apply: ";

struct Finding {
  std::string text;
  int32_t wrong_operation = -1; // the operation whose results are wrong; -1: it says something else
};

struct Verdict {
  std::vector<Finding> findings;  // what is wrong; none: the check holds
  std::vector<std::string> notes; // what the parent wants to know, such as the operations of the plugin
  std::string printed;            // the start of what the child wrote to standard output or standard error
  int32_t halted_operation = -1;  // the operation in which the child hung
  bool is_complete = false;       // the check ran to its end
};

// Receives what a check finds, in the child.
class Findings {
public:
  explicit Findings(int pipe) : pipe_(pipe) {}
  void add(const std::string &finding);                           // the first few of a check are kept
  void add_wrong_results(int32_t op, const std::string &finding); // the first few of each operation are kept
  void note(const std::string &note);
  bool full() const { return count_ >= most; }

private:
  static constexpr int most = 5, most_of_operation = 2;
  int pipe_, count_ = 0;
  std::map<int32_t, int> wrong_; // how many findings each operation has
};

// Gives up if no call of the plugin ends within `patience` seconds, or if the whole check takes 60 times as long.
// Whatever the child has started ends with it.
Verdict run_in_child(double patience, const std::function<void(Findings &)> &check);

} // namespace lanefold::trainer::conform
