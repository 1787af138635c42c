// The child reports through a pipe, with one line for each finding.  Memory that both share says what it is about to
// do.  The parent trusts nothing that it reads there, and ends whatever the child has started.
#include "trainer/conform/child.hpp"

#include "trainer/conform/memory.hpp"
#include "trainer/conform/subject.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <mutex>
#include <new>
#include <poll.h>
#include <stdexcept>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace lanefold::trainer::conform {
namespace {

using Clock = std::chrono::steady_clock;

struct Progress {
  std::atomic<uint64_t> steps;
  std::atomic<int32_t> operation;
  char text[240];
};
Progress *progress = nullptr; // shared with the child
int report_pipe = -1;         // in the child

// For a terminal: a plugin may have put anything there.
std::string printable(std::string text) {
  for (char &character : text)
    if (static_cast<unsigned char>(character) < ' ' || static_cast<unsigned char>(character) > '~') character = '?';
  return text;
}

// What the child was about to do: " in sgemm, a 3 x 4, ...", or "".
std::string current_step() {
  const std::string text(progress->text, strnlen(progress->text, sizeof progress->text));
  return text.empty() ? "" : " in " + printable(text);
}

void send(char kind, const std::string &text) {
  const std::string line = kind + printable(text) + '\n';
  [[maybe_unused]] const ssize_t written = write(report_pipe, line.data(), line.size());
}

void note_progress(int32_t op, const char *text) {
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  progress->operation = op;
  std::snprintf(progress->text, sizeof progress->text, "%s", text);
  ++progress->steps;
}

// In the handler of a signal.
void report_fault(const char *message) {
  char line[600];
  const int length =
      std::snprintf(line, sizeof line, "F%s%s%s\nD\n", message, progress->text[0] == 0 ? "" : ": ", progress->text);
  [[maybe_unused]] const ssize_t written =
      write(report_pipe, line, static_cast<size_t>(std::min<int>(length, sizeof line - 1)));
}

Progress *shared_progress() {
  void *memory = mmap(nullptr, sizeof(Progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  prctl(PR_SET_CHILD_SUBREAPER, 1); // what a plugin leaves behind becomes a child of this process
  return new (memory) Progress{};
}

void limit(int resource, rlim_t value) {
  rlimit limits = {};
  getrlimit(static_cast<__rlimit_resource>(resource), &limits);
  limits.rlim_cur = std::min(value, limits.rlim_max);
  setrlimit(static_cast<__rlimit_resource>(resource), &limits);
}

[[noreturn]] void be_child(const int (&ends)[2], int output, const std::function<void(Findings &)> &check) {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  close(ends[0]);
  report_pipe = ends[1];
  dup2(output, STDOUT_FILENO), dup2(output, STDERR_FILENO);
  dup2(memfd_create("empty", MFD_CLOEXEC), STDIN_FILENO);
  // A plugin that allocates or prints without end ends its child, not the machine.
  limit(RLIMIT_CORE, 0), limit(RLIMIT_FSIZE, 1 << 20), limit(RLIMIT_AS, rlim_t{8} << 30);
  for (int signal = 1; signal < 32; ++signal) std::signal(signal, SIG_DFL); // nohup and shells ignore some
  report_faults(report_fault);
  set_progress_note(note_progress);
  Findings findings(report_pipe);
  try {
    check(findings);
    std::fflush(nullptr);
  } catch (const NoAddresses &) {
    send('N', std::string(not_run_note) + "this process has no addresses for rows so far apart");
  } catch (const CannotBeTried &error) {
    send('F', error.what());
  } catch (const std::exception &error) {
    send('F', "it throws \"" + std::string(error.what()) + "\"" + current_step());
  } catch (...) {
    send('F', "it throws an exception" + current_step());
  }
  send('D', "");
  _exit(0);
}

// The first line of what the child has printed, in quotes; "" if it has printed nothing.
std::string begin_of(int file) {
  char text[80];
  const ssize_t size = pread(file, text, sizeof text, 0);
  const std::string begin(text, static_cast<size_t>(std::max<ssize_t>(size, 0)));
  return begin.empty() ? begin : '"' + printable(begin.substr(0, begin.find('\n'))) + '"';
}

// How a child has ended that did not report its end.
std::string end_of(int status) {
  if (WIFSIGNALED(status)) {
    const char *name = sigabbrev_np(WTERMSIG(status));
    return "it ends the process with SIG" + std::string(name == nullptr ? "?" : name) + current_step();
  }
  return "it ends the process with the exit status " + std::to_string(WEXITSTATUS(status)) + current_step();
}

// Says when the wait for a child has taken too long.
class Watch {
public:
  explicit Watch(double patience) : patience_(patience), steps_(progress->steps) {}

  // Whether the child has made no progress for too long, or takes too long as a whole.
  bool is_over() {
    const auto now = Clock::now();
    if (progress->steps != steps_) steps_ = progress->steps, last_ = now;
    return seconds(now - last_) > patience_ || seconds(now - begin_) > most_patience * patience_;
  }
  std::string finding() const {
    char text[60];
    const bool is_slow = seconds(Clock::now() - begin_) > most_patience * patience_;
    std::snprintf(text, sizeof text, is_slow ? "it takes longer than %g s" : "it makes no progress for %g s",
                  is_slow ? most_patience * patience_ : patience_);
    return text + current_step();
  }

private:
  static constexpr double most_patience = 60; // for a whole check
  static double seconds(Clock::duration time) { return std::chrono::duration<double>(time).count(); }

  const double patience_;
  uint64_t steps_;
  const Clock::time_point begin_ = Clock::now();
  Clock::time_point last_ = begin_;
};

// Reads lines until the child has reported its end or closes the pipe.  Returns false if patience ends first.
bool listen(int pipe, Watch &watch, Verdict &verdict) {
  std::string text;
  for (;;) {
    pollfd waiting = {pipe, POLLIN, 0};
    if (poll(&waiting, 1, 20) > 0) {
      char part[4096];
      const ssize_t size = read(pipe, part, sizeof part);
      if (size <= 0) return true;
      text.append(part, static_cast<size_t>(size));
      for (size_t end; (end = text.find('\n')) != std::string::npos; text.erase(0, end + 1)) {
        const std::string line = printable(text.substr(1, end - 1));
        if (text[0] == 'F') verdict.findings.push_back({line});
        if (text[0] == 'W') verdict.findings.push_back({line.substr(line.find(' ') + 1), std::atoi(line.c_str())});
        if (text[0] == 'N') verdict.notes.push_back(line);
        if (text[0] == 'D') verdict.is_complete = true;
      }
      if (verdict.is_complete) return true; // another process may hold the pipe open
    }
    if (watch.is_over()) return false;
  }
}

// Whether the child has ended; it is not reaped yet, so that nobody else takes its number.
bool has_ended(pid_t child) {
  siginfo_t info = {};
  return waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == child;
}

// Ends all other children of this process, which are those that a plugin has left behind.  Returns how many there were.
int end_orphans() {
  int count = 0;
  for (;;) {
    std::ifstream list("/proc/self/task/" + std::to_string(getpid()) + "/children");
    std::vector<pid_t> children;
    for (pid_t child; list >> child;) children.push_back(child);
    for (const pid_t child : children) kill(child, SIGKILL), waitpid(child, nullptr, 0);
    if (children.empty()) return count;
    count += static_cast<int>(children.size());
  }
}

} // namespace

void Findings::add(const std::string &finding) {
  if (count_++ < most) send('F', finding);
}

void Findings::add_wrong_results(int32_t op, const std::string &finding) {
  if (wrong_[op]++ < most_of_operation) send('W', std::to_string(op) + ' ' + finding);
}

void Findings::note(const std::string &note) { send('N', note); }

Verdict run_in_child(double patience, const std::function<void(Findings &)> &check) {
  if (progress == nullptr) progress = shared_progress();
  progress->text[0] = 0, progress->operation = -1;
  int ends[2];
  const int output = memfd_create("output", MFD_CLOEXEC);
  if (output < 0 || pipe2(ends, O_CLOEXEC) != 0)
    throw std::runtime_error("cannot create a pipe for a child process: " + std::string(std::strerror(errno)));
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child < 0) throw std::runtime_error("cannot create a child process: " + std::string(std::strerror(errno)));
  if (child == 0) be_child(ends, output, check);
  setpgid(child, child); // whichever of the two comes first
  close(ends[1]);
  Verdict verdict;
  Watch watch(patience);
  bool went_on = listen(ends[0], watch, verdict);
  while (went_on && !has_ended(child)) { // it has said all, or has closed the pipe
    went_on = !watch.is_over();
    usleep(1000);
  }
  if (!went_on) {
    verdict.halted_operation = progress->operation;
    verdict.findings.push_back({watch.finding()});
  }
  kill(child, SIGKILL), kill(-child, SIGKILL);
  int status = 0;
  waitpid(child, &status, 0);
  if (end_orphans() > 0 && went_on) verdict.findings.push_back({"it leaves a process behind"});
  if (went_on && !verdict.is_complete) verdict.findings.push_back({end_of(status)});
  else if (went_on) verdict.printed = begin_of(output);
  close(ends[0]), close(output);
  return verdict;
}

} // namespace lanefold::trainer::conform
