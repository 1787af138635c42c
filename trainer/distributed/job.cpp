// Launchers tell each process its rank in its environment.
#include "trainer/distributed/job.hpp"

#include "cli/command.hpp"
#include "trainer/distributed/mpi_job.hpp"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

namespace lanefold::trainer {
namespace {

Job *joined = nullptr;
int first_stderr = -1; // that of the process, where standard error is silenced

int number_in(const char *name, int fallback) {
  const char *text = std::getenv(name);
  return text != nullptr && *text >= '0' && *text <= '9' ? std::atoi(text) : fallback;
}

// Which CPUs this process may use, one bit for each.
std::string own_cpus() {
  std::string cpus(sizeof(cpu_set_t), 0);
  while (sched_getaffinity(0, cpus.size(), reinterpret_cast<cpu_set_t *>(cpus.data())) != 0 && errno == EINVAL &&
         cpus.size() < 1 << 16)
    cpus.assign(2 * cpus.size(), 0);
  return cpus;
}

// How many CPUs both have.
int common_cpus(const std::string &one, const std::string &other) {
  int count = 0;
  for (size_t i = 0; i < std::min(one.size(), other.size()); ++i)
    count += std::popcount(static_cast<unsigned char>(one[i] & other[i]));
  return count;
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
  const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (nowhere < 0) return;
  dup2(nowhere, STDOUT_FILENO), dup2(nowhere, STDERR_FILENO);
  close(nowhere);
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

int run_job(const std::string &command, cli::Command &program, const std::function<int()> &work) {
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
    else if (launch().rank == 0) tell(error.what()); // all ranks find it
    return cli::error_exit_code;
  }
  joined = ranks.get();
  std::string message;
  program.tells = [&](const std::string &text) { message = text; };
  const int code = work();
  program.tells = nullptr;
  // Otherwise rank 0 has printed the same: what is wrong with the words that all ranks were given.
  if (code == cli::error_exit_code && message.empty() && !ranks->is_first())
    message = "cannot take its command line or its environment";
  std::fflush(stdout);
  const bool all_well = ranks->settle(code == cli::error_exit_code, message);
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
  const std::vector<std::string> all = gather(*joined, mine);
  int sharing = 0;
  for (int rank = 0; rank < joined->count(); ++rank)
    sharing +=
        joined->host(rank) == joined->host(joined->rank()) && common_cpus(all[static_cast<size_t>(rank)], mine) > 0;
  return std::max(1, common_cpus(mine, mine) / std::max(1, sharing));
}

} // namespace lanefold::trainer
