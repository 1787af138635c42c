// The application's log.
#pragma once

#include <lanefold/context.h>

#include <string>

namespace lanefold::runtime {

// Without a function, messages are dropped.
struct Log {
  lf_log function = nullptr;
  void *self = nullptr;
  void operator()(int32_t level, const std::string &message) const {
    if (function != nullptr) function(self, level, message.c_str());
  }
};

} // namespace lanefold::runtime
