// Peers fix instruction set and threads once in the life of a process, and one of them may crash.  So each combination
// runs in a child process, which writes its results into a pipe, one line of JSON each.
#include "session.hpp"

#include "../timing/clock.hpp"
#include "cli/interrupt.hpp"
#include "temporary_folder.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace lanefold::bench {
namespace {

struct Child {
  std::string isa;
  int threads;
  double weight; // its share of the time, relative to the others
};

void write_line(int file, const Json &json) {
  const std::string line = json.dump() + "\n";
  for (size_t done = 0; done < line.size();) {
    const ssize_t written = write(file, line.data() + done, line.size() - done);
    if (written < 0 && errno != EINTR) _exit(2); // the parent has closed its end
    if (written > 0) done += static_cast<size_t>(written);
  }
}

[[noreturn]] void be_child(const std::string &what, const std::function<void(const Emit &)> &work, int file) {
  prctl(PR_SET_PDEATHSIG, SIGKILL); // end with the parent
  for (const int signal : {SIGINT, SIGTERM, SIGHUP})
    if (std::signal(signal, SIG_DFL) == SIG_IGN) std::signal(signal, SIG_IGN); // as a background job inherits it
  std::signal(SIGPIPE, SIG_IGN);
  const Emit emit = [=](const Json &json) { write_line(file, json); };
  try {
    work(emit);
    emit({{"done", true}});
  } catch (const std::exception &error) {
    emit({{"failed", what}, {"reason", error.what()}});
    emit({{"done", true}});
  }
  _exit(0);
}

// Emits line by line until the child closes the pipe or a signal interrupts.
void read_lines(int file, const Emit &emit) {
  std::string text;
  char buffer[1 << 16];
  while (!cli::interrupted()) {
    const ssize_t count = read(file, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return;
    text.append(buffer, static_cast<size_t>(count));
    for (size_t end; (end = text.find('\n')) != std::string::npos; text.erase(0, end + 1))
      emit(Json::parse(text.substr(0, end)));
  }
}

} // namespace

void run_in_process(const std::string &what, const std::function<void(const Emit &)> &work, const Emit &emit) {
  int ends[2];
  if (pipe(ends) != 0) throw std::runtime_error(std::string("pipe failed: ") + std::strerror(errno));
  std::fflush(stdout); // otherwise both processes would print what is buffered
  const pid_t process = fork();
  if (process < 0) throw std::runtime_error(std::string("fork failed: ") + std::strerror(errno));
  if (process == 0) {
    close(ends[0]);
    be_child(what, work, ends[1]);
  }
  close(ends[1]);
  std::string current = what;
  const auto end_child = [&](bool kills) {
    close(ends[0]);
    if (kills) kill(process, SIGKILL);
    int status = 0;
    while (waitpid(process, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
  };
  bool is_done = false;
  try {
    read_lines(ends[0], [&](const Json &json) {
      if (json.contains("begins")) current = json["begins"];
      if (json.contains("done")) is_done = true;
      else emit(json);
    });
  } catch (...) {
    end_child(true);
    throw;
  }
  const int status = end_child(cli::interrupted());
  if (cli::interrupted() || is_done) return;
  emit({{"failed", current},
        {"reason", WIFSIGNALED(status)
                       ? std::string("the process was killed by signal: ") + strsignal(WTERMSIG(status))
                       : "the process ended early, with exit code " + std::to_string(WEXITSTATUS(status))}});
}

namespace {

// The most seconds for the measurements of all processes.  `weight` is the sum over their cases.  A full run has a weight of
// about 1300 on three instruction sets, with one thread and with two.  More time would hardly decide more: the gates that
// stay undecided are too close to their targets.
double seconds_for(Extent extent, double weight) {
  switch (extent) {
  case Extent::quick: return std::min(95.0, 3 * weight);
  case Extent::full: return 3 * weight;
  default: return 4 * weight;
  }
}

} // namespace

bool measure_in_processes(const Options &options, const Emit &emit) {
  const Clock::time_point begin = Clock::now();
  const TemporaryFolder folder; // the children may be killed, so the parent removes their files
  std::vector<Child> children;
  double weights = 0;
  for (const std::string &isa : options.isas)
    for (const int threads : options.threads) {
      double weight = 0;
      for (const Case &bench_case : cases_for(options, isa, threads)) weight += bench_case.time_weight;
      if (weight == 0) continue;
      if (threads > 1) weight *= 2.5; // repetitions wait for idle threads
      children.push_back({isa, threads, weight});
      weights += weight;
    }
  const double all_seconds = seconds_for(options.extent, weights);
  for (const Child &child : children) {
    if (cli::interrupted()) break;
    const double seconds = std::max(0.0, all_seconds - seconds_since(begin)) * child.weight / weights;
    const auto work = [&](const Emit &send) {
      Setting setting = setting_for(options, child.isa, child.threads, folder.path(), send);
      measure(options, std::move(setting), seconds, send);
    };
    run_in_process(child.isa + " on " + std::to_string(child.threads) + (child.threads == 1 ? " thread" : " threads"),
                   work, emit);
    weights -= child.weight;
  }
  return !cli::interrupted();
}

} // namespace lanefold::bench
