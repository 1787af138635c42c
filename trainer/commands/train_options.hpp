// The options of `lanefold train`, and what they ask for: a new training, or one that a checkpoint holds.
#pragma once

#include "trainer/checkpoint/checkpoint.hpp"
#include "trainer/commands/shared_options.hpp"
#include "trainer/fields.hpp"

namespace lanefold::trainer {

// The network as a whole.
struct NetworkOptions {
#define NETWORK_OPTION(type, member, initial, ...) type member = initial;
#include "trainer/option_table.inc"
#undef NETWORK_OPTION
};

// What is kept, and what is shown.
struct RunOptions {
#define RUN_OPTION(type, member, initial, ...) type member = initial;
#include "trainer/option_table.inc"
#undef RUN_OPTION
};

struct TrainCommand {
  ContextOptions context;
  DataWords data;
  NetworkOptions network;
  LayerDescription layer; // every hidden layer
  TrainOptions train;
  RunOptions run;

  const cli::Command *given = nullptr; // knows which options were given

  std::vector<Entry> network_entries(); // of NetworkOptions and layer
  std::vector<Entry> training_entries();
  std::vector<Entry> run_entries();
  std::vector<cli::Option> options();
};

// Where files are to be written, and whether they can be.  --resume stands for --save where that is not given.
// Throws cli::UsageError or CheckpointError.
void check_files(TrainCommand &command);

// Whether --resume takes this option in place of that of the checkpoint.
bool may_change(const std::string &name);

// Reads a network file.  Throws cli::UsageError, which names it.
Description read_network_file(const std::string &path);

// What the options describe, for these samples.  Throws cli::UsageError where they do not fit each other or the data.
Description describe_network(TrainCommand &command, const Dataset &data);

// What to begin with: a new network, or that of --resume, which options that are given may not contradict.
Checkpoint begin(TrainCommand &command, const Dataset &data);

} // namespace lanefold::trainer
