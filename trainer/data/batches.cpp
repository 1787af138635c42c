// Pixels are gathered by the library, labels here.
#include "trainer/data/batches.hpp"

namespace lanefold::trainer {

void gather(const Context &context, const Images &images, const uint32_t *order, int64_t first, int64_t rows,
            Batch &batch) {
  const int64_t features = images.features();
  batch.rows = rows;
  batch.x.resize(static_cast<size_t>(rows * features));
  batch.labels.resize(static_cast<size_t>(rows));
  for (int64_t i = 0; i < rows; ++i)
    batch.labels[static_cast<size_t>(i)] = images.labels[order ? order[first + i] : static_cast<size_t>(first + i)];
  auto a = args<lf_gather_args>();
  a.m = rows, a.n = features, a.divisor = 255;
  a.x = images.pixels.data(), a.count = images.count();
  if (order) a.rows = order + first;
  else a.x += first * features, a.count -= first;
  a.ldx = features, a.y = batch.x.data(), a.ldy = features;
  context.gather(a);
}

} // namespace lanefold::trainer
