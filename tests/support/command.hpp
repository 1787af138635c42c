// Runs the lanefold command as its user would, with its streams in files.  LANEFOLD_COMMAND names the program.
#pragma once

#include "images.hpp"

#include <nlohmann/json.hpp>

#include <string>
#include <vector>

#include <sys/types.h>

namespace lanefold::test {

using namespace lanefold::trainer;
using Words = std::vector<std::string>;
using Json = nlohmann::ordered_json;

struct Result {
  int exit_code; // or minus the number of the signal that ended the command
  std::string out, err;

  // Standard output as JSON, one object a line.
  std::vector<Json> lines() const;
};

// A running command.  Its streams go to files, so that no pipe can fill up.  The destructor kills it.
class Process {
public:
  // `variables` are NAME=value.  The command gets them and this process's environment, without LANEFOLD_DATA.
  // `terminal` is the device for standard error.  Without it, standard error goes to a file of its own.
  explicit Process(Words words, const Words &variables = {}, const std::string &terminal = "");
  ~Process();
  Process(const Process &) = delete;
  Process &operator=(const Process &) = delete;

  // Waits until standard output holds `text` `times` times.  The result is false after half a minute.
  bool wait_for(const std::string &text, int times) const;
  void interrupt(int signal) const;
  Result wait();

private:
  TemporaryFolder folder_;
  std::string out_path_ = folder_ / "out", err_path_ = folder_ / "err";
  pid_t pid_ = -1;
};

std::vector<char *> pointers(Words &words);

Result run(const Words &words, const Words &variables = {});

// Runs the command, which must succeed: the last line of its output as JSON, or all of its output.
Json last_line(const Words &words);
std::string out_of(const Words &words);

std::string joined(const Words &words);

// Checks for exit code 2, nothing on standard output, and a message that holds each of the parts.  The first part stands
// in the first line, because help may follow.
void check_refused(const Words &words, const Words &parts, const Words &variables = {});

// One folder with 300 training and 100 test images of 6 x 6, and another for checkpoints.
struct Place {
  TemporaryFolder data, models;
  std::string model = models / "model.safetensors";

  explicit Place(int64_t side = 6);

  // "train" with the given options, and with defaults for the others: an option may come once only.
  Words train(const Words &given = {}) const;
  // Saves a checkpoint at `model`, and gives the SHA-256 that the command reports.
  std::string make_model(const Words &more = {}) const;
};

Words keys(const Json &object);

} // namespace lanefold::test
