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

// What the data of a training was: its name, its digest, and what its numbers mean.
struct DataDescription {
  std::string name, sha256; // sha256: of the training samples; "" if nothing is saved
  Schema schema;
};

struct Checkpoint {
  Network network;
  std::optional<DataDescription> data;
  std::optional<TrainingState> training; // absent if the network is only to be used, such as a folded one
};

// Opens a file of any format.  Throws CheckpointError.
Model open_model(const std::string &path, const OpenOptions &options = {});
// Writes a model.  The file is replaced as a whole.  Throws CheckpointError.
void save_model(const Model &model, const std::string &path, const SaveOptions &options);

// Whether a Network can hold the layers: each has a product, except that a normalization of the features may come
// first.
bool is_trainable(const Model &model);
// The layers, without the softmax that may follow them.  is_trainable() must be true.
Network network_of(const Model &model);

// Whether the single output of a model is a logit, and not a probability.
bool has_logit(const Model &model);

// What a model says about its training data; nothing if the file does not come from Lanefold, or is older than
// LF_DATA_TEXT.  Throws CheckpointError.
std::optional<DataDescription> data_of(const Model &model, const std::string &path);

// Writes a new file in the same folder and renames it, so that `path` always names a complete file, the old or the new
// one.  Throws CheckpointError, also if a value is not finite.  The old file then stays as it was, and no other is
// left.
void save(const std::string &path, Network &network, const TrainingState *training = nullptr,
          const DataDescription *data = nullptr);

// Throws CheckpointError if save would, as far as that is known without writing `path`.  Removes unfinished files that
// killed processes left there.
void check_writable(const std::string &path);

// Throws CheckpointError if no training can continue from the network: if a layer has both a bias and batch
// normalization, or an unbiased variance.
void check_can_train(const std::string &path, const Network &network);

// Reads a network that training made, and the training.  Trusts nothing in the file.  Throws CheckpointError.
Checkpoint read_checkpoint(const std::string &path);

// The options of the training that a checkpoint holds.  Throws CheckpointError.
TrainOptions options_of(const Model &model, const std::string &path);

// model.safetensors -> model.epoch-3.safetensors.
std::string numbered(const std::string &path, int64_t epoch);
// model.safetensors -> model.best.safetensors.
std::string best_of(const std::string &path);
// Replaces a file by another one of the same folder.  Throws CheckpointError.
void replace(const std::string &path, const std::string &by);
// Removes files with such names and numbers up to `epoch`, but keeps the `keep` highest numbers.
void remove_older(const std::string &path, int64_t epoch, int64_t keep);

} // namespace lanefold::trainer
