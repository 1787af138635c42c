// What a run prints in the terminal: a page, or everything.
#pragma once

#include "record.hpp"

#include <string>
#include <vector>

namespace lanefold::bench {

// What was measured on what, the figures that matter most, the verdicts by family, and which gates fail or are undecided.
std::vector<std::string> page_of(const Record &record);

// Every ratio as a line: "name value [>=target holds|fails|undecided] low..high".
std::string line_of(const Json &ratio);

} // namespace lanefold::bench
