// Training over epochs in shuffled batches.  It reports each step and epoch.  It can stop between two steps and
// continue from there later, bit for bit.
#pragma once

#include "trainer/distributed/division.hpp"
#include "trainer/network/inference.hpp"
#include "trainer/training/schedule.hpp"
#include "trainer/training/step.hpp"

#include <functional>
#include <map>
#include <memory>

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

// How far a training has come: the epoch (from 1), the steps of it that are done, and sums over their samples.
struct Position {
  int64_t epoch = 1, step = 0;
  double loss = 0;
  int64_t correct = 0, samples = 0;
};

// The epoch with the lowest loss on the test samples so far; epoch 0: there is none.
struct Best {
  int64_t epoch = 0;
  double loss = 0, score = 0; // score: the accuracy, or R2 of a regression
};

// An option that was changed when the training was resumed.
struct Change {
  int64_t epoch = 1, step = 0; // from where on
  std::string option, from, to;
};

// The version of docs/numerics.md.  A training of another version cannot continue bit for bit.
inline constexpr const char *numeric_version = "1";

// With this state, its network and its data, a training continues as if it had never stopped.
struct TrainingState {
  TrainOptions options;
  Position position;
  std::string data_sha256;                                   // of the training images; "" if it is not needed
  std::map<std::string, std::vector<float>> optimizer_state; // as TrainingStep::visit names it
  std::string version = numeric_version;
  Best best = {};
  std::vector<Change> changes = {}; // in the order of their positions
};

// What the options ask for, for these data and a network with so many outputs.  Throws DataError if the class weights do
// not fit the classes.
Objective objective_of(const TrainOptions &options, const Dataset &data, int64_t outputs);

// The loss and the accuracy, or R2, on the test samples.
Evaluation evaluate_test(const Context &context, Network &network, const Dataset &data, Ranks &ranks = alone());

// Says why no training of this network on these images can be in that state; "" if one can.
std::string impossible(const TrainingState &state, const Description &description, const Samples &images);

struct StepFigures {
  int64_t epoch = 0, step = 0, steps = 0; // `step` of the epoch's `steps`, from 1
  float loss = 0, learning_rate = 0;
  int64_t correct = 0, samples = 0;
  Task task = Task::classification;
};

// Sums over the steps of a tenth of an epoch, which log and sparkline show as one.
struct Tenth {
  double loss = 0;
  int64_t correct = 0, samples = 0; // correct: of a classification

  void add(const StepFigures &figures);
  bool ends_with(const StepFigures &figures) const; // this step is the last of its tenth
  double mean_loss() const { return loss / static_cast<double>(samples); }
  double accuracy() const { return static_cast<double>(correct) / static_cast<double>(samples); }
};

struct Epoch {
  int64_t epoch = 0; // from 1
  Task task = Task::classification;
  double loss = 0, test_loss = 0;
  double train_accuracy = 0, test_accuracy = 0; // of a classification
  double test_r2 = 0;                           // of a regression
  double seconds = 0;                           // that its steps took in this process
  bool best = false;                            // the loss on the test samples is the lowest so far
  bool finite = true;                           // false if the loss on either set is not a finite number
};

struct TrainWatch {
  std::function<bool()> stop; // called in each step; true stops the training after this step, on all ranks
  std::function<void(const StepFigures &)> step;
  std::function<bool(const Epoch &)> epoch; // called after each complete epoch; false stops it
};

class Training {
public:
  // Keeps references.  Begins where the state says.  With batch normalization it leaves out a last batch of one sample,
  // because one sample has no variance.  All ranks make the same training, and run it together.
  Training(const Context &context, Network &network, const Dataset &data, const TrainingState &state,
           Ranks &ranks = alone(), const DivisionOptions &division = {});
  Training(const Context &&, Network &, const Dataset &, const TrainingState &,
           Ranks & = alone()) = delete; // a reference to a temporary would dangle
  Training(const Context &, Network &, const Dataset &&, const TrainingState &, Ranks & = alone()) = delete;

  // Trains until the last epoch of the options, or until it stops early, or until a watch stops it.  Returns false if
  // stop() did.
  bool run(const TrainWatch &watch);

  const Position &position() const { return position_; }
  const Best &best() const { return best_; }
  // Whether the loss has not become lower for as many epochs as the options allow.
  bool stops_early() const;
  int64_t steps_per_epoch() const { return steps_; }
  // For a later Training.  data_sha256 is the one that the constructor got.
  TrainingState state();
  Step &step() { return *step_; }
  // How ranks divide the work, and why; "" if there is one.
  std::string division() const;

private:
  bool run_epoch(const TrainWatch &watch, Epoch &figures);
  void run_step(const uint32_t *order, const TrainWatch &watch);

  const Context &context_;
  Network &network_;
  const Dataset &data_;
  TrainOptions options_;
  Position position_;
  Best best_;
  std::vector<Change> changes_;
  std::string data_sha256_;
  int64_t batch_size_, steps_;
  Ranks &ranks_;
  const Link link_;
  const DividedBy divided_by_;
  std::unique_ptr<Step> step_;
  Batch batch_;
  bool wants_stop_ = false, stops_ = false; // this rank wants to stop, or one of all ranks does
};

// Trains from the beginning.  Returns false if stop() stopped it.
bool train(const Context &context, Network &network, const Dataset &data, const TrainOptions &options,
           const TrainWatch &watch);

} // namespace lanefold::trainer
