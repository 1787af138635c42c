// Asks the description of the command line itself, so that nothing can be forgotten.
#include "cli/completion.hpp"

#include <CLI/CLI.hpp>

#include <sstream>

namespace lanefold::cli {
namespace {

// An option's words: its type is "TEXT:elu|relu|...", as one_of() names it.
std::vector<std::string> values_of(const CLI::Option &option) {
  const std::string type = option.get_type_name();
  std::vector<std::string> words;
  if (type.find('|') == std::string::npos) return words;
  std::istringstream stream(type.substr(type.find(':') + 1));
  for (std::string word; std::getline(stream, word, '|');) words.push_back(word);
  return words;
}

const CLI::App *verb_of(const CLI::App &app, const std::string &name) {
  for (const CLI::App *verb : app.get_subcommands([](const CLI::App *) { return true; }))
    if (verb->get_name() == name) return verb;
  return nullptr;
}

} // namespace

std::vector<std::string> verb_names(const CLI::App &app) {
  std::vector<std::string> names;
  for (const CLI::App *verb : app.get_subcommands([](const CLI::App *) { return true; }))
    if (!verb->get_name().empty() && verb->get_group() != "") names.push_back(verb->get_name());
  return names;
}

std::vector<std::string> option_names(const CLI::App &verb) {
  std::vector<std::string> names;
  for (const CLI::Option *option : verb.get_options())
    for (const std::string &name : option->get_lnames()) names.push_back("--" + name);
  return names;
}

std::vector<std::string> completions(const CLI::App &app, const std::vector<std::string> &words) {
  const std::string last = words.empty() ? "" : words.back();
  std::vector<std::string> offered;
  if (words.size() < 2) {
    offered = verb_names(app);
    offered.insert(offered.end(), {"--help"});
  } else {
    const CLI::App *verb = verb_of(app, words[0]);
    if (verb == nullptr) return {};
    const CLI::Option *option = verb->get_option_no_throw(words[words.size() - 2]);
    if (option != nullptr && option->get_expected_min() > 0) {
      offered = values_of(*option);
      if (offered.empty()) return {""};
    } else if (last.starts_with("-")) {
      offered = option_names(*verb);
    } else {
      return {""};
    }
  }
  std::vector<std::string> fitting;
  for (const std::string &word : offered)
    if (word.starts_with(last)) fitting.push_back(word);
  return fitting;
}

} // namespace lanefold::cli
