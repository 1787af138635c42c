// lanefold conform: whether a plugin keeps what lanefold/plugin.h asks of it.
#include "trainer/conform/conform.hpp"

#include "cli/json.hpp"
#include "cli/words.hpp"
#include "trainer/commands/commands.hpp"

#include <charconv>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>

namespace lanefold::trainer {
namespace {

struct ConformCommand {
  std::string plugin;
  double patience = 10;
  std::vector<std::string> only;
  bool json = false;
};

const char *word_of(conform::State state) {
  switch (state) {
  case conform::State::holds: return "holds";
  case conform::State::fails: return "fails";
  case conform::State::not_run: return "not run";
  default: return "does not apply";
  }
}

void print(const conform::Result &result, std::string &group) {
  if (group != result.group) std::printf("\n%s\n", result.group);
  group = result.group;
  const char *mark = result.state == conform::State::fails            ? "FAILS"
                     : result.state == conform::State::not_applicable ? "-"
                                                                      : word_of(result.state);
  std::printf("  %-8s %-15s %s\n", mark, result.name, result.promise);
  for (const std::string &finding : result.findings) std::printf("           %s\n", finding.c_str());
  std::fflush(stdout);
}

void print_end(const conform::Report &report) {
  int counts[4] = {};
  for (const conform::Result &result : report.results) ++counts[static_cast<int>(result.state)];
  std::string operations;
  for (const std::string &name : report.operations) operations += (operations.empty() ? "" : ", ") + name;
  std::printf("\noperations  %s\n", operations.empty() ? "unknown" : operations.c_str());
  if (report.one_chain.has_value() || !report.one_chain_reason.empty())
    std::printf("one chain   %s\n", !report.one_chain.has_value() ? ("unknown: " + report.one_chain_reason).c_str()
                                    : *report.one_chain           ? "yes: it gives the bits of the golden vectors"
                                                                  : ("no: " + report.one_chain_reason).c_str());
  std::printf("%zu checks: %d hold, %d fail, %d not run, %d do not apply\n", report.results.size(), counts[0],
              counts[1], counts[2], counts[3]);
}

// A number, or the text if it is none.
cli::Json whole_of(const std::string &text) {
  int32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() ? cli::Json(number) : cli::Json(text);
}

cli::Json as_json(const conform::Report &report) {
  cli::Json checks = cli::Json::array();
  for (const conform::Result &result : report.results)
    checks.push_back({{"group", result.group},
                      {"name", result.name},
                      {"promise", result.promise},
                      {"state", word_of(result.state)},
                      {"findings", result.findings}});
  return {{"path", report.path},
          {"name", report.name},
          {"vendor", report.vendor},
          {"priority", whole_of(report.priority)},
          {"needs", report.needs},
          {"operations", report.operations},
          {"checks", checks},
          {"one_chain", report.one_chain.has_value() ? cli::Json(*report.one_chain) : cli::Json()},
          {"one_chain_reason", report.one_chain_reason},
          {"conforms", report.conforms()}};
}

int run_conform(const ConformCommand &o) {
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(o.plugin, error);
  if (!std::filesystem::exists(status)) throw cli::UsageError(o.plugin + ": " + error.message());
  if (!std::filesystem::is_regular_file(status))
    throw cli::UsageError(o.plugin + " is not a file; expected the module of a plugin");
  // A symbolic link is not resolved: the manifest lies beside the link.
  const std::string path = std::filesystem::absolute(o.plugin).lexically_normal().string();
  const std::vector<std::string> names = conform::check_names();
  for (const std::string &name : o.only)
    if (cli::code_of(names, name) < 0) throw cli::UsageError("--only: " + cli::unknown_word(name, names));
  std::string group;
  if (!o.json) std::printf("%s\n", path.c_str());
  const conform::Report report = conform::conform({path, o.patience, o.only}, [&](const conform::Result &result) {
    if (!o.json) print(result, group);
  });
  if (o.json) std::printf("%s\n", as_json(report).dump(2).c_str());
  else print_end(report);
  return report.conforms() ? 0 : 1;
}

} // namespace

cli::Command conform_command() {
  const auto o = std::make_shared<ConformCommand>();
  cli::Command command{.name = "conform",
                       .description = "Check that a plugin keeps what Lanefold asks of plugins.",
                       .examples = "Examples:\n  lanefold conform ./mine.so\n  lanefold conform ./mine.so --json",
                       .run = [o](const cli::Command &) { return run_conform(*o); }};
  command.options = {
      {.names = "plugin",
       .value = "PLUGIN.so",
       .target = &o->plugin,
       .range = cli::not_empty(),
       .help = "The module of the plugin. Its manifest lies beside it.",
       .need = cli::Option::required},
      {.names = "--patience",
       .value = "SECONDS",
       .target = &o->patience,
       .range = cli::number(0.1, 3600),
       .help = "A call that takes longer counts as hanging, and so does a check that takes 60 times as long."},
      {.names = "--only",
       .value = "CHECK[,CHECK]...",
       .target = &o->only,
       .help = "Run only these checks.",
       .repeated = cli::Option::commas},
      {.names = "--json",
       .target = &o->json,
       .help = "Print one JSON object.",
       .manual = "Its keys are path, name, vendor, priority and needs (from the manifest), operations "
                 "(those that it offers), checks (group, name, promise, state and findings of each), "
                 "one_chain (whether its results have the bits of the golden vectors; null if that could "
                 "not be tried), one_chain_reason and conforms. A state is holds, fails, not run (because of an "
                 "earlier failure) or does not apply. "
                 "The plugin conforms if each check holds or does not apply."}};
  return command;
}

} // namespace lanefold::trainer
