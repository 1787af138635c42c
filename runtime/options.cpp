// In liblanefold, only this file reads environment variables. Programs that run as another user (set-user-ID) ignore them.
#include "runtime/options.hpp"

#include "runtime/cpus.hpp"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>

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

// A folder that an option names must be there. One that a variable names may be gone, because the variable belongs to
// the user and not to the program; then there is a warning.
void choose_folders(Check &check, const lf_context_options &options, Settings &settings) {
  std::vector<PluginFolder> &folders = settings.request.folders;
  folders.push_back(own_plugin_folder());
  const char *path = options.plugin_path;
  if (path == nullptr && opens_folders()) path = secure_getenv("LANEFOLD_PLUGIN_PATH");
  if (path == nullptr) return;
  std::vector<std::string> problems;
  for (const PluginFolder &folder : split_folders(path, problems)) folders.push_back(folder);
  if (problems.empty()) return;
  if (options.plugin_path != nullptr) {
    check.fail(LF_NOT_FOUND, "plugin_path: %s; %s", problems.front().c_str(),
               opens_folders() ? "name existing folders by absolute paths, with ':' between them" : "leave it NULL");
    return;
  }
  for (const std::string &problem : problems)
    settings.warnings.push_back("LANEFOLD_PLUGIN_PATH: " + problem +
                                ", so it is ignored; correct or unset the variable");
}

// LANEFOLD_NUM_THREADS, or most_threads without it.
int32_t threads_of_variable(Check &check) {
  const char *variable = secure_getenv("LANEFOLD_NUM_THREADS");
  if (variable == nullptr || *variable == 0) return most_threads;
  int32_t threads = 0;
  const char *last = variable + std::strlen(variable);
  const auto [end, error] = std::from_chars(variable, last, threads);
  if (error != std::errc() || end != last || threads < 1 || threads > most_threads)
    check.fail(LF_INVALID_ARGUMENT, "LANEFOLD_NUM_THREADS is '%s', but must be 1 to %d", variable, most_threads);
  return threads;
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
    settings.threads = std::min(options.executor != nullptr ? settings.executor.threads : available_cpus(),
                                threads_of_variable(check));
}

} // namespace

Settings read_options(Check &check, const lf_context_options *given) {
  Settings settings;
  lf_context_options options{};
  if (given != nullptr) options = check.read("options", given);
  check.flags("flags", options.flags, LF_QUIET, "LF_QUIET");
  check.flags("reserved", static_cast<uint32_t>(options.reserved), 0, "none");
  check.value("threads", int64_t{options.threads}, options.threads >= 0 && options.threads <= most_threads,
              "0 to 4096");
  choose_threads(check, options, settings);
  if (!check.ok()) return settings;
  settings.request.log = {options.log, options.log_self, (options.flags & LF_QUIET) != 0};
  settings.request.cpu = detect_features();
  choose_isa(options, settings.request);
  choose_folders(check, options, settings);
  return settings;
}

} // namespace lanefold::runtime
