// Small pictures in characters: sparklines, bars and charts of curves.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace lanefold::cli {

// One character for each value, from the lowest to the highest.  More than `most` values are averaged in groups.  A
// value that is not finite becomes "!".
std::string sparkline(const std::vector<double> &values, bool unicode, size_t most = 40);

// A bar of `width` characters, filled to `share` of 1.
std::string bar(double share, int width, bool unicode);

struct Curve {
  std::string name;
  std::vector<double> x, y;
};
// Draws curves over the same axes, in braille dots, or in letters where there is no UTF-8.  The legend shows the mark
// of each curve.  `width` and `height` count characters.
std::string chart(const std::string &title, const std::vector<Curve> &curves, bool unicode, bool colour, int width,
                  int height);

} // namespace lanefold::cli
