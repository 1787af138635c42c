// The machine that a run is made on: what it is, whether it can be trusted, and where a process may run.
#pragma once

#include <nlohmann/json.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace lanefold::bench {

using Json = nlohmann::ordered_json;

// A level of memory, and how many bytes of data surely lie in it and in none nearer.
struct Level {
  const char *name;
  int64_t bytes;
};

// "L1", "L2", "L3", "memory".  Where a system does not tell its caches, those of most are taken.
const std::vector<Level> &levels();

// CPU, caches, kernel, compiler, flags, versions, and what decides on frequency.
Json environment();

// What makes this run's figures less certain, in sentences; none on a machine that was made ready.
std::vector<std::string> doubts();

// How many cores the process may use; of each one CPU at least.
int cores();

// The CPUs that it may use, one of each core first: with SMT the siblings follow.
std::vector<int> usable_cpus();

// Keeps this process, and what it starts, on the first so many of them.  Throws std::runtime_error.
void pin_to(int threads);

// Reads 128 MB, or four times the third level of cache where that is less: little else is left in any.
void evict();

// Where the modules of the benchmarks lie: "price", "scaling" or "peers" beside this program where it was built, its
// own folder where it was installed.
std::string module_folder(const std::string &part);

} // namespace lanefold::bench
