// The application's log, and warnings for programs that have none.
#pragma once

#include <lanefold/context.h>

#include <string>
#include <vector>

namespace lanefold::runtime {

struct Log {
  lf_log function = nullptr; // NULL: messages are dropped
  void *self = nullptr;
  bool quiet = false; // nothing is printed

  void operator()(int32_t level, const std::string &message) const;
  // Without a log, the first warnings of the process go to standard error. [thread-safe]
  void warn(const std::vector<std::string> &warnings) const;
};

} // namespace lanefold::runtime
