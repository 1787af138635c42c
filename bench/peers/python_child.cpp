// Starts Python with a socket as its standard input and output.
#include "python_child.hpp"

#include "cli/python.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <stdexcept>

#include <poll.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

namespace lanefold::bench {
namespace {

constexpr int timeout_ms = 600 * 1000;

// Our environment with these variables.
std::vector<char *> environment(std::vector<std::string> &variables) {
  std::vector<char *> all;
  for (char **inherited = environ; *inherited; ++inherited) {
    const std::string_view name = std::string_view(*inherited).substr(0, std::string_view(*inherited).find('=') + 1);
    if (std::none_of(variables.begin(), variables.end(), [&](const std::string &v) { return v.starts_with(name); }))
      all.push_back(*inherited);
  }
  for (std::string &variable : variables) all.push_back(variable.data());
  all.push_back(nullptr);
  return all;
}

} // namespace

PythonChild::PythonChild(const std::string &python, const std::vector<std::string> &arguments,
                         const std::vector<std::string> &variables, std::string_view program)
    : python_(python) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    throw std::runtime_error(std::string("socketpair failed: ") + std::strerror(errno));
  socket_ = ends[0];
  messages_ = memfd_create("messages", MFD_CLOEXEC);
  std::vector<std::string> words = {python};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char *> pointers;
  for (std::string &word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  if (messages_ >= 0) posix_spawn_file_actions_adddup2(&actions, messages_, STDERR_FILENO);
  const int file = program.empty() ? -1 : cli::program_file(program);
  if (file >= 0) posix_spawn_file_actions_adddup2(&actions, file, cli::program_number);
  std::vector<std::string> changed = variables;
  const int error =
      posix_spawnp(&process_, python.c_str(), &actions, nullptr, pointers.data(), environment(changed).data());
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  if (file >= 0) close(file);
  if (error == 0) return;
  close(socket_);
  if (messages_ >= 0) close(messages_);
  throw std::runtime_error(python + " could not be started: " + std::strerror(error));
}

PythonChild::~PythonChild() {
  close(socket_);
  kill(process_, SIGKILL); // it has nothing to clean up
  while (waitpid(process_, nullptr, 0) < 0 && errno == EINTR) {
  }
  if (messages_ >= 0) close(messages_);
}

// Appends the end of what Python wrote to standard error.
void PythonChild::fail(const std::string &what) const {
  struct stat status = {};
  std::string text;
  if (messages_ >= 0 && fstat(messages_, &status) == 0 && status.st_size > 0) {
    text.resize(static_cast<size_t>(std::min<off_t>(status.st_size, 2000)));
    const ssize_t got = pread(messages_, text.data(), text.size(), status.st_size - static_cast<off_t>(text.size()));
    text.resize(got > 0 ? static_cast<size_t>(got) : 0);
    while (!text.empty() && text.back() == '\n') text.pop_back();
  }
  throw std::runtime_error(python_ + " " + what + (text.empty() ? "" : ": " + text));
}

bool PythonChild::receive() {
  pollfd waiting = {socket_, POLLIN, 0};
  int ready;
  while ((ready = poll(&waiting, 1, timeout_ms)) < 0 && errno == EINTR) {
  }
  if (ready == 0) fail("has not replied for " + std::to_string(timeout_ms / 1000) + " s");
  char buffer[256];
  const ssize_t got = recv(socket_, buffer, sizeof buffer, 0);
  if (got > 0) received_.append(buffer, static_cast<size_t>(got));
  return got > 0;
}

std::string PythonChild::reply() {
  size_t end;
  while ((end = received_.find('\n')) == std::string::npos)
    if (!receive()) fail("has ended");
  const std::string line = received_.substr(0, end);
  received_.erase(0, end + 1);
  if (line == "ok") return "";
  if (line.starts_with("ok ")) return line.substr(3);
  if (line.starts_with("error ")) throw std::runtime_error(python_ + ": " + line.substr(6));
  fail("replied with unexpected text: \"" + line + "\"");
}

std::string PythonChild::ask(const std::string &request) {
  const std::string line = request + "\n";
  for (size_t sent = 0; sent < line.size();) {
    const ssize_t count = send(socket_, line.data() + sent, line.size() - sent, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail("has ended");
    sent += static_cast<size_t>(count);
  }
  return reply();
}

} // namespace lanefold::bench
