// The loop over epochs and batches.
#include "train.hpp"

#include "inference.hpp"
#include "random.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>

namespace lanefold::trainer {

bool train(const Context &context, Network &network, const Dataset &data, const TrainOptions &options,
           const TrainWatch &watch) {
  const int64_t count = data.train.count();
  const int64_t size = std::min(options.batch_size, count);
  const bool drop_last = network.description.batch_norm && count % size == 1;
  const int64_t steps = (count + size - 1) / size - (drop_last ? 1 : 0);
  TrainingStep step(context, network, options.optimizer, size);
  Batch batch;
  for (int64_t epoch = 1; epoch <= options.epochs; ++epoch) {
    const auto start = std::chrono::steady_clock::now();
    const auto order =
        permutation(static_cast<uint32_t>(count), Stream(options.seed, Purpose::shuffle, static_cast<uint32_t>(epoch)));
    Epoch figures;
    figures.epoch = epoch;
    int64_t right = 0, seen = 0;
    for (int64_t i = 0; i < steps; ++i) {
      const int64_t rows = std::min(size, count - i * size);
      gather(data.train, order.data(), i * size, rows, batch);
      const TrainingStep::Result result = step.run(batch);
      figures.loss += static_cast<double>(result.loss) * static_cast<double>(rows);
      right += result.hits;
      seen += rows;
      if (watch.step) watch.step(i + 1, steps);
      if (watch.stop && watch.stop()) return false;
    }
    figures.loss /= static_cast<double>(seen);
    figures.train_accuracy = static_cast<double>(right) / static_cast<double>(seen);
    figures.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    const Evaluation test = evaluate(context, network, data.test);
    figures.test_accuracy = test.accuracy;
    figures.finite = std::isfinite(figures.loss) && std::isfinite(test.loss);
    if (watch.epoch && !watch.epoch(figures)) return true;
  }
  return true;
}

} // namespace lanefold::trainer
