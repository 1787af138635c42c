// Runs Python programs that are part of the command, and that draw with matplotlib.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace lanefold::cli {

// No Python has matplotlib: neither python3 nor /usr/bin/python3, or not the one that $LANEFOLD_PYTHON names.  The
// message says how to install it.
class NoMatplotlib : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

// A child process finds its program here, if file descriptor `program_number` is the file of the program.
constexpr int program_number = 3;
constexpr const char *program_path = "/proc/self/fd/3";

// A file in memory that holds a program.  It closes when the caller starts another program.  Throws std::runtime_error.
int program_file(std::string_view program);

// Runs `program`, a package that cli/embed_package.py made, with these arguments.
// Throws NoMatplotlib, AlreadyTold if the program has said in one line what is wrong, or std::runtime_error.
void run_python(std::string_view program, const std::vector<std::string> &arguments);

} // namespace lanefold::cli
