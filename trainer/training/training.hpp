// Training over epochs: shuffled batches, figures of each step and epoch, and a way to stop between two steps and to go
// on from there later, bit for bit.
#pragma once

#include "trainer/training/schedule.hpp"
#include "trainer/training/training_step.hpp"

#include <functional>
#include <map>

namespace lanefold::trainer {

struct TrainOptions {
#define TRAINING_FIELD(type, member, initial, ...) type member = initial;
#define GENERATOR_FIELD TRAINING_FIELD
#include "trainer/option_table.inc"
#undef TRAINING_FIELD
#undef GENERATOR_FIELD
  Optimizer optimizer;
  Schedule schedule;
};

// Where a training stands: in an epoch (from 1), behind so many of its steps, with sums over their samples.
struct Position {
  int64_t epoch = 1, step = 0;
  double loss = 0;
  int64_t correct = 0, samples = 0;
};

// Of docs/numerics.md: where it differs, a training cannot go on bit for bit.
inline constexpr const char *numeric_version = "1";

// All that a training is beside its network and its data: with these it goes on as if it had never stopped.
struct TrainingState {
  TrainOptions options;
  Position position;
  std::string data_sha256;                            // of the training images; "" if nobody asked
  std::map<std::string, std::vector<float>> optimizer_state; // of the optimizer, as TrainingStep::visit names them
  std::string version = numeric_version;
};

// What keeps a training of this network on these images from being where the state says; "" if nothing does.
std::string impossible(const TrainingState &state, const Description &description, const Images &images);

struct StepFigures {
  int64_t epoch = 0, step = 0, steps = 0; // step of the epoch's steps, from 1
  float loss = 0, learning_rate = 0;
  int64_t correct = 0, samples = 0;
};

// Sums over the steps of a tenth of an epoch, which log and sparkline show as one.
struct Tenth {
  double loss = 0;
  int64_t correct = 0, samples = 0;

  void add(const StepFigures &figures);
  bool ends_with(const StepFigures &figures) const; // this step is the last of its tenth
  double mean_loss() const { return loss / static_cast<double>(samples); }
  double accuracy() const { return static_cast<double>(correct) / static_cast<double>(samples); }
};

struct Epoch {
  int64_t epoch = 0; // from 1
  double loss = 0, train_accuracy = 0, test_loss = 0, test_accuracy = 0;
  double seconds = 0; // of its steps, as far as they were made here
  bool finite = true; // false: the loss, on either set, is not a number
};

struct TrainWatch {
  std::function<bool()> stop; // asked after each step; true ends the training
  std::function<void(const StepFigures &)> step;
  std::function<bool(const Epoch &)> epoch; // after each whole epoch; false ends it
};

class Training {
public:
  // Keeps references, which outlive it.  Begins where the state says.  A last batch of a single sample is left out under
  // batch normalization: one sample has no variance.
  Training(const Context &context, Network &network, const Dataset &data, const TrainingState &state);

  // Until the last epoch of the options, or until a watch ends it; false if stop() did.
  bool run(const TrainWatch &watch);

  const Position &position() const { return position_; }
  int64_t steps_per_epoch() const { return steps_; }
  // For a later Training: data_sha256 is as it was given.
  TrainingState state();
  TrainingStep &step() { return step_; }

private:
  bool run_epoch(const TrainWatch &watch, Epoch &figures);
  void run_step(const uint32_t *order, const TrainWatch &watch);

  const Context &context_;
  Network &network_;
  const Dataset &data_;
  TrainOptions options_;
  Position position_;
  std::string data_sha256_;
  int64_t batch_size_, steps_;
  TrainingStep step_;
  Batch batch_;
};

// A whole training from its beginning.  Returns false if stop() ended it.
bool train(const Context &context, Network &network, const Dataset &data, const TrainOptions &options,
           const TrainWatch &watch);

} // namespace lanefold::trainer
