// Gathers batches through a table of the 256 values that a pixel can have.
#include "batches.hpp"

#include <array>

namespace lanefold::trainer {
namespace {

std::array<float, 256> make_levels() {
  std::array<float, 256> levels{};
  for (size_t i = 0; i < levels.size(); ++i) levels[i] = static_cast<float>(i) / 255.0f;
  return levels;
}

} // namespace

void gather(const Images &images, const uint32_t *order, int64_t first, int64_t rows, Batch &batch) {
  static const std::array<float, 256> levels = make_levels();
  const int64_t features = images.features();
  batch.rows = rows;
  batch.x.resize(static_cast<size_t>(rows * features));
  batch.labels.resize(static_cast<size_t>(rows));
  for (int64_t i = 0; i < rows; ++i) {
    const int64_t index = order ? order[first + i] : first + i;
    const uint8_t *from = images.image(index);
    float *to = batch.x.data() + i * features;
    for (int64_t j = 0; j < features; ++j) to[j] = levels[from[j]];
    batch.labels[static_cast<size_t>(i)] = images.labels[static_cast<size_t>(index)];
  }
}

} // namespace lanefold::trainer
