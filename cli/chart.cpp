// Block characters for sparklines and bars, braille dots for charts.
#include "cli/chart.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

namespace lanefold::cli {
namespace {

struct Extent {
  double low = INFINITY, high = -INFINITY;
  void include(double v) {
    if (!std::isfinite(v)) return;
    low = std::min(low, v), high = std::max(high, v);
  }
  double share(double v) const { return high > low ? (v - low) / (high - low) : 0; }
};

std::string utf8(uint32_t code) { // a code point that takes three bytes
  return {static_cast<char>(0xe0 | code >> 12), static_cast<char>(0x80 | (code >> 6 & 63)),
          static_cast<char>(0x80 | (code & 63))};
}

// Each character holds dots in two columns and four rows, and remembers which curve set the last of them.
class Canvas {
public:
  Canvas(int width, int height)
      : width_(width), height_(height), cells_(static_cast<size_t>(width * height)), owner_(cells_.size(), 0) {}

  void dot(int x, int y, size_t curve) { // x and y count dots from the lower left
    static constexpr uint8_t bits[4][2] = {{0x40, 0x80}, {0x04, 0x20}, {0x02, 0x10}, {0x01, 0x08}};
    if (x < 0 || y < 0 || x >= 2 * width_ || y >= 4 * height_) return;
    const auto cell = static_cast<size_t>((height_ - 1 - y / 4) * width_ + x / 2);
    cells_[cell] |= bits[y % 4][x % 2];
    owner_[cell] = curve;
  }
  void line(int x0, int y0, int x1, int y1, size_t curve) {
    const int steps = std::max({std::abs(x1 - x0), std::abs(y1 - y0), 1});
    for (int i = 0; i <= steps; ++i)
      dot(x0 + static_cast<int>(std::lround(double(x1 - x0) * i / steps)),
          y0 + static_cast<int>(std::lround(double(y1 - y0) * i / steps)), curve);
  }
  std::string row(int r, bool dots, bool colour) const {
    std::string text;
    for (int c = 0; c < width_; ++c) {
      const auto cell = static_cast<size_t>(r * width_ + c);
      if (!cells_[cell]) {
        text += ' ';
        continue;
      }
      const std::string mark = dots ? utf8(0x2800u + cells_[cell]) : std::string(1, letter(owner_[cell]));
      text += colour ? paint(owner_[cell], mark) : mark;
    }
    return text;
  }
  static char letter(size_t curve) { return "*o+x#"[curve % 5]; }
  static std::string paint(size_t curve, const std::string &text) {
    static constexpr std::array<const char *, 5> colours = {"36", "33", "35", "32", "34"};
    return std::string("\033[") + colours[curve % 5] + "m" + text + "\033[0m";
  }

private:
  int width_, height_;
  std::vector<uint8_t> cells_;
  std::vector<size_t> owner_;
};

} // namespace

std::string sparkline(const std::vector<double> &values, bool unicode, size_t most) {
  const size_t count = std::min(most, values.size());
  std::vector<double> shown;
  Extent range;
  for (size_t i = 0; i < count; ++i) {
    const size_t begin = i * values.size() / count, end = (i + 1) * values.size() / count;
    double sum = 0;
    for (size_t j = begin; j < end; ++j) sum += values[j];
    shown.push_back(sum / static_cast<double>(end - begin));
    range.include(shown.back());
  }
  std::string text;
  for (const double v : shown) {
    if (!std::isfinite(v)) {
      text += '!';
      continue;
    }
    const int level = std::clamp(static_cast<int>(range.share(v) * 8), 0, 7);
    if (unicode) text += utf8(0x2581u + static_cast<uint32_t>(level));
    else text += "_.-=+*%#"[level];
  }
  return text;
}

std::string bar(double share, int width, bool unicode) {
  const int full = std::clamp(static_cast<int>(share * width), 0, width);
  std::string text;
  for (int i = 0; i < width; ++i) text += unicode ? utf8(i < full ? 0x2588 : 0x2591) : i < full ? "#" : ".";
  return text;
}

std::string chart(const std::string &title, const std::vector<Curve> &curves, bool unicode, bool colour, int width,
                  int height) {
  Extent across, up;
  for (const Curve &curve : curves) {
    for (const double x : curve.x) across.include(x);
    for (const double y : curve.y) up.include(y);
  }
  if (up.low > up.high) return title + ": nothing to draw\n";
  constexpr int label = 10;
  const int columns = std::max(16, width - label - 2);
  Canvas canvas(columns, height);
  const auto px = [&](double x) { return static_cast<int>(std::lround(across.share(x) * (2 * columns - 1))); };
  const auto py = [&](double y) { return static_cast<int>(std::lround(up.share(y) * (4 * height - 1))); };
  for (size_t c = 0; c < curves.size(); ++c)
    for (size_t i = 0; i < curves[c].x.size(); ++i) {
      const auto &[name, x, y] = curves[c];
      if (!std::isfinite(y[i])) continue;
      const size_t from = i > 0 && std::isfinite(y[i - 1]) ? i - 1 : i;
      canvas.line(px(x[from]), py(y[from]), px(x[i]), py(y[i]), c);
    }
  // Only colour tells the dots of two curves apart.
  const bool dots = unicode && (colour || curves.size() == 1);
  std::string text = title;
  for (size_t c = 0; c < curves.size(); ++c) {
    const std::string name = dots ? curves[c].name : std::string(1, Canvas::letter(c)) + " " + curves[c].name;
    text += "   " + (colour ? Canvas::paint(c, name) : name);
  }
  text += "\n";
  char number[32];
  for (int r = 0; r < height; ++r) {
    if (r == 0 || r == height - 1) std::snprintf(number, sizeof number, "%*.4g", label, r == 0 ? up.high : up.low);
    else std::snprintf(number, sizeof number, "%*s", label, "");
    text += std::string(number) + (unicode ? " │" : " |") + canvas.row(r, dots, colour) + "\n";
  }
  std::snprintf(number, sizeof number, "%*s", label + 2, "");
  text += number;
  char left[32], right[32];
  std::snprintf(left, sizeof left, "%.4g", across.low);
  std::snprintf(right, sizeof right, "%.4g", across.high);
  const int gap = std::max(1, columns - static_cast<int>(std::string(left).size() + std::string(right).size()));
  return text + left + std::string(static_cast<size_t>(gap), ' ') + right + "\n";
}

} // namespace lanefold::cli
