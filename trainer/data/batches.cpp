// The library gathers and converts the pixels.  Labels are copied here.
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
  const int64_t from = order ? 0 : first;
  const ByteMatrix pixels(images.pixels.data() + from * features, images.count() - from, features);
  const RowIndices wanted = order ? RowIndices(order + first, rows) : RowIndices();
  context.gather(pixels, wanted, 255, {batch.x.data(), rows, features});
}

} // namespace lanefold::trainer
