// Names are those that the libraries report.
#include "kernels.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <map>
#include <stdexcept>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace lanefold::bench {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

struct Kernels {
  const char *library, *isa;
  std::vector<std::string> names;
};

const std::vector<Kernels> &table() {
  static const std::vector<Kernels> all = {
      {"OpenBLAS", "avx512", {"SkylakeX", "Cooperlake", "SapphireRapids"}},
      {"OpenBLAS", "avx2", {"Haswell", "Zen"}},
      {"BLIS", "avx512", {"skx", "zen4", "zen5"}},
      {"BLIS", "avx2", {"haswell", "zen3", "zen2", "zen"}},
      {"oneDNN", "avx512", {"avx512_core"}},
      {"oneDNN", "avx2", {"avx2"}},
      {"libxsmm", "avx512", {"skx"}},
      {"libxsmm", "avx2", {"hsw"}},
      {"NumPy", "avx512", {"AVX512_SKX"}},
      {"NumPy", "avx2", {"AVX2"}},
      {"PyTorch", "avx512", {"AVX512", "AVX2"}}, // its authors leave AVX2 the default on CPUs with AVX-512
      {"PyTorch", "avx2", {"AVX2"}},
  };
  return all;
}

// Calls the function in a child process.  Returns what it returns, or infinity if it fails.
double seconds_in_child(const std::function<double()> &seconds) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return infinity;
  const pid_t process = fork();
  if (process == 0) {
    alarm(60);                                                    // ends a library that hangs
    dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDERR_FILENO); // BLIS complains about CPUs that it was not built for
    double result = infinity;
    try {
      result = seconds();
    } catch (const std::exception &) { // this value is left out
    }
    const bool written = write(ends[1], &result, sizeof result) == sizeof result;
    _exit(written ? 0 : 1);
  }
  close(ends[1]);
  double result = infinity;
  if (process > 0 && read(ends[0], &result, sizeof result) != sizeof result) result = infinity;
  close(ends[0]);
  while (process > 0 && waitpid(process, nullptr, 0) < 0 && errno == EINTR) {
  }
  return result;
}

std::string fastest_value(const char *variable, const std::vector<std::string> &values,
                          const std::function<double()> &seconds) {
  // Equal kernels differ by noise, so only a clear difference replaces an earlier value.
  constexpr double clearly = 0.97;
  std::string best;
  double least = infinity;
  for (const std::string &value : values) {
    setenv(variable, value.c_str(), 1);
    const double measured = seconds_in_child(seconds);
    if (measured < (best.empty() ? infinity : clearly * least)) best = value, least = measured;
  }
  return best;
}

} // namespace

std::vector<std::string> kernels_for(const std::string &library, const std::string &isa) {
  for (const Kernels &row : table())
    if (row.library == library && row.isa == isa) return row.names;
  return {};
}

void check_kernels(const std::string &library, const std::string &isa, const std::string &kernels) {
  const std::vector<std::string> names = kernels_for(library, isa);
  if (names.empty() || std::find(names.begin(), names.end(), kernels) != names.end()) return;
  std::string expected;
  for (const std::string &name : names) expected += (expected.empty() ? "" : " or ") + name;
  throw std::runtime_error(library + " uses the kernels \"" + kernels + "\"; expected " + expected + " for " + isa);
}

void set_fastest(const char *variable, const std::vector<std::string> &values, const std::function<double()> &seconds) {
  static std::map<std::string, std::string> chosen; // by variable
  if (values.size() == 1) chosen[variable] = values.front();
  if (!chosen.contains(variable)) chosen[variable] = fastest_value(variable, values, seconds);
  if (const std::string &best = chosen[variable]; best.empty()) unsetenv(variable);
  else setenv(variable, best.c_str(), 1);
}

size_t fastest_of(const std::vector<std::function<void()>> &functions) {
  using Clock = std::chrono::steady_clock;
  constexpr int least_rounds = 3, most_rounds = 60;
  constexpr Clock::duration limit = std::chrono::milliseconds(20), enough = std::chrono::microseconds(10);
  const auto time = [](const std::function<void()> &function, int64_t calls) {
    const Clock::time_point begin = Clock::now();
    for (int64_t call = 0; call < calls; ++call) function();
    return Clock::now() - begin;
  };
  std::vector<int64_t> calls; // in each round, so that a round is long for the clock
  for (const auto &function : functions) {
    function();
    calls.push_back(1 + enough / std::max(time(function, 1), Clock::duration(1)));
  }
  std::vector<double> best(functions.size(), infinity);
  const Clock::time_point end = Clock::now() + static_cast<int64_t>(functions.size()) * limit;
  for (int i = 0; i < least_rounds || (i < most_rounds && Clock::now() < end); ++i)
    for (size_t f = 0; f < functions.size(); ++f)
      best[f] =
          std::min(best[f], static_cast<double>(time(functions[f], calls[f]).count()) / static_cast<double>(calls[f]));
  return static_cast<size_t>(std::min_element(best.begin(), best.end()) - best.begin());
}

} // namespace lanefold::bench
