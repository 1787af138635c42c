// The lanefold command: reads the command line, runs a verb, and turns whatever went wrong into one line and exit code
// 2.
#include "trainer/checkpoint/checkpoint.hpp"
#include "trainer/commands/bench.hpp"
#include "trainer/commands/commands.hpp"
#include "cli/completion.hpp"
#include "trainer/commands/shared_options.hpp"
#include "cli/words.hpp"

#include <CLI/CLI.hpp>

#include <csignal>

using namespace lanefold::trainer;

namespace {

constexpr int error_exit_code = 2;

// The nearest of the known words, as a line of its own; "" if none is near.
std::string suggest(const std::string &word, const std::vector<std::string> &known) {
  const std::string near = cli::nearest(word, known);
  return near.empty() ? "" : "did you mean " + near + "?\n";
}

// An error on the command line: what it was, what might have been meant, and what would have been valid.
int explain(const CLI::App &app, const CLI::ParseError &error) {
  const auto verbs = app.get_subcommands();
  const CLI::App &at = verbs.empty() ? app : *verbs.front();
  const std::string help = verbs.empty() ? app.help() : at.help(app.get_name());
  if (error.get_exit_code() == 0) {
    const bool version = error.get_name() == "CallForVersion";
    std::printf("%s", version ? (std::string(error.what()) + "\n").c_str() : help.c_str());
    if (std::fflush(stdout) == 0 && !std::ferror(stdout)) return 0;
    std::fprintf(stderr, "lanefold: standard output cannot be written\n");
    return error_exit_code;
  }
  std::fprintf(stderr, "lanefold: %s\n", error.what());
  // A wrong value comes with the right ones; for a word that is not known, here are those that are.
  if (error.get_name() == "ValidationError") return error_exit_code;
  for (const std::string &word : at.remaining())
    if (word.starts_with("-")) std::fputs(suggest(word.substr(0, word.find('=')), cli::option_names(at)).c_str(), stderr);
  std::fprintf(stderr, "\n%s", help.c_str());
  return error_exit_code;
}

// True if the first word is no verb; says so.
bool unknown_verb(const CLI::App &app, int argc, char **argv) {
  if (argc < 2 || argv[1][0] == '-') return false;
  const std::string word = argv[1];
  if (cli::code_of(cli::verb_names(app), word) >= 0) return false;
  std::fprintf(stderr, "lanefold: there is no verb '%s'\n%s\n%s", argv[1], suggest(word, cli::verb_names(app)).c_str(),
               app.help().c_str());
  return true;
}

// For the shell (completion.bash): `lanefold complete -- WORDS...`.
bool complete(const CLI::App &app, int argc, char **argv) {
  if (argc < 3 || std::string(argv[1]) != "complete" || std::string(argv[2]) != "--") return false;
  if (argc > 4 && std::string(argv[3]) == "bench") {
    std::vector<std::string> words(argv + 4, argv + argc);
    words.insert(words.begin(), {"complete", "--"});
    become_bench(words);
  }
  for (const std::string &word : cli::completions(app, {argv + 3, argv + argc})) std::printf("%s\n", word.c_str());
  return true;
}

} // namespace

int main(int argc, char **argv) {
  std::signal(SIGXFSZ, SIG_IGN); // a file that grows too large is an error like others
  CLI::App app("Trains, folds and runs networks of dense layers, batch normalization and ELU.", "lanefold");
  Run run;
  for (const auto add :
       {add_train, add_eval, add_predict, add_fold, add_study, add_plot, add_bench, add_info, add_verify, add_demo})
    add(app, run);
  app.footer("Examples:\n"
             "  lanefold demo\n"
             "  lanefold train --data mnist --save model.safetensors\n"
             "  lanefold eval model.safetensors --data mnist\n"
             "`lanefold VERB --help` has the options of a verb, `man lanefold` all.");
  app.set_version_flag("--version", "lanefold " + version(), "print the version and exit");
  if (complete(app, argc, argv)) return 0;
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
