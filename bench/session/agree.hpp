// Do several runs on one machine agree?
#pragma once

#include <cstdio>
#include <string>
#include <vector>

namespace lanefold::bench {

// Prints a page about files of results: whether their intervals overlap in pairs of runs, which gates hold in one run
// and fail in another, which are undecided, and how often an interval contains the median of all runs.  Returns the exit
// code: 1 if more than 5% of the intervals of ratios do not overlap in some pair, or if verdicts contradict each other.
// Times drift with the machine, so they are reported and decide nothing.
// Throws UsageError for fewer than two files, and std::runtime_error for one that is not such a file.
int report_agreement(const std::vector<std::string> &files, std::FILE *out);

} // namespace lanefold::bench
