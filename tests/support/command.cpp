#include "command.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <thread>

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

namespace lanefold::test {

std::vector<Json> Result::lines() const {
  std::vector<Json> objects;
  std::istringstream stream(out);
  for (std::string line; std::getline(stream, line);) objects.push_back(Json::parse(line));
  return objects;
}

std::vector<char *> pointers(Words &words) {
  std::vector<char *> result;
  for (std::string &word : words) result.push_back(word.data());
  result.push_back(nullptr);
  return result;
}

Process::Process(Words words, const Words &variables, const std::string &terminal) {
  const char *command = std::getenv("LANEFOLD_COMMAND");
  REQUIRE_MESSAGE(command != nullptr, "LANEFOLD_COMMAND must name the lanefold command");
  words.insert(words.begin(), command);
  Words environment = variables;
  for (char **variable = environ; *variable; ++variable) {
    const std::string text = *variable, name = text.substr(0, text.find('=') + 1);
    const bool given = std::any_of(variables.begin(), variables.end(), [&](auto &v) { return v.starts_with(name); });
    if (!given && name != "LANEFOLD_DATA=") environment.push_back(text);
  }
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, out_path_.c_str(), O_WRONLY | O_CREAT, 0600);
  if (!terminal.empty()) write_file(err_path_, "");
  const std::string &err = terminal.empty() ? err_path_ : terminal;
  posix_spawn_file_actions_addopen(&actions, 2, err.c_str(), O_WRONLY | O_CREAT, 0600);
  const std::vector<char *> arguments = pointers(words), variables_and_all = pointers(environment);
  const int error = posix_spawn(&pid_, command, &actions, nullptr, arguments.data(), variables_and_all.data());
  posix_spawn_file_actions_destroy(&actions);
  REQUIRE(error == 0);
}

Process::~Process() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

bool Process::wait_for(const std::string &text, int times) const {
  for (int i = 0; i < 3000; ++i) {
    if (std::filesystem::exists(out_path_)) {
      const std::string out = read_file(out_path_);
      int seen = 0;
      for (size_t at = out.find(text); at != std::string::npos; at = out.find(text, at + 1)) ++seen;
      if (seen >= times) return true;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

void Process::interrupt(int signal) const { REQUIRE(kill(pid_, signal) == 0); }

Result Process::wait() {
  int status = 0;
  REQUIRE(waitpid(pid_, &status, 0) == pid_);
  pid_ = -1;
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status), read_file(out_path_), read_file(err_path_)};
}

Result run(const Words &words, const Words &variables) { return Process(words, variables).wait(); }

std::string joined(const Words &words) {
  std::string text;
  for (const std::string &word : words) text += word + " ";
  return text;
}

Json last_line(const Words &words) {
  const Result result = run(words);
  CAPTURE(joined(words));
  CAPTURE(result.err);
  REQUIRE(result.exit_code == 0);
  REQUIRE_FALSE(result.lines().empty());
  return result.lines().back();
}

std::string out_of(const Words &words) {
  const Result result = run(words);
  CAPTURE(joined(words));
  CAPTURE(result.err);
  CHECK(result.exit_code == 0);
  return result.out;
}

void check_refused(const Words &words, const Words &parts, const Words &variables) {
  CAPTURE(joined(words));
  const Result result = run(words, variables);
  CAPTURE(result.err);
  CHECK(result.exit_code == 2);
  CHECK(result.out.empty());
  CHECK(result.err.starts_with("lanefold: "));
  CHECK_FALSE(contains(result.err, "training on"));
  CHECK(contains(result.err.substr(0, result.err.find('\n')), parts.at(0)));
  for (const std::string &part : parts) {
    CAPTURE(part);
    CHECK(contains(result.err, part));
  }
}

Place::Place(int64_t side) { write_idx(data, make_images(300, side, 1), make_images(100, side, 2)); }

Words Place::train(const Words &given) const {
  const std::pair<const char *, std::string> defaults[] = {{"--data", data.path()},
                                                           {"--hidden", "20,15"},
                                                           {"--batch-size", "50"},
                                                           {"--learning-rate", "0.1"},
                                                           {"--epochs", "2"}};
  Words words = {"train"};
  words.insert(words.end(), given.begin(), given.end());
  for (const auto &[option, value] : defaults)
    if (std::find(given.begin(), given.end(), option) == given.end()) words.insert(words.end(), {option, value});
  return words;
}

std::string Place::make_model(const Words &more) const {
  Words options = {"--json", "--save", model};
  options.insert(options.end(), more.begin(), more.end());
  const Result result = run(train(options));
  CAPTURE(result.err);
  REQUIRE(result.exit_code == 0);
  return result.lines().back()["parameters_sha256"];
}

Words keys(const Json &object) {
  Words result;
  for (const auto &[key, value] : object.items()) result.push_back(key);
  return result;
}

} // namespace lanefold::test
