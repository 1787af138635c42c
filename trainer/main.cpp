// The lanefold command: reads the command line, runs a verb, and turns whatever went wrong into one line and exit code
// 2.
#include "checkpoint.hpp"
#include "commands/commands.hpp"
#include "commands/options.hpp"

#include <CLI/CLI.hpp>

namespace {

constexpr int error_exit_code = 2;

// An error on the command line: what it was, and what would have been valid.
int explain(const CLI::App &app, const CLI::ParseError &error) {
  const auto verbs = app.get_subcommands();
  const CLI::App &at = verbs.empty() ? app : *verbs.front();
  const std::string help = verbs.empty() ? app.help() : at.help(app.get_name());
  if (error.get_exit_code() == 0) {
    std::printf("%s", help.c_str());
    return 0;
  }
  std::fprintf(stderr, "lanefold: %s\n", error.what());
  // A wrong value comes with the right ones; for a word that is not known, here are those that are.
  if (error.get_name() != "ValidationError") std::fprintf(stderr, "\n%s", help.c_str());
  return error_exit_code;
}

// True if the first word is no verb; says so.
bool unknown_verb(const CLI::App &app, int argc, char **argv) {
  if (argc < 2 || argv[1][0] == '-') return false;
  for (const CLI::App *verb : app.get_subcommands([](const CLI::App *) { return true; }))
    if (verb->get_name() == argv[1]) return false;
  std::fprintf(stderr, "lanefold: there is no verb '%s'\n\n%s", argv[1], app.help().c_str());
  return true;
}

} // namespace

int main(int argc, char **argv) {
  using namespace lanefold::trainer;
  CLI::App app("Trains, folds and runs networks of dense layers, batch normalization and ELU.", "lanefold");
  Run run;
  for (const auto add : {add_train, add_eval, add_predict, add_fold, add_info, add_verify, add_demo}) add(app, run);
  if (unknown_verb(app, argc, argv)) return error_exit_code;
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError &error) {
    return explain(app, error);
  }
  if (!run) {
    std::fprintf(stderr, "lanefold: a verb is missing\n\n%s", app.help().c_str());
    return error_exit_code;
  }
  try {
    const int code = run();
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0)
      throw std::runtime_error("standard output cannot be written");
    return code;
  } catch (const std::bad_alloc &) {
    std::fprintf(stderr, "lanefold: out of memory\n");
    return error_exit_code;
  } catch (const std::exception &error) {
    std::fprintf(stderr, "lanefold: %s\n", error.what());
    return error_exit_code;
  }
}
