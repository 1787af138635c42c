// What standard error or output can show, and small pictures in characters for it.
#pragma once

#include <cstdio>
#include <string>
#include <vector>

namespace lanefold::trainer {

struct Terminal {
  bool interactive = false; // a terminal, where a line can be rewritten
  bool colour = false;      // and NO_COLOR is not set
  bool unicode = false;     // the locale's characters are UTF-8
  int width = 80;
};
Terminal terminal(std::FILE *stream);

// One character for each value, from the lowest to the highest; values beyond `most` characters are averaged.  A value
// that is no number is a "!".
std::string sparkline(const std::vector<double> &values, bool unicode, size_t most = 40);

// A bar of `width` characters, filled to `share` of 1.
std::string bar(double share, int width, bool unicode);

struct Curve {
  std::string name;
  std::vector<double> x, y;
};
// Curves over the same axes, in braille dots, or letters where there is no UTF-8: each of its own mark, in the legend.
std::string chart(const std::string &title, const std::vector<Curve> &curves, bool unicode, bool colour, int width,
                  int height);

} // namespace lanefold::trainer
