// lanefold info: the CPU, each plugin that was considered, and which one answers the calls; or what a model holds.
#include "cli/json.hpp"
#include "trainer/checkpoint/checkpoint.hpp"
#include "trainer/commands/commands.hpp"
#include "trainer/commands/shared_options.hpp"

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

void print_info(const cli::Json &info) {
  const auto text = [](const cli::Json &object, const char *key) { return object.at(key).text().c_str(); };
  std::printf("lanefold %s\nCPU      %s\n", text(info, "version"), text(info, "cpu"));
  if (info.contains("threads")) std::printf("threads  %lld\n", static_cast<long long>(info.at("threads").whole()));
  for (const cli::Json &p : info.at("plugins").elements())
    std::printf("\n%s %s (%s)\n    needs: %s\n    %s\n    %s\n",
                p.at("taken").boolean()    ? "*"
                : p.at("usable").boolean() ? "+"
                                           : "-",
                text(p, "name"), text(p, "vendor"), p.at("needs") == "" ? "nothing" : text(p, "needs"),
                text(p, "reason"), text(p, "path"));
  std::printf("\n* taken   + usable   - not usable here\n");
}

int run_info(const ContextOptions &options, bool json) {
  auto o = args<lf_context_options>();
  o.threads = options.threads;
  o.isa = options.isa.c_str();
  cli::Json plugins = cli::Json::array();
  const lf_status status = lf_enumerate_plugins(&o, collect, &plugins);
  const std::string message = status == LF_OK ? "" : in_words_of_options(lf_last_error(nullptr));
  cli::Json info = {{"version", version()}, {"cpu", describe_cpu()}};
  o.flags = LF_QUIET; // the reasons above say what is missing
  if (status == LF_OK) info["threads"] = Context(o).threads();
  info["plugins"] = plugins;
  if (status != LF_OK) info["error"] = message;
  if (json) std::printf("%s\n", info.dump(2).c_str());
  else print_info(info);
  std::fflush(stdout);
  if (status != LF_OK) throw Error(status, message);
  return 0;
}

int describe_model(const ModelOptions &options) {
  std::printf("%s\n", open_model(options).describe().c_str());
  return 0;
}

} // namespace

cli::Command info_command() {
  struct Options {
    ContextOptions context;
    ModelOptions model;
    bool json = false;
  };
  const auto o = std::make_shared<Options>();
  cli::Command command{.name = "info",
                       .description = "Print the CPU and which plugins it can use, or describe a model.",
                       .examples =
                           "Examples:\n  lanefold info\n  lanefold info --isa avx2 --json\n  lanefold info model.onnx",
                       .run = [o](const cli::Command &) {
                         return o->model.path.empty() ? run_info(o->context, o->json) : describe_model(o->model);
                       }};
  command.options = {{.names = "--json",
                      .target = &o->json,
                      .help = "Print one JSON object, which a model always is.",
                      .manual = "Its keys are version, cpu, threads and plugins, an array of objects with name, taken, "
                                "usable, priority, needs, reason, vendor and path. If the plugin of --isa cannot be "
                                "used, error replaces threads, and the exit status is 2."}};
  add_model_options(command.options, o->model, true);
  add_context_options(command.options, o->context);
  return command;
}

} // namespace lanefold::trainer
