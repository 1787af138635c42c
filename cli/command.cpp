// Questions about a command, and what a shell may offer while a command line is typed.
#include "cli/command.hpp"

#include <cstdio>

namespace lanefold::cli {

bool Command::given(const std::string &option) const {
  for (const Option &each : options)
    if (each.long_name() == option) return each.times > 0;
  return false;
}

const Command *Command::verb(const std::string &wanted) const {
  for (const Command &each : verbs)
    if (each.name == wanted) return &each;
  return nullptr;
}

std::vector<std::string> Command::verb_names() const {
  std::vector<std::string> names;
  for (const Command &each : verbs)
    if (!each.hidden) names.push_back(each.name);
  return names;
}

std::vector<std::string> Command::option_names() const {
  std::vector<std::string> names;
  for (const Option &option : options)
    if (option.names.starts_with("-")) names.push_back(option.long_name());
  names.push_back("--help");
  return names;
}

namespace {

const Option *option_called(const Command &command, const std::string &word) {
  if (!word.starts_with("-")) return nullptr;
  for (const Option &option : command.options)
    if (word == option.long_name() || option.names.starts_with(word + ",")) return &option;
  return nullptr;
}

std::vector<std::string> offers(const Command &command, const std::vector<std::string> &words) {
  const std::string last = words.empty() ? "" : words.back();
  const Option *option = words.size() > 1 ? option_called(command, words[words.size() - 2]) : nullptr;
  if (option && !option->value.empty())
    return option->range.kind == Range::Kind::word ? *option->range.words : std::vector<std::string>{""};
  if (last.starts_with("-")) return command.option_names();
  if (words.size() < 2 && !command.verbs.empty()) {
    std::vector<std::string> names = command.verb_names();
    names.push_back("--help");
    return names;
  }
  return {""};
}

} // namespace

std::vector<std::string> completions(const Command &program, const std::vector<std::string> &words) {
  const std::string last = words.empty() ? "" : words.back();
  std::vector<std::string> offered;
  const Command *verb = words.size() > 1 ? program.verb(words[0]) : nullptr;
  if (verb) offered = offers(*verb, {words.begin() + 1, words.end()});
  else if (words.size() < 2 || program.run) offered = offers(program, words);
  if (offered == std::vector<std::string>{""}) return offered;
  std::vector<std::string> fitting;
  for (const std::string &word : offered)
    if (word.starts_with(last)) fitting.push_back(word);
  return fitting;
}

Command complete_command(const Command &program) {
  return {.name = "complete",
          .run =
              [&program](const Command &command) {
                std::vector<std::string> words = command.words;
                if (!words.empty() && words.front() == "--") words.erase(words.begin());
                for (const std::string &word : completions(program, words)) std::printf("%s\n", word.c_str());
                return 0;
              },
          .hidden = true,
          .passes_all = true};
}

} // namespace lanefold::cli
