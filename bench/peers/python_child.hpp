// A Python that runs a program beside us and answers requests, a line for a line.
#pragma once

#include <string>
#include <vector>

#include <sys/types.h>

namespace lanefold::bench {

class PythonChild {
public:
  // Throws if it cannot be started.
  PythonChild(const std::string &python, const char *program, const std::vector<std::string> &arguments);
  ~PythonChild(); // ends it
  PythonChild(const PythonChild &) = delete;
  PythonChild &operator=(const PythonChild &) = delete;

  // What the child says next, without the leading "ok".  Throws where it says "error", says nothing for ten minutes, or
  // has ended.
  std::string answer();
  std::string ask(const std::string &request);

private:
  [[noreturn]] void fail(const std::string &what) const;
  bool receive(); // more into said_; false at the end

  const std::string python_;
  pid_t process_ = -1;
  int socket_ = -1;   // requests and answers
  int messages_ = -1; // a file in memory: what it writes to standard error
  std::string said_;  // received, not yet answered
};

} // namespace lanefold::bench
