// Checkpoints: safetensors files that anyone can read, with the network's description in the metadata and, of a training
// that can go on, all that it is: where it stands, its options, its generator, and the optimizer state as tensors.
#pragma once

#include "trainer/checkpoint/safetensors.hpp"
#include "trainer/training/training.hpp"

#include <optional>

namespace lanefold::trainer {

struct Checkpoint {
  Network network;
  std::optional<TrainingState> training; // absent: a network to be used, such as a folded one
};

// Writes to a new file in the same folder and renames it, so that at any moment `path` is the old one or the new one,
// whole.  Throws CheckpointError, where values are not finite too; the old file is then untouched, and no other is left behind.
void save(const std::string &path, Network &network, const TrainingState *training = nullptr);

// Throws CheckpointError if save would, as far as one can tell without writing `path`.  Removes what saving to it has
// left where a process was killed.
void check_writable(const std::string &path);

// Trusts nothing in the file: header, JSON, shapes, offsets, sizes and values must agree with each other.
Checkpoint read_checkpoint(const std::string &path);

// model.safetensors -> model.epoch-3.safetensors.
std::string numbered(const std::string &path, int64_t epoch);
// Of the files with such names and numbers up to `epoch`, removes all but the `keep` with the highest.
void remove_older(const std::string &path, int64_t epoch, int64_t keep);

} // namespace lanefold::trainer
