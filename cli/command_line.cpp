// The command line, by CLI11.
#include "cli/command.hpp"

#include "cli/words.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <new>

namespace lanefold::cli {
namespace {

constexpr const char *refused = "ValidationError"; // CLI11's name of the error for a value that is not valid

// Breaks lines between words, because CLI11 does not.
std::string wrapped(const std::string &text) {
  constexpr size_t width = 88; // characters beside the names of options
  std::string result;
  size_t length = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find(' ', at), text.size());
    const bool breaks = length > 0 && length + 1 + end - at > width;
    if (length > 0) result += breaks ? '\n' : ' ';
    length = (breaks || length == 0 ? 0 : length + 1) + end - at;
    result += text.substr(at, end - at);
    at = end + 1;
  }
  return result;
}

// What help says of an option, beside its name: "one of a, b; default a".
std::string description_of(const Option &option) {
  std::string text = option.help;
  std::string notes = option.range.text();
  if (option.range.kind == Range::Kind::not_empty) notes = "";
  const std::string usual = option.fallback.empty() ? text_of(option.target, option.range) : option.fallback;
  if (!usual.empty() && !option.value.empty() && option.need != Option::required)
    notes += (notes.empty() ? "default: " : "; default: ") + usual;
  return wrapped(notes.empty() ? text : text + " [" + notes + "]");
}

void store(Option &option, const std::string &given) {
  const std::string problem = option.range.problem(given);
  if (!problem.empty()) throw CLI::ValidationError(option.long_name(), problem);
  assign(option.target, option.range, given);
}

void add_flag(CLI::App &app, Option &option) {
  app.add_flag_function(
      option.names,
      [&option](int64_t times) {
        option.times = static_cast<int>(times);
        option.target.as<bool>() = times > 0;
      },
      wrapped(option.help));
}

void add_option(CLI::App &app, Option &option) {
  if (option.value.empty()) return add_flag(app, option);
  const CLI::callback_t callback = [&option](const CLI::results_t &values) {
    option.times = static_cast<int>(values.size());
    for (const std::string &value : values) store(option, value);
    return true;
  };
  CLI::Option *added = app.add_option(option.names, callback, description_of(option));
  added->type_name(option.value)->type_size(1)->expected(1)->allow_extra_args(false);
  if (option.repeated == Option::last) added->take_last();
  if (option.repeated == Option::all || option.repeated == Option::commas)
    added->expected(1, CLI::detail::expected_max_vector_size)->allow_extra_args(!option.names.starts_with("-"));
  if (option.repeated == Option::commas) added->delimiter(',');
  added->required(option.need == Option::required);
  if (!option.heading.empty()) added->group(option.heading);
}

// Options that were not given take the values of their environment variables.  CLI11 would give them to verbs that were
// not chosen too, which may share their targets with the one that was.
void take_environment(Command &command) {
  for (Option &option : command.options) {
    const char *value = option.environment.empty() ? nullptr : std::getenv(option.environment.c_str());
    if (option.times > 0 || value == nullptr || *value == 0) continue;
    option.times = 1;
    store(option, value);
  }
}

// The words of CLI11 for a command.  Options are stored in the order of the list, whatever their order on the line.
void describe(CLI::App &app, Command &command, Command *&chosen) {
  for (Option &option : command.options) add_option(app, option);
  for (const Option &option : command.options)
    if (!option.excludes.empty()) app.get_option(option.long_name())->excludes(app.get_option(option.excludes));
  for (Command &verb : command.verbs) {
    CLI::App *sub = app.add_subcommand(verb.name, verb.description);
    if (verb.hidden) sub->group("");
    describe(*sub, verb, chosen);
    sub->callback([&verb, &chosen] { chosen = &verb; });
  }
  app.footer(command.examples);
}

int print(const std::string &program, const std::string &text) {
  std::fputs(text.c_str(), stdout);
  if (std::fflush(stdout) == 0 && !std::ferror(stdout)) return 0;
  std::fprintf(stderr, "%s: standard output cannot be written\n", program.c_str());
  return error_exit_code;
}

