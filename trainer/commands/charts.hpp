// Drawing with Python's matplotlib, where it is there.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

namespace lanefold::trainer {

// Neither python3 nor /usr/bin/python3 has matplotlib, or $LANEFOLD_PYTHON does not; the message says how to get it.
class NoCharts : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Runs a program in Python with these arguments.
// Throws NoCharts, or std::runtime_error if it failed; what went wrong stands on standard error then.
void draw(const char *program, const std::vector<std::string> &arguments);

// trainer/charts/: ("study", json, html) or ("curves", log, picture).
void draw_charts(const std::vector<std::string> &arguments);

} // namespace lanefold::trainer
