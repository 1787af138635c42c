// Checkpoints are safetensors files.  The metadata describes the network.  If a training can continue, the metadata
// also holds its options, position and generator, and the optimizer state is stored as tensors.
#pragma once

#include "trainer/checkpoint/safetensors.hpp"
#include "trainer/training/training.hpp"

#include <optional>

namespace lanefold::trainer {

struct Checkpoint {
  Network network;
  std::optional<TrainingState> training; // absent if the network is only to be used, such as a folded one
};

// Writes a new file in the same folder and renames it, so that `path` always names a complete file, the old or the new
// one.  Throws CheckpointError, also if a value is not finite.  The old file then stays as it was, and no other is
// left.
void save(const std::string &path, Network &network, const TrainingState *training = nullptr);

// Throws CheckpointError if save would, as far as that is known without writing `path`.  Removes unfinished files that
// killed processes left there.
void check_writable(const std::string &path);

// Trusts nothing in the file: header, JSON, shapes, offsets, sizes and values must agree.  Throws CheckpointError.
Checkpoint read_checkpoint(const std::string &path);

// model.safetensors -> model.epoch-3.safetensors.
std::string numbered(const std::string &path, int64_t epoch);
// Removes files with such names and numbers up to `epoch`, but keeps the `keep` highest numbers.
void remove_older(const std::string &path, int64_t epoch, int64_t keep);

} // namespace lanefold::trainer
