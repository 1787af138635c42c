// The text file beside each plugin. It says what the plugin is and what it needs, so that an unsuitable plugin is never
// opened.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace lanefold::runtime {

constexpr std::size_t largest_manifest = 4096;

struct Manifest {
  std::string name;
  std::string vendor;
  std::string needs_text; // as written, with blanks between the words
  uint64_t needs = 0;     // LF_CPU_*
  int32_t priority = 0;
  std::string problem; // why the plugin cannot be used; "" if it can
};

// Parses the lines "name avx2", "vendor lanefold", "priority 20" and "needs avx2 fma": each once, in any order.
Manifest parse_manifest(std::string_view text);

// Reads an open file.
Manifest read_manifest(int file);

} // namespace lanefold::runtime
