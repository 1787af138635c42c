// Launchers tell each process its rank in its environment.
#include "trainer/distributed/job.hpp"

#include "cli/command.hpp"
#include "trainer/distributed/mpi_job.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

namespace lanefold::trainer {
namespace {

Job *joined = nullptr;
int first_stderr = -1; // that of the process, where standard error is silenced

int number_in(const char *name, int fallback) {
  const char *text = std::getenv(name);
  return text != nullptr && *text >= '0' && *text <= '9' ? std::atoi(text) : fallback;
}

// Which CPUs this process may use, as text.
std::string own_cpus() {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  sched_getaffinity(0, sizeof cpus, &cpus);
  return {reinterpret_cast<const char *>(&cpus), sizeof cpus};
}

} // namespace

Launch launch() {
  constexpr const char *names[][2] = {{"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"},
                                      {"PMI_RANK", "PMI_SIZE"},
                                      {"SLURM_PROCID", "SLURM_STEP_NUM_TASKS"}};
  for (const auto &[rank, count] : names)
    if (const int ranks = number_in(count, 0); ranks > 1) return {std::min(number_in(rank, 0), ranks - 1), ranks};
  return {};
}

void silence_other_ranks() {
  if (launch().rank == 0) return;
  std::fflush(stdout), std::fflush(stderr);
  first_stderr = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
  const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC), kept = memfd_create("stderr", MFD_CLOEXEC);
  if (nowhere >= 0) dup2(nowhere, STDOUT_FILENO);
  if (kept >= 0) dup2(kept, STDERR_FILENO);
  close(nowhere), close(kept);
}

std::string said() {
  if (first_stderr < 0) return "";
  std::fflush(stderr);
  std::string text(4096, 0);
  const off_t end = lseek(STDERR_FILENO, 0, SEEK_CUR);
  const off_t begin = std::max<off_t>(0, end - static_cast<off_t>(text.size()));
  const ssize_t got = pread(STDERR_FILENO, text.data(), text.size(), begin);
  text.resize(got > 0 ? static_cast<size_t>(got) : 0);
  // The last message of the command.  What came before it was progress.
  const std::string name = "lanefold: ";
  const size_t at = text.rfind("\n" + name);
  text = at != std::string::npos ? text.substr(at + 1) : text;
  while (text.ends_with('\n')) text.pop_back();
  return text.starts_with(name) ? text.substr(name.size()) : text;
}

void tell(const std::string &message) {
  const std::string line = "lanefold: " + message + "\n";
  const int to = first_stderr >= 0 ? first_stderr : STDERR_FILENO;
  // Nobody is left to hear of an error.
  [[maybe_unused]] const ssize_t written = write(to, line.data(), line.size());
}

double rank_timeout() {
  static const int seconds = std::max(1, number_in("LANEFOLD_RANK_TIMEOUT", 300));
  return seconds;
}

Ranks &job() { return joined != nullptr ? *joined : alone(); }

int run_job(const std::string &command, const std::function<int()> &work) {
  if (launch().count == 1) return work();
  if (!has_mpi()) {
    if (launch().rank == 0)
      tell("was started as " + std::to_string(launch().count) +
           " processes, but this build has no MPI: they would not know of each other; meson setup -Dmpi=enabled adds "
           "it");
    return cli::error_exit_code;
  }
  std::unique_ptr<Job> ranks;
  try {
    ranks = join_mpi(launch());
    need_same(*ranks, "command or version of Lanefold", command);
  } catch (const std::exception &error) {
    if (ranks != nullptr) ranks->settle(true, error.what());
    else tell(error.what());
    return cli::error_exit_code;
  }
  joined = ranks.get();
  const int code = work();
  std::fflush(stdout);
  const bool all_well = ranks->settle(code == cli::error_exit_code, said());
  joined = nullptr;
  return all_well ? code : cli::error_exit_code;
}

int ranks_on_host() {
  if (joined == nullptr) return 1;
  int here = 0;
  for (int rank = 0; rank < joined->count(); ++rank) here += joined->host(rank) == joined->host(joined->rank());
  return here;
}

int threads_of_rank() {
  if (joined == nullptr) return 0;
  const std::string mine = own_cpus();
  cpu_set_t cpus;
  std::memcpy(&cpus, mine.data(), sizeof cpus);
  const std::vector<std::string> all = gather(*joined, mine);
  int sharing = 0;
  for (int rank = 0; rank < joined->count(); ++rank)
    sharing += joined->host(rank) == joined->host(joined->rank()) && all[static_cast<size_t>(rank)] == mine;
  return std::max(1, CPU_COUNT(&cpus) / std::max(1, sharing));
}

} // namespace lanefold::trainer
