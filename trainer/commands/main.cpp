// The lanefold command.
#include "cli/manual.hpp"
#include "trainer/commands/bench.hpp"
#include "trainer/commands/commands.hpp"
#include "trainer/commands/shared_options.hpp"
#include "trainer/distributed/job.hpp"
#include "trainer/fields.hpp"
#include "trainer/network/description.hpp"

#include <lanefold/lanefold.hpp>

#include <csignal>
#include <cstdio>

namespace lanefold::trainer {
namespace {

// `lanefold bench` completes its own words.
int complete(const cli::Command &program, const cli::Command &command) {
  std::vector<std::string> words = command.words;
  if (words.size() > 2 && words[0] == "--" && words[1] == "bench") {
    words[1] = "--", words[0] = "complete";
    become_bench(words);
  }
  return cli::complete_command(program).run(command);
}

// For docs/lanefold.1: `lanefold manual TEMPLATE` prints the manual page.
int print_manual(const cli::Command &program, const std::vector<std::string> &words) {
  if (words.size() != 1) throw cli::UsageError("manual: expected the template of the page");
  LayerDescription layer;
  cli::Table keys = {{"key", "value", "default"}};
  for (const Entry &entry : entries(layer))
    keys.push_back({entry.key, entry.option.table.empty() ? entry.option.range.text() : "as " + entry.option.names,
                    entry.option.fallback.empty() ? value_of(entry) : entry.option.fallback});
  std::fputs(cli::manual_page(program, words.front(), {{"layer", keys}}).c_str(), stdout);
  return 0;
}

// The command that all ranks must have: the words without those that may differ between machines.
std::string command_of_ranks(int argc, char **argv) {
  std::string text = version();
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    bool differs = false;
    for (const std::string_view option : {"--isa", "--threads", "--data", "--test"}) {
      if (word == option) ++i;
      differs = differs || word == option || word.starts_with(std::string(option) + "=");
    }
    if (!differs) text.append("\n").append(word);
  }
  return text;
}

} // namespace

cli::Command lanefold_program() {
  cli::Command program{.name = "lanefold",
                       .description = "Trains, folds and runs networks of dense layers, batch normalization and ELU.",
                       .examples = "Examples:\n"
                                   "  lanefold demo\n"
                                   "  lanefold train --data mnist --save model.safetensors\n"
                                   "  lanefold eval model.safetensors --data mnist\n"
                                   "`lanefold VERB --help` shows the options of a verb, `man lanefold` everything."};
  program.verbs = {train_command(),  eval_command(),    predict_command(), fold_command(),  import_command(),
                   export_command(), study_command(),   plot_command(),    bench_command(), info_command(),
                   verify_command(), conform_command(), demo_command()};
  for (cli::Command &verb : program.verbs)
    verb.run = [run = verb.run](const cli::Command &command) {
      // Nobody who typed an option wants the name of a C function.
      try {
        return run(command);
      } catch (const Error &error) {
        throw Error(error.status, in_words_of_options(error.what()));
      }
    };
  return program;
}

} // namespace lanefold::trainer

int main(int argc, char **argv) {
  using namespace lanefold;
  const bool is_bench = argc > 1 && argv[1] == std::string_view("bench"); // another program, which does this itself
  if (!is_bench) trainer::silence_other_ranks();
  std::signal(SIGXFSZ, SIG_IGN); // a file that grows too large is then an error like any other
  cli::Command program = trainer::lanefold_program();
  program.verbs.push_back({.name = "complete",
                           .run = [&program](const cli::Command &c) { return trainer::complete(program, c); },
                           .hidden = true,
                           .passes_all = true});
  program.verbs.push_back({.name = "manual",
                           .run = [&program](const cli::Command &c) { return trainer::print_manual(program, c.words); },
                           .hidden = true,
                           .passes_all = true});
  const auto run = [&] { return cli::run_command_line(program, argc, argv, "lanefold " + trainer::version()); };
  for (const std::string_view divided : {"train", "eval", "predict"})
    if (argc > 1 && argv[1] == divided) return trainer::run_job(trainer::command_of_ranks(argc, argv), program, run);
  return is_bench || trainer::launch().rank == 0 ? run() : 0; // once for all ranks
}
