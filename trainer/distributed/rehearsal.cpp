// The memory, the order and the sizes of the tasks are those of a training.
#include "trainer/distributed/rehearsal.hpp"

#include "trainer/distributed/divided_step.hpp"
#include "trainer/distributed/timing.hpp"
#include "trainer/training/training_step.hpp"

#include <utility>

namespace lanefold::trainer {
namespace {

// A rank whose messages arrive nowhere, and which does not wait for any.
class LoneRank : public Ranks {
public:
  LoneRank(const Division &division, size_t layers) : Ranks(division.rank, division.ranks), sums_(layers) {}
  Transfer send(int, Channel, const void *, size_t) override { return 0; }
  Transfer receive(int, Channel, void *, size_t) override { return 0; }
  bool is_done(Transfer) override { return true; }
  void wait(Transfer) override {}

  // The costs of the step that has ended.
  struct Sum {
    double seconds = 0, size = 0;
  };
  using Sums = std::vector<std::array<Sum, task_kinds>>;
  Sums take() { return std::exchange(sums_, Sums(sums_.size())); }

private:
  bool begins(const StepTask &) override { return begin_ = now(), true; }
  void ends(const StepTask &task) override {
    Sum &sum = sums_[task.layer][task.kind];
    sum.seconds += now() - begin_, sum.size += static_cast<double>(task.size);
  }

  Sums sums_;
  double begin_ = 0;
};

Batch random_batch(const Network &network, const Share &rows) {
  Batch batch;
  batch.rows = rows.size();
  batch.x.resize(static_cast<size_t>(rows.size() * network.features()));
  Stream random(1, Purpose::shuffle, static_cast<uint32_t>(rows.begin));
  for (float &x : batch.x) x = static_cast<float>(random.uniform());
  for (int64_t i = 0; i < rows.size(); ++i)
    batch.labels.push_back(static_cast<int32_t>(random.below(static_cast<uint32_t>(network.outputs()))));
  return batch;
}

// A rate of 0, because gradients of a part of the batch lead nowhere.
const Optimizer still{LF_SGD, 0};

} // namespace

TaskCosts rehearse(const Context &context, const Network &given, const Division &division, const Link &link,
                   int repetitions) {
  Network network = given;
  const size_t layers = network.layers.size();
  LoneRank rank(division, layers);
  DividedStep step(context, network, still, division.batch_rows, {}, rank, link);
  const Batch batch = random_batch(network, division.mine());
  std::vector<LoneRank::Sums> all;
  for (int i = 0; i <= repetitions; ++i) {
    step.run(batch, division.batch_rows, false);
    all.push_back(rank.take());
  }
  TaskCosts costs(layers);
  for (size_t layer = 0; layer < layers; ++layer)
    for (int kind = 0; kind < task_kinds; ++kind) {
      std::vector<double> seconds;
      for (size_t i = 1; i < all.size(); ++i) seconds.push_back(all[i][layer][static_cast<size_t>(kind)].seconds);
      const double size = all[0][layer][static_cast<size_t>(kind)].size;
      if (size > 0) costs.of({static_cast<StepTask::Kind>(kind), layer, 0}) = undisturbed(seconds) / size;
    }
  return costs;
}

double seconds_of_step(const Context &context, const Network &given, int64_t batch_rows, int repetitions) {
  Network network = given;
  TrainingStep step(context, network, still, batch_rows, {});
  const Batch batch = random_batch(network, {0, batch_rows});
  std::vector<double> seconds;
  for (int i = 0; i <= repetitions; ++i) {
    const double begin = now();
    static_cast<Step &>(step).run(batch, batch_rows, false);
    seconds.push_back(now() - begin);
  }
  return undisturbed({seconds.begin() + 1, seconds.end()});
}

double seconds_of_step(const Context &context, const Network &given, int64_t batch_rows, int repetitions, Ranks &ranks,
                       const Link &link) {
  const Division division{batch_rows, ranks.count(), ranks.rank()};
  Network network = given;
  DividedStep step(context, network, still, batch_rows, {}, ranks, link);
  const Batch batch = random_batch(network, division.mine());
  step.run(batch, batch_rows, false);
  std::vector<double> seconds;
  for (int i = 0; i < repetitions; ++i) {
    gather(ranks, ""); // all begin together
    const double begin = now();
    step.run(batch, batch_rows, false);
    gather(ranks, "");
    seconds.push_back(now() - begin);
  }
  double result = undisturbed(seconds);
  broadcast(ranks, 0, &result, sizeof result);
  return result;
}

} // namespace lanefold::trainer
