// Do several runs on one machine agree?
#pragma once

#include <cstdio>
#include <string>
#include <vector>

namespace lanefold::bench {

// Prints a page about files of results.  It says whether their intervals overlap in pairs of runs, and how often an
// interval contains the median of all runs.  It names the gates that hold in one run and fail in another, and those
// that are undecided.  Returns 1, as an exit code, if more than 5% of the intervals of ratios do not overlap in some
// pair, or if verdicts contradict each other.  Times drift with the machine, so the page has them, but they decide
// nothing.
// Throws UsageError for fewer than two files, and std::runtime_error for one that is not such a file.
int report_agreement(const std::vector<std::string> &files, std::FILE *out);

} // namespace lanefold::bench
