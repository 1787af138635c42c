// The library gathers and converts pixels.  Labels and rows of numbers are copied here.
#include "trainer/data/batches.hpp"

#include <algorithm>

namespace lanefold::trainer {

void gather(const Context &context, const Samples &samples, const uint32_t *order, int64_t first, int64_t rows,
            Batch &batch) {
  const int64_t features = samples.features();
  batch.rows = rows;
  batch.x.resize(static_cast<size_t>(rows * features));
  const auto index = [&](int64_t i) { return order ? static_cast<int64_t>(order[first + i]) : first + i; };
  batch.labels.resize(samples.outputs > 0 ? 0 : static_cast<size_t>(rows));
  for (size_t i = 0; i < batch.labels.size(); ++i)
    batch.labels[i] = samples.labels[static_cast<size_t>(index(static_cast<int64_t>(i)))];
  batch.targets.resize(static_cast<size_t>(rows * samples.outputs));
  for (int64_t i = 0; i < (samples.outputs > 0 ? rows : 0); ++i)
    std::copy_n(samples.targets.data() + index(i) * samples.outputs, samples.outputs,
                batch.targets.data() + i * samples.outputs);
  if (samples.numbers) {
    for (int64_t i = 0; i < rows; ++i)
      samples.numbers->copy(samples.number_of(index(i)), batch.x.data() + i * features);
    return;
  }
  if (!samples.chosen.empty()) {
    batch.chosen.resize(static_cast<size_t>(rows));
    for (int64_t i = 0; i < rows; ++i)
      batch.chosen[static_cast<size_t>(i)] = static_cast<uint32_t>(samples.number_of(index(i)));
    order = batch.chosen.data(), first = 0;
  }
  const int64_t from = order ? 0 : first, all = static_cast<int64_t>(samples.pixels.size()) / features;
  const ByteMatrix pixels(samples.pixels.data() + from * features, all - from, features);
  const RowIndices wanted = order ? RowIndices(order + first, rows) : RowIndices();
  context.gather(pixels, wanted, 255, {batch.x.data(), rows, features});
}

} // namespace lanefold::trainer
