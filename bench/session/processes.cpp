// Other libraries settle instruction set and threads once in the life of a process, and one of them may bring it down.
// A child writes what it finds as lines of JSON into a pipe.
#include "session.hpp"

#include "../method/clock.hpp"
#include "cli/interrupt.hpp"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace lanefold::bench {
namespace {

// A folder for the files of all processes, which may be killed.
class Scratch {
public:
  Scratch() {
    if (mkdtemp(path_.data())) setenv("LANEFOLD_BENCH_FOLDER", path_.c_str(), 1);
    else path_.clear(); // few races need it, and they say so
  }
  ~Scratch() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  Scratch(const Scratch &) = delete;

private:
  std::string path_ = (std::filesystem::temp_directory_path() / "lanefold-bench-XXXXXX").string();
};

struct Child {
  std::string isa;
  int threads;
  double weight; // of its share of the time
};

void write_line(int file, const Json &json) {
  const std::string line = json.dump() + "\n";
  for (size_t done = 0; done < line.size();) {
    const ssize_t written = write(file, line.data() + done, line.size() - done);
    if (written < 0 && errno != EINTR) _exit(2); // nobody reads any more
    if (written > 0) done += static_cast<size_t>(written);
  }
}

[[noreturn]] void be_child(const std::string &what, const std::function<void(const Emit &)> &work, int file) {
  prctl(PR_SET_PDEATHSIG, SIGKILL); // not without who asked
  for (const int signal : {SIGINT, SIGTERM, SIGHUP})
    if (std::signal(signal, SIG_DFL) == SIG_IGN) std::signal(signal, SIG_IGN); // as a job in the background has it
  std::signal(SIGPIPE, SIG_IGN);
  const Emit emit = [=](const Json &json) { write_line(file, json); };
  try {
    work(emit);
  } catch (const std::exception &error) {
    emit({{"failed", what}, {"why", error.what()}});
  }
  _exit(0);
}

// Hands on line by line until the child closes the pipe or somebody interrupts.
void read_lines(int file, const Emit &found) {
  std::string text;
  char buffer[1 << 16];
  while (!cli::interrupted()) {
    const ssize_t count = read(file, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return;
    text.append(buffer, static_cast<size_t>(count));
    for (size_t end; (end = text.find('\n')) != std::string::npos; text.erase(0, end + 1))
      found(Json::parse(text.substr(0, end)));
  }
}

} // namespace

void in_child(const std::string &what, const std::function<void(const Emit &)> &work, const Emit &found) {
  int ends[2];
  if (pipe(ends) != 0) throw std::runtime_error(std::string("a pipe could not be had: ") + std::strerror(errno));
  std::fflush(stdout); // or both would print what is left in it
  const pid_t process = fork();
  if (process < 0) throw std::runtime_error(std::string("fork failed: ") + std::strerror(errno));
  if (process == 0) {
    close(ends[0]);
    be_child(what, work, ends[1]);
  }
  close(ends[1]);
  std::string last = what;
  const auto end = [&](bool kills) {
    close(ends[0]);
    if (kills) kill(process, SIGKILL);
    int status = 0;
    while (waitpid(process, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
  };
  try {
    read_lines(ends[0], [&](const Json &json) {
      if (json.contains("begins")) last = json["begins"];
      found(json);
    });
  } catch (...) {
    end(true);
    throw;
  }
  const int status = end(cli::interrupted());
  if (!cli::interrupted() && WIFSIGNALED(status))
    found({{"failed", last}, {"why", std::string("the process ended: ") + strsignal(WTERMSIG(status))}});
}

bool measure_apart(const Options &options, const Emit &found) {
  const Clock::time_point begin = Clock::now();
  const Scratch scratch;
  std::vector<Child> children;
  double weights = 0;
  for (const std::string &isa : options.isas)
    for (const int threads : options.threads) {
      double weight = 0;
      for (const Race &race : chosen(list_of(isa, threads), options, isa, threads)) weight += race.patience;
      if (weight == 0) continue;
      if (threads > 1) weight *= 2.5; // each turn waits for the threads of the one before
      children.push_back({isa, threads, weight});
      weights += weight;
    }
  for (const Child &child : children) {
    if (cli::interrupted()) break;
    const double left = options.seconds - seconds_since(begin);
    const double seconds = left * child.weight / weights;
    in_child(
        "isa:" + child.isa + suffix(child.threads),
        [&](const Emit &emit) { measure(options, child.isa, child.threads, seconds, emit); }, found);
    weights -= child.weight;
  }
  return !cli::interrupted();
}

} // namespace lanefold::bench
