// Prepares a model for inference.  It folds each layer without a product into a neighbour where that is possible, and
// batch normalization into its product.
#pragma once

#include "model/model.hpp"

namespace lanefold::model {

// A layer for lf_network_create, with the memory that it needs beside the model's.
struct PreparedLayer {
  lf_network_layer layer;
  std::vector<float> w, bias, norm_values; // empty: layer points into the model, or nowhere
  lf_batch_norm norm;                      // layer.batch_norm points to it, or is NULL
};

// Who folds the batch normalization of a product: prepare(), or lf_network_create(), which needs memory for one layer at
// a time.  The bits are the same.
enum class Folding { here, later };

// Prepares all layers.  The plugin of the context folds batch normalization, with the bits of lf_fold_batch_norm().
std::vector<PreparedLayer> prepare(const Model &model, lf_context *context, Folding folding);

// A model with the same function, whose layers are the prepared ones.
Model folded(const Model &model, lf_context *context);

} // namespace lanefold::model
