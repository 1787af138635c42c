// The text file beside each plugin that says what it is and needs, so that an unsuitable one is never opened.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace lanefold::runtime {

constexpr std::size_t largest_manifest = 4096;

struct Manifest {
  std::string name;
  std::string vendor;
  std::string needs_text; // as written, blanks between the words
  uint64_t needs = 0;     // LF_CPU_*
  int32_t priority = 0;
  std::string problem; // why it cannot be used; "" if it can
};

// Lines "name avx2", "vendor lanefold", "priority 20", "needs avx2 fma", each once, in any order.
Manifest parse_manifest(std::string_view text);

Manifest read_manifest(const std::string &path);

} // namespace lanefold::runtime
