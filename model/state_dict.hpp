// The state_dict of a PyTorch module in a safetensors file.  It has only tensors, so a description of the network says
// what they are.
#pragma once

#include "model/description.hpp"
#include "model/safetensors/safetensors.hpp"

namespace lanefold::model {

// What PyTorch's BatchNorm1d has where nothing is said: eps 1e-5, and a momentum of 0.1, which is 0.9 here.
LayerForm usual_of_pytorch();

// What write_state_dict() calls the description of the network in the metadata.
inline constexpr const char *description_key = "network";

// Throws ModelError.
Model read_state_dict(const TensorFile &file, const NetworkForm &form, bool skips_foreign);

// The tensors of a torch.nn.Sequential of Linear, BatchNorm1d and activation modules.
TensorsToWrite write_state_dict(const Model &model, std::vector<Tensor> &kept);

} // namespace lanefold::model
