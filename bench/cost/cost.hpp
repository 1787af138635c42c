// `lanefold bench cost`: the exact cost of one warm call of each operation.
#pragma once

#include "../session/session.hpp"

namespace lanefold::bench {

// Counts one warm call of every variant of the selected cases, in a process for each instruction set, on one thread.
// Emits {"cost": {"name", fields, "instructions"...}} for each, and {"failed"...} for what could not be counted.
// Throws UsageError if this program cannot count.  Returns false if interrupted.
bool count_in_processes(const Options &options, const Emit &emit);

// For each variant of the selected cases, once: makes a call ready, so that its next run is warm, and hands it to `use`.
// If `use` throws std::runtime_error or a result is wrong, this emits {"failed"...} and goes on with the next case.
// verifies: whether it checks the results.
void for_warm_calls(const Options &options, const std::string &isa, bool verifies, const Emit &emit,
                    const std::function<void(const VariantInstance &)> &use);

// Prints the heading of an instruction set, and the cost of one call below it.
void print_cost_heading(const std::string &isa);
void print_cost(const Json &cost);

} // namespace lanefold::bench
