// Lanefold's own files: safetensors whose metadata describes the network.
#pragma once

#include "model/safetensors/safetensors.hpp"

namespace lanefold::model {

// Whether a parameter, or a part of the format, has this name, so that no other tensor can.
bool is_reserved_name(const std::string &name);

// Whether the metadata says that this is such a file, of any version.
bool is_own_format(const TensorFile &file);

// Throws ModelError.  Tensors that the network does not use are named in a note if they may be skipped.
Model read_own_format(TensorFile &file, bool skips_foreign);

// The parts of a file.  They point into the model, and into `kept`, which holds what had to be converted.
TensorsToWrite write_own_format(const Model &model, std::vector<Tensor> &kept);

// Throws ModelError if the tensor holds integers, which no parameter is.
void need_floats(const std::string &name, const Tensor &tensor);
// Adds a note for each type whose values were converted to floats.
void note_conversions(const std::map<std::string, Tensor> &used, Model &model);
// Refuses tensors that neither the network nor model.tensors uses, or names them in a note if they may be skipped.
void handle_foreign(const TensorFile &file, const std::map<std::string, Tensor> &used, bool skips_foreign,
                    Model &model);

} // namespace lanefold::model
