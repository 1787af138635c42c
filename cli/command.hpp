// A program and its verbs as data, and the run of a command line.  CLI11 splits the words and prints help, in
// command_line.cpp alone: no other source includes it.
#pragma once

#include "cli/option.hpp"

#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

namespace lanefold::cli {

// Options that do not fit each other or their purpose.
class UsageError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

// An error that standard error already has in one line.
class AlreadyTold : public std::exception {};

inline constexpr int error_exit_code = 2;

struct Command {
  std::string name;                                  // "lanefold", "train"
  std::string description = "";                      // one line
  std::string examples = "";                         // the end of its help
  std::vector<Option> options = {};                  // in the order in which their values are stored
  std::function<int(const Command &)> run = nullptr; // returns the exit code; may throw anything
  std::vector<Command> verbs = {};
  bool hidden = false;     // help and completion do not list it
  bool passes_all = false; // all words that follow are `words`, whatever they look like
  std::vector<std::string> words = {};
  std::function<void(const std::string &)> tells = nullptr; // of a program: gets what a verb throws, instead of stderr

  bool given(const std::string &option) const; // by its long name, on this command line
  const Command *verb(const std::string &name) const;
  std::vector<std::string> verb_names() const;   // those that are not hidden
  std::vector<std::string> option_names() const; // the long ones, with their dashes, and --help
};

// Reads the command line, stores the values of its options, and runs the verb, or the program itself if it has a `run`
// and no verb is given.  Whatever goes wrong becomes a message on standard error and exit code 2.
// Prints `version` for --version, unless it is "".
int run_command_line(Command &program, int argc, char **argv, const std::string &version = "");

// What can stand in the place of the last of these words, which may be unfinished: verbs, options, or an option's
// words. "" stands for a file.  The words do not hold the program's own name.
std::vector<std::string> completions(const Command &program, const std::vector<std::string> &words);

// The hidden verb `complete -- WORD...` of a program, which prints its completions.  Keeps a reference to the program.
Command complete_command(const Command &program);

} // namespace lanefold::cli
