// Draws digits from strokes.  Each digit is a few polylines, which are slanted, rotated, stretched and shifted at
// random, drawn with a pen of random width, and covered with noise.  All operations are IEEE operations on doubles, so
// the bytes are the same on every machine.
#include "trainer/data/dataset.hpp"
#include "trainer/data/random.hpp"

#include <algorithm>
#include <cmath>

namespace lanefold::trainer {
namespace {

constexpr int side = 28;

struct Point {
  double x, y; // right and down, 0 to 1
};
using Stroke = std::vector<Point>;
using Glyph = std::vector<Stroke>;

// Points on an ellipse from one angle to another.  Angles count full rotations, clockwise from the right.
Stroke arc(Point center, double rx, double ry, double from, double to) {
  Stroke points;
  constexpr int pieces = 14;
  for (int i = 0; i <= pieces; ++i) {
    double u = from + (to - from) * i / pieces;
    u -= std::floor(u);
    const CosineAndSine t = cosine_and_sine(u);
    points.push_back({center.x + rx * t.cosine, center.y + ry * t.sine});
  }
  return points;
}

Stroke join(Stroke first, const Stroke &second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

// Two ways to write each digit.
std::vector<std::vector<Glyph>> make_glyphs() {
  const Stroke hook = arc({.5, .3}, .26, .21, .55, 1.08);
  return {
      {{arc({.5, .5}, .28, .42, 0, 1)}, {arc({.5, .5}, .2, .42, 0, 1)}},
      {{{{.36, .26}, {.54, .08}, {.54, .92}}}, {{{.5, .08}, {.5, .92}}}},
      {{join(hook, {{.24, .9}, {.8, .9}})}, {join(hook, {{.36, .78}, {.22, .9}, {.34, .84}, {.56, .92}, {.82, .88}})}},
      {{join(arc({.46, .29}, .26, .21, .58, 1.25), arc({.46, .71}, .29, .21, .75, 1.42))},
       {{{.24, .1}, {.74, .1}, {.46, .42}}, arc({.45, .67}, .29, .25, .75, 1.42)}},
      {{{{.62, .08}, {.2, .62}, {.84, .62}}, {{.62, .08}, {.62, .92}}},
       {{{.26, .1}, {.22, .54}, {.8, .54}}, {{.7, .1}, {.66, .92}}}},
      {{join({{.76, .09}, {.34, .09}, {.29, .46}}, arc({.47, .66}, .29, .25, .68, 1.4))},
       {{{.3, .1}, {.28, .46}}, {{.3, .1}, {.78, .1}}, arc({.45, .66}, .3, .24, .7, 1.38)}},
      {{{{.68, .08}, {.46, .22}, {.31, .45}, {.26, .68}}, arc({.5, .69}, .24, .22, 0, 1)},
       {{{.48, .08}, {.32, .4}, {.28, .7}}, arc({.48, .72}, .2, .19, 0, 1)}},
      {{{{.2, .1}, {.8, .1}, {.42, .92}}}, {{{.22, .12}, {.78, .1}, {.46, .92}}, {{.36, .5}, {.72, .48}}}},
      {{arc({.5, .29}, .21, .2, 0, 1), arc({.5, .71}, .26, .21, 0, 1)},
       {{{.72, .16},
         {.5, .08},
         {.3, .22},
         {.44, .42},
         {.68, .62},
         {.66, .84},
         {.46, .92},
         {.3, .8},
         {.36, .6},
         {.6, .4},
         {.72, .22}}}},
      {{arc({.49, .3}, .23, .22, 0, 1), {{.72, .3}, {.7, .62}, {.58, .92}}},
       {arc({.48, .29}, .22, .2, 0, 1), {{.7, .26}, {.68, .92}}}},
  };
}

struct Pen {
  double radius, ink;
};

// The distance of (x, y) from the segment a-b.
double distance(Point a, Point b, double x, double y) {
  const double dx = b.x - a.x, dy = b.y - a.y, length = dx * dx + dy * dy;
  const double t = length > 0 ? std::clamp(((x - a.x) * dx + (y - a.y) * dy) / length, 0.0, 1.0) : 0.0;
  const double ex = x - (a.x + t * dx), ey = y - (a.y + t * dy);
  return std::sqrt(ex * ex + ey * ey);
}

// Draws the segment a-b, in pixels, over the image.
void draw(Point a, Point b, Pen pen, double *image) {
  const double reach = pen.radius + 0.5;
  const int left = std::max(0, static_cast<int>(std::floor(std::min(a.x, b.x) - reach)));
  const int right = std::min(side - 1, static_cast<int>(std::ceil(std::max(a.x, b.x) + reach)));
  const int top = std::max(0, static_cast<int>(std::floor(std::min(a.y, b.y) - reach)));
  const int bottom = std::min(side - 1, static_cast<int>(std::ceil(std::max(a.y, b.y) + reach)));
  for (int y = top; y <= bottom; ++y)
    for (int x = left; x <= right; ++x) {
      const double cover = std::clamp(reach - distance(a, b, x, y), 0.0, 1.0) * pen.ink;
      image[y * side + x] = std::max(image[y * side + x], cover);
    }
}

void draw_digit(const Glyph &glyph, Stream &random, uint8_t *pixels) {
  const CosineAndSine angle =
      cosine_and_sine(random.uniform(0, 1) < 0.5 ? random.uniform(0, 0.035) : random.uniform(0.965, 1));
  const double slant = random.uniform(-0.15, 0.45), width = random.uniform(13, 21), height = random.uniform(16, 22);
  const double shift_x = random.uniform(-3, 3), shift_y = random.uniform(-2.5, 2.5);
  const Pen pen{random.uniform(0.6, 1.7), random.uniform(150, 255)};
  const auto place = [&](Point p) {
    const double x = (p.x - 0.5 + (0.5 - p.y) * slant + random.uniform(-0.045, 0.045)) * width;
    const double y = (p.y - 0.5 + random.uniform(-0.035, 0.035)) * height;
    return Point{13.5 + shift_x + x * angle.cosine - y * angle.sine,
                 13.5 + shift_y + x * angle.sine + y * angle.cosine};
  };
  double image[side * side] = {};
  for (const Stroke &stroke : glyph) {
    Point last = place(stroke[0]);
    for (size_t i = 1; i < stroke.size(); ++i) {
      const Point next = place(stroke[i]);
      draw(last, next, pen, image);
      last = next;
    }
  }
  const double noise = random.uniform(0, 40);
  for (int i = 0; i < side * side; ++i) {
    // One random number gives a byte to each of four pixels.
    static_assert(side * side % 4 == 0);
    if (i % 4 == 0) {
      const uint32_t bits = random.bits();
      for (int j = 0; j < 4; ++j)
        image[i + j] += ((bits >> (8 * j) & 255) - 127.5) / 127.5 * noise * (image[i + j] > 0 ? 1.0 : 0.5);
    }
    pixels[i] = static_cast<uint8_t>(std::clamp(image[i], 0.0, 255.0) + 0.5);
  }
}

// Each rank draws its share.
Samples draw_images(const std::vector<std::vector<Glyph>> &glyphs, int64_t first, int64_t count, Ranks &ranks) {
  std::vector<uint8_t> pixels(static_cast<size_t>(count * side * side));
  std::vector<int32_t> labels(static_cast<size_t>(count));
  const Share mine = share_of(count, ranks.count(), ranks.rank());
  for (int64_t i = mine.begin; i < mine.end; ++i) {
    Stream random(0, Purpose::digits, static_cast<uint32_t>(first + i));
    const uint32_t digit = random.below(digit_classes);
    labels[static_cast<size_t>(i)] = static_cast<int32_t>(digit);
    draw_digit(glyphs[digit][random.below(2)], random, pixels.data() + i * side * side);
  }
  for (int rank = 0; ranks.count() > 1 && rank < ranks.count(); ++rank) {
    const Share share = share_of(count, ranks.count(), rank);
    const auto images = static_cast<size_t>(share.size());
    broadcast(ranks, rank, pixels.data() + share.begin * side * side, images * side * side);
    broadcast(ranks, rank, labels.data() + share.begin, images * sizeof(int32_t));
  }
  return {side, side, true, Pixels(std::move(pixels)), std::move(labels), nullptr, {}};
}

} // namespace

Dataset draw_digits(int64_t train, int64_t test, Ranks &ranks) {
  const auto glyphs = make_glyphs();
  // The indices of test digits do not depend on the size of the training set.
  Schema schema;
  schema.classes = numbered_classes(digit_classes), schema.scales_bytes = true;
  return {digits_name, draw_images(glyphs, 0, train, ranks), draw_images(glyphs, int64_t{1} << 31, test, ranks),
          schema};
}

} // namespace lanefold::trainer
