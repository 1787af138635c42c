// What the fuzz targets share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace lanefold::test {

// Ends the program unless a message is one line of a bearable length.
inline void check_message(const std::string &message) {
  if (!message.empty() && message.find('\n') == std::string::npos && message.size() <= 4000) return;
  std::fprintf(stderr, "bad message: %s\n", message.c_str());
  std::abort();
}

} // namespace lanefold::test
