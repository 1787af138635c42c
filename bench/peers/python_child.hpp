// A Python process that runs a program and answers each line that it gets with one line.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

namespace lanefold::bench {

class PythonChild {
public:
  // variables: "NAME=VALUE" for each environment variable that differs from ours.  program: what the process gets as
  // cli::program_number, or empty.  Throws if Python cannot be started.
  PythonChild(const std::string &python, const std::vector<std::string> &arguments,
              const std::vector<std::string> &variables = {}, std::string_view program = {});
  ~PythonChild(); // kills the process
  PythonChild(const PythonChild &) = delete;
  PythonChild &operator=(const PythonChild &) = delete;

  // Waits for the next reply and returns it without the leading "ok".  Throws if the reply is an error, if there is none
  // for ten minutes, or if the process has ended.
  std::string reply();
  // Sends a request and returns the reply.
  std::string ask(const std::string &request);

private:
  [[noreturn]] void fail(const std::string &what) const;
  bool receive(); // appends to received_; returns false at the end of the stream

  const std::string python_;
  pid_t process_ = -1;
  int socket_ = -1;      // requests and answers
  int messages_ = -1;    // a memory file that holds what Python writes to standard error
  std::string received_; // and not yet returned by reply()
};

} // namespace lanefold::bench
