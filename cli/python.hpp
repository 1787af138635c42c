// Runs Python programs that are part of the command, and that draw with matplotlib.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

namespace lanefold::cli {

// No Python has matplotlib: neither python3 nor /usr/bin/python3, or not the one that $LANEFOLD_PYTHON names.  The
// message says how to install it.
class NoMatplotlib : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Runs `program`, the text of a Python program, with these arguments.
// Throws NoMatplotlib, or std::runtime_error if the program fails; it has then said why on standard error.
void run_python(const char *program, const std::vector<std::string> &arguments);

} // namespace lanefold::cli
