// The machine of a run: its description, what makes its measurements uncertain, and the CPUs of a process.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace lanefold::bench {

using Json = nlohmann::ordered_json;

// A level of memory, and how many bytes of data fit in it but in no nearer level.
struct Level {
  const char *name;
  int64_t bytes;
};

// "L1", "L2", "L3", "memory".  A system that does not report its caches gets typical sizes.
const std::vector<Level> &levels();

// CPU, caches, kernel, compiler, flags, versions, and the settings that affect frequency.
Json environment();

// What makes the results of this run less certain, one sentence each.  Empty on a well prepared machine.
std::vector<std::string> warnings();

// The number of cores of which the process may use at least one CPU.
int cores();

// The CPUs that the process may use: first one of each core, then the SMT siblings.
std::vector<int> usable_cpus();

// Pins this process, and those it starts, to the first `threads` usable CPUs.  Throws std::runtime_error.
void pin_to(int threads);

// Reads 128 MB, or four times L3 if that is less, which evicts almost everything else from the caches.
void evict_caches();

// The folder of the benchmark modules of a part: "peers" or "plugins/determinism".  It lies beside
// this program in a build folder, and is not installed.  Throws std::runtime_error if there is none.
std::string module_folder(const std::string &part);
bool has_module_folder(const std::string &part);

} // namespace lanefold::bench
