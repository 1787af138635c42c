// lanefold info: the CPU, each plugin that was considered, and which one answers the calls.
#include "cli/strict_json.hpp"
#include "trainer/commands/commands.hpp"
#include "trainer/commands/shared_options.hpp"

#include <CLI/CLI.hpp>

#include <memory>

namespace lanefold::trainer {
namespace {

void collect(void *self, const lf_plugin_candidate *c) {
  static_cast<cli::Json *>(self)->push_back({{"name", c->name},
                                        {"taken", c->taken != 0},
                                        {"usable", c->usable != 0},
                                        {"priority", c->priority},
                                        {"needs", c->needs},
                                        {"reason", c->reason},
                                        {"vendor", c->vendor},
                                        {"path", c->path}});
}

void print(const cli::Json &info) {
  std::printf("lanefold %s\nCPU      %s\n", info["version"].get<std::string>().c_str(),
              info["cpu"].get<std::string>().c_str());
  if (info.contains("threads")) std::printf("threads  %d\n", info["threads"].get<int>());
  for (const cli::Json &p : info["plugins"])
    std::printf("\n%s %s (%s)\n    needs: %s\n    %s\n    %s\n",
                p["taken"]    ? "*"
                : p["usable"] ? "+"
                              : "-",
                p["name"].get<std::string>().c_str(), p["vendor"].get<std::string>().c_str(),
                p["needs"] == "" ? "nothing" : p["needs"].get<std::string>().c_str(),
                p["reason"].get<std::string>().c_str(), p["path"].get<std::string>().c_str());
  std::printf("\n* taken   + usable   - not usable here\n");
}

int run(const ContextOptions &options, bool json) {
  auto o = args<lf_context_options>();
  o.threads = options.threads;
  o.isa = options.isa.c_str();
  cli::Json plugins = cli::Json::array();
  const lf_status status = lf_enumerate_plugins(&o, collect, &plugins);
  const std::string message = status == LF_OK ? "" : lf_last_error(nullptr);
  cli::Json info = {{"version", version()}, {"cpu", describe_cpu()}};
  if (status == LF_OK) info["threads"] = Context(o).threads();
  info["plugins"] = plugins;
  if (status != LF_OK) info["error"] = message;
  if (json) std::printf("%s\n", info.dump(2).c_str());
  else print(info);
  std::fflush(stdout);
  if (status != LF_OK) throw Error(status, message);
  return 0;
}

} // namespace

void add_info(CLI::App &app, Run &run_verb) {
  struct Options {
    ContextOptions context;
    bool json = false;
  };
  CLI::App *verb = app.add_subcommand("info", "the CPU, and which plugins it can use, and why");
  const auto o = std::make_shared<Options>();
  verb->add_flag("--json", o->json, "as JSON");
  add_context_options(*verb, o->context);
  verb->footer("Examples:\n  lanefold info\n  lanefold info --isa avx2 --json");
  verb->callback([=, &run_verb] { run_verb = [=] { return run(o->context, o->json); }; });
}

} // namespace lanefold::trainer
