// lanefold bench: hands the rest of the command line to lanefold-bench, which alone needs Google Benchmark.
#include "trainer/commands/bench.hpp"
#include "trainer/commands/commands.hpp"
#include "trainer/commands/shared_options.hpp"

#include <CLI/CLI.hpp>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include <unistd.h>

namespace lanefold::trainer {
namespace {

// Beside this command's own folder where it was built, and where it was installed.
std::string program() {
  std::error_code error;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
  for (const std::filesystem::path &path :
       {self.parent_path() / "bench" / "lanefold-bench", self.parent_path() / "libexec" / "lanefold" / "lanefold-bench",
        std::filesystem::path(LANEFOLD_LIBEXEC) / "lanefold-bench"})
    if (std::filesystem::exists(path, error)) return path.string();
  throw UsageError(
      "lanefold-bench is not there: the benchmarks were not built (meson -Dbench=enabled, Google Benchmark)");
}

} // namespace

int become_bench(const std::vector<std::string> &words) {
  std::vector<std::string> all = {program()};
  all.insert(all.end(), words.begin(), words.end());
  std::vector<char *> pointers;
  for (std::string &word : all) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  execv(pointers[0], pointers.data());
  throw UsageError(all[0] + " could not be started: " + std::strerror(errno));
}

void add_bench(CLI::App &app, Run &run_verb) {
  CLI::App *verb =
      app.add_subcommand("bench", "speed, beside other libraries and the limits of this machine: a report");
  verb->prefix_command();
  verb->set_help_flag(); // the benchmarks' own
  verb->callback([=, &run_verb] {
    const std::vector<std::string> words = verb->remaining();
    run_verb = [=] { return become_bench(words); };
  });
}

} // namespace lanefold::trainer
