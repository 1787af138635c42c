// Networks in files, by liblanefold_model.  A checkpoint is such a file in Lanefold's own format.  If a training can
// continue from it, it also holds the training's options, position and generator, and the optimizer state.
#pragma once

#include "trainer/training/training.hpp"

#include <lanefold/model.hpp>

#include <optional>
#include <stdexcept>

namespace lanefold::trainer {

// A file that cannot be used or written.  The message names it and says why.
class CheckpointError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Checkpoint {
  Network network;
  std::optional<TrainingState> training; // absent if the network is only to be used, such as a folded one
};

// Opens a file of any format.  Throws CheckpointError.
Model open_model(const std::string &path, const OpenOptions &options = {});
// Writes a model.  The file is replaced as a whole.  Throws CheckpointError.
void save_model(const Model &model, const std::string &path, const SaveOptions &options);

// Whether each layer has a product, so that a Network can hold it.
bool has_only_products(const Model &model);
// The layers, without the softmax that may follow them.  has_only_products() must be true.
Network network_of(const Model &model);

// Writes a new file in the same folder and renames it, so that `path` always names a complete file, the old or the new
// one.  Throws CheckpointError, also if a value is not finite.  The old file then stays as it was, and no other is
// left.
void save(const std::string &path, Network &network, const TrainingState *training = nullptr);

// Throws CheckpointError if save would, as far as that is known without writing `path`.  Removes unfinished files that
// killed processes left there.
void check_writable(const std::string &path);

// Reads a network that training made, and the training.  Trusts nothing in the file.  Throws CheckpointError.
Checkpoint read_checkpoint(const std::string &path);

// model.safetensors -> model.epoch-3.safetensors.
std::string numbered(const std::string &path, int64_t epoch);
// Removes files with such names and numbers up to `epoch`, but keeps the `keep` highest numbers.
void remove_older(const std::string &path, int64_t epoch, int64_t keep);

} // namespace lanefold::trainer
