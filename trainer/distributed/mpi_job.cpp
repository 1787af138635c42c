// Ranks by MPI-3, on two communicators: one for data, one for notices.  A rank that waits also reads notices, so it ends
// when another rank has failed, and answers when another one asks whether it is still there.
#include "trainer/distributed/mpi_job.hpp"

// Only the C interface.
#define OMPI_SKIP_MPICXX 1
#define MPICH_SKIP_MPICXX 1
#include <mpi.h>

#include <algorithm>
#include <chrono>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <map>

#include <sched.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

namespace lanefold::trainer {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

// A notice begins with its kind, and goes on with a text.
enum Notice : char { question = '?', answer = '!', well = 'w', failed = 'f', aborted = 'a' };

class MpiJob : public Job {
public:
  MpiJob(int rank, int count)
      : Job(rank, count), ended_(static_cast<size_t>(count)), answered_(static_cast<size_t>(count)) {
    MPI_Comm_dup(MPI_COMM_WORLD, &data_);
    MPI_Comm_dup(MPI_COMM_WORLD, &notices_);
    MPI_Comm_set_errhandler(data_, MPI_ERRORS_RETURN);
    MPI_Comm_set_errhandler(notices_, MPI_ERRORS_RETURN);
    char name[MPI_MAX_PROCESSOR_NAME] = {};
    int length = 0;
    MPI_Get_processor_name(name, &length);
    hosts_ = gather(*this, name);
    const auto here = std::count(hosts_.begin(), hosts_.end(), hosts_[static_cast<size_t>(rank)]);
    patience_ = here > sysconf(_SC_NPROCESSORS_ONLN) ? 5e-6 : 1e-3;
    prctl(PR_SET_TIMERSLACK, 1000, 0, 0, 0); // naps last as long as they should
  }
  ~MpiJob() override {
    if (is_settled_) MPI_Finalize();
  }

  Transfer send(int to, Channel channel, const void *bytes, size_t size) override {
    count_sent(size);
    MPI_Request request;
    need(MPI_Isend(bytes, count_of(size), MPI_BYTE, to, static_cast<int>(channel), data_, &request), to);
    open_[++last_] = {request, false, count_of(size)};
    return last_;
  }

  Transfer receive(int from, Channel channel, void *bytes, size_t size) override {
    MPI_Request request;
    need(MPI_Irecv(bytes, count_of(size), MPI_BYTE, from, static_cast<int>(channel), data_, &request), from);
    open_[++last_] = {request, true, count_of(size)};
    return last_;
  }

  bool is_done(Transfer transfer) override {
    const auto at = open_.find(transfer);
    if (at == open_.end()) return true;
    int done = 0, size = 0;
    MPI_Status status;
    need(MPI_Test(&at->second.request, &done, &status), -1);
    if (done == 0) return false;
    if (at->second.is_receive) {
      MPI_Get_count(&status, MPI_BYTE, &size);
      if (size != at->second.size)
        fail(name_of(status.MPI_SOURCE) + " has sent a message of another size than expected");
    }
    open_.erase(at);
    return true;
  }

  void wait(Transfer transfer) override {
    wait_until([&] { return is_done(transfer); });
  }

  void give_up(const std::string &message) override { end(failed, message); }

  bool settle(bool has_failed, const std::string &message) override {
    return settle_as(has_failed ? failed : well, message);
  }

  std::string name_of(int of) const override {
    return hosts_.empty() ? Job::name_of(of) : Job::name_of(of) + " on " + host(of);
  }

private:
  void drop_transfers() {
    for (auto &[transfer, one] : open_)
      if (one.is_receive) {
        MPI_Cancel(&one.request);
        MPI_Wait(&one.request, MPI_STATUS_IGNORE);
      } else MPI_Request_free(&one.request);
    open_.clear();
  }

  // Ends with the others, while the memory of open transfers is still there.
  [[noreturn]] void end(Notice kind, const std::string &message) {
    drop_transfers();
    settle_as(kind, message);
    std::fflush(nullptr);
    MPI_Finalize();
    _exit(2);
  }

  bool settle_as(Notice kind, const std::string &message) {
    const auto self = static_cast<size_t>(rank());
    ended_[self] = (static_cast<char>(kind) + message).substr(0, most_text);
    is_settling_ = true;
    for (int to = 0; to < count(); ++to)
      if (to != rank()) notify(to, ended_[self]);
    wait_until([&] { return std::none_of(ended_.begin(), ended_.end(), [](const auto &end) { return end.empty(); }); });
    is_settled_ = true;
    const auto is_well = [](const std::string &end) { return end[0] == well; };
    const auto has_failed = [](const std::string &end) { return end[0] == failed; };
    const bool all_are_well = std::all_of(ended_.begin(), ended_.end(), is_well);
    if (!all_are_well) drop_transfers();
    const auto teller = std::find_if(ended_.begin(), ended_.end(), has_failed) - ended_.begin();
    const bool all_say_it = std::count(ended_.begin(), ended_.end(), ended_.front()) == count();
    if (teller == rank() && !message.empty()) tell((all_say_it ? "" : name_of(rank()) + ": ") + message);
    return all_are_well;
  }

  static int count_of(size_t size) {
    if (size > INT_MAX) throw std::runtime_error("a message of more than 2 GB cannot be sent");
    return static_cast<int>(size);
  }

  void need(int code, int other) {
    if (code == MPI_SUCCESS) return;
    char text[MPI_MAX_ERROR_STRING] = {};
    int length = 0;
    MPI_Error_string(code, text, &length);
    fail(other < 0 ? text : "no connection to " + name_of(other) + ": " + text);
  }
  [[noreturn]] void fail(const std::string &message) { end(failed, message); }

