// lanefold bench: hands the rest of the command line to lanefold-bench, which alone needs Google Benchmark.
#include "trainer/commands/bench.hpp"
#include "trainer/commands/commands.hpp"

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
       {self.parent_path() / "bench" / "lanefold-bench", self / LANEFOLD_LIBEXEC / "lanefold-bench"})
    if (std::filesystem::exists(path, error)) return path.string();
  throw cli::UsageError(
      "lanefold-bench does not exist: build the benchmarks (meson -Dbench=enabled needs Google Benchmark)");
}

} // namespace

int become_bench(const std::vector<std::string> &words) {
  std::vector<std::string> all = {program()};
  all.insert(all.end(), words.begin(), words.end());
  std::vector<char *> pointers;
  for (std::string &word : all) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  execv(pointers[0], pointers.data());
  throw cli::UsageError(all[0] + " cannot be started: " + std::strerror(errno));
}

cli::Command bench_command() {
  return {.name = "bench",
          .description = "Measure speed beside other libraries and the limits of this machine, and write a report.",
          .run = [](const cli::Command &command) { return become_bench(command.words); },
          .passes_all = true};
}

} // namespace lanefold::trainer
