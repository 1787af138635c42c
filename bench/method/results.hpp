// What a run leaves: Google Benchmark's rows, and beside them what only Lanefold's report and comparison read.
#pragma once

#include "machine.hpp"
#include "race.hpp"

#include <map>
#include <string>

namespace lanefold::bench {

// Rows of Google Benchmark's JSON: one for each batch of an entrant, then its median and the ends of its interval.
// Of names that come in several races the first race has the rows: `owners` has it by name, and gets the new ones.
Json rows_of(const Outcome &outcome, const std::string &race, int threads, std::map<std::string, std::string> &owners);

// {"name", "value", "low", "high", "over", "under"} and with a target also "sense", "target", "verdict".
Json ratio_of(const Measured &measured, const std::string &isa);
Json ratio_of(const std::string &name, const Interval &interval, Sense sense, double target);

// {"lanes": [{"name", "label", "seconds": [value, low, high], "flops"...}], "batches", "spoiled", "settled"}.
Json lanes_of(const Outcome &outcome);

// What Google Benchmark says about the machine: "context" of its JSON.
Json benchmark_context();

// Throws std::runtime_error, where a file is none that it should be.
Json read_results(const std::string &path);

} // namespace lanefold::bench
