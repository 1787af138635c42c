// Only this file reads environment variables. Programs that run as another user (set-user-ID) ignore them.
#include "runtime/options.hpp"

#include "runtime/executor.hpp"

#include <cstdlib>

namespace lanefold::runtime {
namespace {

constexpr int32_t most_threads = 4096;

void choose_isa(const lf_context_options &options, Request &request) {
  request.isa_source = "isa";
  if (options.isa != nullptr) request.isa = options.isa;
  if (!request.isa.empty()) return;
  const char *variable = secure_getenv("LANEFOLD_ISA");
  request.isa_source = "LANEFOLD_ISA";
  if (variable != nullptr) request.isa = variable;
}

void choose_folders(const lf_context_options &options, Request &request) {
  if (const auto own = own_plugin_folder(request.log)) request.folders.push_back(*own);
  const char *path = options.plugin_path != nullptr ? options.plugin_path : secure_getenv("LANEFOLD_PLUGIN_PATH");
  if (path == nullptr) return;
  for (const PluginFolder &folder : split_folders(path, request.log)) request.folders.push_back(folder);
}

void choose_threads(Check &check, const lf_context_options &options, Settings &settings) {
  if (options.executor != nullptr) {
    settings.executor = check.read("executor", options.executor);
    check.value("executor.threads", int64_t{settings.executor.threads},
                settings.executor.threads >= 1 && settings.executor.threads <= most_threads, "1 to 4096");
    if (settings.executor.parallel_for == nullptr) check.fail(LF_INVALID_ARGUMENT, "executor.parallel_for is NULL");
    if (options.threads > settings.executor.threads)
      check.fail(LF_INVALID_ARGUMENT, "threads is %d, but executor.threads is %d", options.threads,
                 settings.executor.threads);
  }
  settings.threads = options.threads;
  if (settings.threads == 0)
    settings.threads = options.executor != nullptr ? settings.executor.threads : available_cpus();
}

} // namespace

Settings read_options(Check &check, const lf_context_options *given) {
  Settings settings;
  lf_context_options options{};
  if (given != nullptr) options = check.read("options", given);
  check.flags("flags", options.flags, 0, "none");
  check.flags("reserved", static_cast<uint32_t>(options.reserved), 0, "none");
  check.value("threads", int64_t{options.threads}, options.threads >= 0 && options.threads <= most_threads,
              "0 to 4096");
  choose_threads(check, options, settings);
  if (!check.ok()) return settings;
  settings.request.log = {options.log, options.log_self};
  settings.request.cpu = detect_features();
  choose_isa(options, settings.request);
  choose_folders(options, settings.request);
  return settings;
}

} // namespace lanefold::runtime
