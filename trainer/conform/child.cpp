// The child reports through a pipe, a line for each finding.  What it is about to do lies in memory that both share.
#include "trainer/conform/child.hpp"

#include "trainer/conform/memory.hpp"
#include "trainer/conform/subject.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
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

struct Progress {
  std::atomic<uint64_t> steps;
  std::atomic<int32_t> operation;
  char text[240];
};
Progress *progress = nullptr; // shared with the child
int report_pipe = -1;         // in the child

void send(char kind, const std::string &text) {
  std::string line = kind + text;
  std::replace(line.begin(), line.end(), '\n', ' ');
  line += '\n';
  [[maybe_unused]] const ssize_t written = write(report_pipe, line.data(), line.size());
}

void note_progress(int32_t op, const char *text) {
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
  return new (memory) Progress{};
}

// A plugin that allocates without end ends its child, not the machine.
void limit_resources() {
  const rlimit none = {0, 0};
  setrlimit(RLIMIT_CORE, &none);
#if !defined(__SANITIZE_ADDRESS__)
  const rlimit memory = {rlim_t{8} << 30, rlim_t{8} << 30};
  setrlimit(RLIMIT_AS, &memory);
#endif
}

[[noreturn]] void be_child(const int (&ends)[2], int output, const std::function<void(Findings &)> &check) {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  close(ends[0]);
  report_pipe = ends[1];
  dup2(output, STDOUT_FILENO), dup2(output, STDERR_FILENO);
  const int null = memfd_create("empty", MFD_CLOEXEC);
  dup2(null, STDIN_FILENO);
  limit_resources();
  for (int signal = 1; signal < 32; ++signal) std::signal(signal, SIG_DFL); // nohup and shells ignore some
  report_faults(report_fault);
  set_progress_note(note_progress);
  Findings findings(report_pipe);
  try {
    check(findings);
    std::fflush(nullptr);
    send('D', "");
  } catch (const std::exception &error) {
    send('F', error.what());
    send('D', "");
  }
  _exit(0);
}

std::string begin_of(int file) {
  char text[120];
  const ssize_t size = pread(file, text, sizeof text, 0);
  const std::string begin(text, static_cast<size_t>(std::max<ssize_t>(size, 0)));
  return begin.empty() ? begin : '"' + begin.substr(0, begin.find('\n')) + '"';
}

// How a child ended that has not reported its end.
std::string end_of(int status) {
  const std::string in = progress->text[0] == 0 ? "" : std::string(" in ") + progress->text;
  if (WIFSIGNALED(status)) {
    const char *name = sigabbrev_np(WTERMSIG(status));
    return std::string("it ends the process by SIG") + (name == nullptr ? "NAL" : name) + in;
  }
  return "it ends the process with the exit status " + std::to_string(WEXITSTATUS(status)) + in;
}

// Reads lines until the pipe closes.  Returns false if the child made no progress for too long.
bool listen(int pipe, double patience, Verdict &verdict) {
  using Clock = std::chrono::steady_clock;
  std::string text;
  uint64_t steps = progress->steps;
  auto last = Clock::now();
  for (;;) {
    pollfd waiting = {pipe, POLLIN, 0};
    const int ready = poll(&waiting, 1, 50);
    if (ready > 0) {
      char part[4096];
      const ssize_t size = read(pipe, part, sizeof part);
      if (size <= 0) return true;
      text.append(part, static_cast<size_t>(size));
      for (size_t end; (end = text.find('\n')) != std::string::npos; text.erase(0, end + 1)) {
        const std::string line = text.substr(1, end - 1);
        if (text[0] == 'F') verdict.findings.push_back(line);
        if (text[0] == 'N') verdict.notes.push_back(line);
        if (text[0] == 'D') verdict.is_complete = true;
      }
      if (verdict.is_complete) return true; // a grandchild may hold the pipe open
    }
    if (progress->steps != steps) steps = progress->steps, last = Clock::now();
    if (std::chrono::duration<double>(Clock::now() - last).count() > patience) return false;
  }
}

} // namespace

void Findings::add(const std::string &finding) {
  if (count_++ < most) send('F', finding);
}

void Findings::note(const std::string &note) { send('N', note); }

Verdict run_in_child(double patience, const std::function<void(Findings &)> &check) {
  if (progress == nullptr) progress = shared_progress();
  progress->text[0] = 0, progress->operation = -1;
  int ends[2];
  const int output = memfd_create("output", MFD_CLOEXEC);
  if (output < 0 || pipe(ends) != 0)
    throw std::runtime_error("no pipe for a child process: " + std::string(std::strerror(errno)));
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child < 0) throw std::runtime_error("no child process: " + std::string(std::strerror(errno)));
  if (child == 0) be_child(ends, output, check);
  setpgid(child, child); // whichever of the two comes first
  close(ends[1]);
  Verdict verdict;
  const bool went_on = listen(ends[0], patience, verdict);
  if (!went_on) {
    verdict.halted_operation = progress->operation;
    verdict.findings.push_back("it makes no progress for " + std::to_string(static_cast<int>(patience)) + " s" +
                               (progress->text[0] == 0 ? "" : std::string(" in ") + progress->text));
  }
  if (!went_on || verdict.is_complete) kill(-child, SIGKILL);
  int status = 0;
  waitpid(child, &status, 0);
  kill(-child, SIGKILL); // what the plugin started
  if (went_on && !verdict.is_complete) verdict.findings.push_back(end_of(status));
  else if (went_on) verdict.printed = begin_of(output);
  close(ends[0]), close(output);
  return verdict;
}

} // namespace lanefold::trainer::conform
