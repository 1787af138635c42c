// Messages hold names of files, which may hold anything. A control character could forge a line or command a terminal.
#include "runtime/log.hpp"

#include <algorithm>
#include <atomic>
#include <cstdio>

namespace lanefold::runtime {
namespace {

constinit std::atomic<bool> has_warned{false};

std::string printable(std::string text) {
  const auto is_control = [](unsigned char c) { return c < 0x20 || c == 0x7f; };
  std::replace_if(text.begin(), text.end(), is_control, '?');
  return text;
}

} // namespace

void Log::operator()(int32_t level, const std::string &message) const {
  if (function != nullptr) function(self, level, printable(message).c_str());
}

void Log::warn(const std::vector<std::string> &warnings) const {
  for (const std::string &warning : warnings) (*this)(LF_LOG_WARNING, warning);
  if (function != nullptr || quiet || warnings.empty() || has_warned.exchange(true)) return;
  for (const std::string &warning : warnings)
    std::fprintf(stderr, "lanefold: warning: %s\n", printable(warning).c_str());
}

} // namespace lanefold::runtime
