// The job that this process is a rank of.  A process that mpirun has not started is a job of its own.
#pragma once

#include "trainer/distributed/ranks.hpp"

#include <functional>
#include <memory>
#include <optional>

namespace lanefold::cli {
struct Command;
}

namespace lanefold::trainer {

// How a launcher (mpirun, srun) started this process, as its environment says.
struct Launch {
  int rank = 0, count = 1;
};
Launch launch();

// Ranks of processes, which can also end together.
class Job : public Ranks {
public:
  const std::string &host(int rank) const { return hosts_[static_cast<size_t>(rank)]; }
  // Tells the others how this rank has ended, and waits for them.  message: what this rank says about its failure.
  // Returns whether none has failed.  The first rank that has failed has told its message by then.
  virtual bool settle(bool has_failed, const std::string &message) = 0;

protected:
  using Ranks::Ranks;
  std::vector<std::string> hosts_; // of each rank
};

// What other ranks than the first one print is not shown from now on, because the first one prints the same.
void silence_other_ranks();
// Writes to the standard error that the process began with.
void tell(const std::string &message);

// The ranks of this process: those of the job that run_job() runs, or one.
Ranks &job();

// Seconds that a rank waits for a message before it asks the others for an answer: 300, or $LANEFOLD_RANK_TIMEOUT.
double rank_timeout();

// Joins the job and runs work(), which runs the program, and returns 2 if it fails.  All ranks must have the same
// `command`.  If a rank fails, all ranks return 2, and one of them tells why.
int run_job(const std::string &command, cli::Command &program, const std::function<int()> &work);

// How many ranks of the job this host has.
int ranks_on_host();

// The number of CPUs of this process, divided by the number of ranks on this host that may use one of them; at least 1.
// Returns 0 if this process has joined no job.
// All ranks call it together.
int threads_of_rank();

} // namespace lanefold::trainer
