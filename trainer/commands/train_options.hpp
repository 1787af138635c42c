// The options of `lanefold train`, and what they ask for: a new training, or one that a checkpoint holds.
#pragma once

#include "trainer/checkpoint/checkpoint.hpp"
#include "trainer/commands/shared_options.hpp"

#include <optional>

namespace lanefold::trainer {

struct TrainCommand {
  ContextOptions context;
  std::string data;
  // The network, by a file or by flags.
  std::string network_file, activation = "elu", initializer = "he-truncated", fan, batch_norm = "on";
  std::string hidden = "300,100";
  std::optional<float> alpha;
  LayerDescription layer;
  // The training.
  std::string optimizer = "sgd";
  TrainOptions train;
  // What is kept, and what is shown.
  std::string save, resume, log;
  int64_t save_every = 1, keep = 0;
  bool quiet = false, json = false;

  CLI::App *verb = nullptr; // knows which options were given
};

void add_train_options(CLI::App &app, TrainCommand &command);

// Where files are to be written, and whether they can; --save is set where --resume stands for it.  Throws UsageError or
// CheckpointError.
void check_files(TrainCommand &command);

// A network file.  Throws UsageError, which names it.
Description read_network_file(const std::string &path);

// What the options describe, for these images.  Throws UsageError where they do not fit each other or the data.
Description describe_network(const TrainCommand &command, const Images &images, const std::string &data_name);
TrainOptions describe_training(const TrainCommand &command);

// What to begin with: a new network, or that of --resume, where options that are given may not say otherwise.
Checkpoint begin(TrainCommand &command, const Dataset &data);

} // namespace lanefold::trainer