// The nearest of the known words, as a line of its own; "" if none is near.
std::string suggest(const std::string &word, const std::vector<std::string> &known) {
  const std::string near = nearest(word, known);
  return near.empty() ? "" : "did you mean " + near + "?\n";
}

// Says what is wrong with the command line, what was probably meant, and what is valid.
int explain(const Command &program, const CLI::App &app, const CLI::ParseError &error) {
  const auto verbs = app.get_subcommands();
  const CLI::App &at = verbs.empty() ? app : *verbs.front();
  const std::string help = verbs.empty() ? app.help() : at.help(app.get_name());
  if (error.get_exit_code() == 0) {
    const bool version = error.get_name() == "CallForVersion";
    return print(program.name, version ? std::string(error.what()) + "\n" : help);
  }
  std::fprintf(stderr, "%s: %s\n", program.name.c_str(), error.what());
  // The message for a value lists the valid ones.  For an unknown word, help lists the known ones.
  if (error.get_name() == refused) return error_exit_code;
  const Command *verb = program.verb(at.get_name());
  const std::vector<std::string> known = (verb ? *verb : program).option_names();
  for (const std::string &word : at.remaining())
    if (word.starts_with("-")) std::fputs(suggest(word.substr(0, word.find('=')), known).c_str(), stderr);
  std::fprintf(stderr, "\n%s", help.c_str());
  return error_exit_code;
}

// True if the first word should be a verb but is not one.  It then says so.
bool unknown_verb(const Command &program, const CLI::App &app, int argc, char **argv) {
  if (program.run || argc < 2 || argv[1][0] == '-' || program.verb(argv[1])) return false;
  std::fprintf(stderr, "%s: '%s' is not a verb\n%s\n%s", program.name.c_str(), argv[1],
               suggest(argv[1], program.verb_names()).c_str(), app.help().c_str());
  return true;
}

// Options of the program itself mean nothing to its verbs.
void check_verb_first(const Command &program, const Command &chosen) {
  if (&chosen == &program) return;
  for (const Option &option : program.options)
    if (option.times > 0) throw UsageError(option.long_name() + ": comes before the verb, which does not know it");
}

int run(const Command &program, const Command &chosen) {
  const auto tell = [&](const char *message) {
    if (program.tells) program.tells(message);
    else std::fprintf(stderr, "%s: %s\n", program.name.c_str(), message);
  };
  try {
    check_verb_first(program, chosen);
    const int code = chosen.run(chosen);
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0)
      throw std::runtime_error("standard output cannot be written");
    return code;
  } catch (const AlreadyTold &) {
  } catch (const std::bad_alloc &) {
    tell("out of memory");
  } catch (const std::exception &error) {
    tell(error.what());
  }
  return error_exit_code;
}

} // namespace

int run_command_line(Command &program, int argc, char **argv, const std::string &version) {
  // A verb that takes all words takes them as they are.
  for (Command &verb : program.verbs)
    if (verb.passes_all && argc > 1 && verb.name == argv[1]) {
      verb.words.assign(argv + 2, argv + argc);
      return run(program, verb);
    }
  CLI::App app(program.description, program.name);
  Command *chosen = program.run ? &program : nullptr;
  describe(app, program, chosen);
  if (!version.empty()) app.set_version_flag("--version", version, "Print the version and exit.");
  if (unknown_verb(program, app, argc, argv)) return error_exit_code;
  try {
    app.parse(argc, argv);
    if (chosen) take_environment(*chosen);
  } catch (const CLI::ParseError &error) {
    return explain(program, app, error);
  }
  if (chosen) return run(program, *chosen);
  std::fprintf(stderr, "%s: a verb is missing\n\n%s", program.name.c_str(), app.help().c_str());
  return error_exit_code;
}

} // namespace lanefold::cli