  // Sends a notice, whose text stays here.
  void notify(int to, const std::string &text) {
    notes_.push_back(text.substr(0, most_text));
    MPI_Request request;
    MPI_Isend(notes_.back().data(), static_cast<int>(notes_.back().size()), MPI_BYTE, to, 0, notices_, &request);
    MPI_Request_free(&request); // it completes by itself
  }

  // Reads the notices that have come.  If a rank has failed, this one ends with it.
  void read_notices() {
    for (;;) {
      int is_there = 0;
      MPI_Status status;
      MPI_Iprobe(MPI_ANY_SOURCE, 0, notices_, &is_there, &status);
      if (is_there == 0) return;
      char text[most_text] = {};
      int size = 0;
      MPI_Get_count(&status, MPI_BYTE, &size);
      MPI_Recv(text, most_text, MPI_BYTE, status.MPI_SOURCE, 0, notices_, MPI_STATUS_IGNORE);
      const auto from = static_cast<size_t>(status.MPI_SOURCE);
      if (text[0] == question) notify(status.MPI_SOURCE, {static_cast<char>(answer)});
      else if (text[0] == answer) answered_[from] = true;
      else {
        ended_[from].assign(text, static_cast<size_t>(size));
        if (text[0] == well || is_settling_) continue;
        end(aborted, ""); // no exception passes open transfers
      }
    }
  }

  // Others may need the CPU, so this one gives way, and then sleeps a little: soon if there are more ranks than CPUs.
  template <class Done> void wait_until(const Done &done) {
    double waited = 0;
    Clock::time_point last = Clock::now();
    for (int turn = 1; !done(); ++turn) {
      if (turn % 16 != 0) continue;
      read_notices();
      const double step = seconds_since(last);
      last = Clock::now();
      waited += std::min(step, 1.0); // a process that was stopped itself has not waited
      if (waited > patience_) {
        const timespec nap{0, 20'000};
        nanosleep(&nap, nullptr);
      } else sched_yield();
      if (waited > rank_timeout()) {
        ask_others();
        waited = 0;
      }
    }
  }

  // Ends the job if a rank does not answer.
  void ask_others() {
    constexpr double patience = 3;
    answered_.assign(static_cast<size_t>(count()), false);
    answered_[static_cast<size_t>(rank())] = true;
    for (int to = 0; to < count(); ++to)
      if (to != rank() && ended_[static_cast<size_t>(to)].empty()) notify(to, {static_cast<char>(question)});
      else answered_[static_cast<size_t>(to)] = true;
    const Clock::time_point begin = Clock::now();
    const auto all_answered = [&] { return std::find(answered_.begin(), answered_.end(), false) == answered_.end(); };
    while (!all_answered() && seconds_since(begin) < patience) {
      read_notices();
      const timespec nap{0, 1'000'000};
      nanosleep(&nap, nullptr);
    }
    if (all_answered()) {
      for (int of = 0; of < count() && !is_settling_; ++of)
        if (!ended_[static_cast<size_t>(of)].empty()) fail("waits for a message, but " + name_of(of) + " has ended");
      return;
    }
    std::string silent;
    for (int of = 0; of < count(); ++of)
      if (!answered_[static_cast<size_t>(of)]) silent += (silent.empty() ? "" : ", ") + name_of(of);
    // The first rank that is awake tells it.
    const auto first = std::find(answered_.begin(), answered_.end(), true);
    if (first - answered_.begin() == rank())
      tell(silent + (silent.find(',') == std::string::npos ? " has" : " have") + " not answered for " +
           std::to_string(static_cast<int>(rank_timeout())) + " s; the job ends");
    else sleep(2), tell(silent + " has not answered; the job ends"); // if the first one has not ended the job by then
    usleep(200'000); // MPICH's mpirun may drop what was written just before
    MPI_Abort(MPI_COMM_WORLD, 2);
    _exit(2);
  }

  static constexpr int most_text = 2000;

  MPI_Comm data_, notices_;
  Transfer last_ = 0;
  struct Open {
    MPI_Request request;
    bool is_receive;
    int size; // bytes
  };
  std::map<Transfer, Open> open_;
  std::deque<std::string> notes_;  // that were sent
  std::vector<std::string> ended_; // the last notice of each rank; "": it goes on
  std::vector<bool> answered_;
  double patience_ = 1e-3; // seconds that it only gives way
  bool is_settling_ = false, is_settled_ = false;
};

// Messages of the size of a panel are copied at once.  Otherwise they would wait until both ranks call MPI, and a rank that
// computes does not.  The user's own settings go first.
void prefer_early_copies() {
  constexpr const char *names[] = {"OMPI_MCA_btl_vader_eager_limit", // Open MPI 4
                                   "OMPI_MCA_btl_sm_eager_limit",    // Open MPI 5
                                   "OMPI_MCA_btl_tcp_eager_limit",   // Open MPI
                                   "UCX_RNDV_THRESH"};               // MPICH, and Open MPI, on UCX
  for (const char *name : names) setenv(name, "131072", 0);
}

} // namespace

bool has_mpi() { return true; }

std::unique_ptr<Job> join_mpi(const Launch &launch) {
  prefer_early_copies();
  int given = 0, rank = 0, count = 1;
  MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &given);
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &count);
  if (rank != launch.rank || count != launch.count) {
    MPI_Finalize();
    throw std::runtime_error("is rank " + std::to_string(launch.rank) + " of " + std::to_string(launch.count) +
                             " for its launcher, but " + std::to_string(rank) + " of " + std::to_string(count) +
                             " for its MPI; mpirun must be that of the MPI with which this program was built");
  }
  return std::make_unique<MpiJob>(rank, count);
}

} // namespace lanefold::trainer
