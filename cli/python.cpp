// A program reaches Python as an archive, in a file in memory.
#include "cli/python.hpp"

#include "cli/command.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

namespace lanefold::cli {
namespace {

constexpr int no_matplotlib_exit_code = 3; // drawing.py exits with it
constexpr const char *advice = "charts are drawn by Python 3 with matplotlib, which is missing (Debian and Ubuntu: "
                               "apt install python3-matplotlib)";

// Returns the exit code of the program, or no_matplotlib_exit_code if this Python does not exist.
int run(std::string_view archive, const std::string &python, const std::vector<std::string> &arguments) {
  std::vector<std::string> words = {python, program_path};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char *> pointers;
  for (std::string &word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  const int program = program_file(archive);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, program, program_number);
  pid_t child = 0;
  const int error = posix_spawnp(&child, python.c_str(), &actions, nullptr, pointers.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(program);
  if (error == ENOENT) return no_matplotlib_exit_code;
  if (error != 0) throw std::runtime_error(python + " cannot be started: " + std::strerror(error));
  int status = 0;
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR) throw std::runtime_error(python + ": its exit code is lost");
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

} // namespace

int program_file(std::string_view program) {
  const int file = memfd_create("program.zip", MFD_CLOEXEC);
  std::string_view left = program;
  while (file >= 0 && !left.empty()) {
    const ssize_t written = write(file, left.data(), left.size());
    if (written <= 0) break;
    left.remove_prefix(static_cast<size_t>(written));
  }
  if (file < 0 || !left.empty())
    throw std::runtime_error(std::string("no memory for a Python program: ") + std::strerror(errno));
  return file;
}

void run_python(std::string_view program, const std::vector<std::string> &arguments) {
  // The user's own Python comes first.  A distribution installs matplotlib for its own Python only.
  std::vector<std::string> pythons = {"python3", "/usr/bin/python3"};
  if (const char *named = std::getenv("LANEFOLD_PYTHON"); named && *named) pythons = {named};
  for (const std::string &python : pythons) {
    const int code = run(program, python, arguments);
    if (code == 0) return;
    if (code == error_exit_code) throw AlreadyTold();
    if (code != no_matplotlib_exit_code && code != 127)
      throw std::runtime_error("the Python program that draws the charts failed");
  }
  throw NoMatplotlib(advice);
}

} // namespace lanefold::cli
