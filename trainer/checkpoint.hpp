// Checkpoints: safetensors files (8 bytes of header length, a JSON header, tensors), readable by anyone's safetensors.
// The network's description stands in the metadata.
#pragma once

#include "network.hpp"

#include <stdexcept>
#include <string>

namespace lanefold::trainer {

// What is wrong with a file; the message names it.
class CheckpointError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Writes to a new file in the same folder and renames it, so that at any moment `path` is the old one or the new one,
// whole.  Throws CheckpointError; the old file is then untouched, and no other is left behind.
void save(const std::string &path, Network &network);

// Throws CheckpointError if save would, as far as one can tell without writing `path`.
void check_writable(const std::string &path);

// Trusts nothing in the file: header length, JSON, shapes, offsets and sizes must agree to the byte.
Network read_checkpoint(const std::string &path);

} // namespace lanefold::trainer
