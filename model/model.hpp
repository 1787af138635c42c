// What a file says about a network, whatever its format.  Readers make a Model, and writers take one.
#pragma once

#include "model/tensor.hpp"

#include <lanefold/model.h>

#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace lanefold::model {

// The most inputs or outputs of a layer, and the most layers.
inline constexpr int64_t most_units = 1 << 24, most_layers = 1000;

// One line of text: a file's own words may hold anything.  Control characters become spaces, and the end of a long text
// is cut off.
std::string one_line(std::string text);

// A file that cannot be used, or a model that cannot be written.  The message names the place in the file; the C entry
// points put the file's name before it.
class ModelError : public std::runtime_error {
public:
  explicit ModelError(const std::string &message, lf_status why = LF_INVALID_ARGUMENT)
      : std::runtime_error(one_line(message)), status(why) {}
  const lf_status status;
};

// y = gamma * (x - mean) / sqrt(var + eps) + beta, over n columns.
struct Norm {
  float eps = 1e-3f, momentum = 0.9f;
  bool unbiased = false; // training updates the running variance with the unbiased variance of a batch
  Tensor gamma, beta, mean, var;
};

// y = act(norm(x w + bias)).  Each part but the activation may be absent.  Without w, n is k.
struct Layer {
  std::string name; // in messages: "layers.0", or the name of a node
  int64_t k = 0, n = 0;
  Tensor w; // k x n; n x k if transposed; empty: no product
  bool transposed = false;
  Tensor bias; // n; empty: none
  std::optional<Norm> norm;
  int32_t activation = LF_IDENTITY;
  float alpha = 1;

  bool has_product() const { return !w.empty(); }
};

struct Model {
  int32_t format = 0; // LF_FORMAT_*
  std::string producer;
  int64_t features = 0;
  std::vector<Layer> layers;
  int32_t output = 0;                                  // LF_OUTPUT_*
  std::vector<std::string> feature_names, class_names; // empty: the file has none
  std::vector<std::string> notes;                      // whole sentences
  std::map<std::string, std::string> texts;            // what else is stored: "training", "network"
  std::map<std::string, Tensor> tensors;               // what else is stored: the optimizer state

  int64_t outputs() const { return layers.back().n; }
};

// A batch normalization that computes scale * x + shift.  If the shift is four times the scale or more, it is
// computed as scale * (x - mean) + rest, which keeps digits where x is close to the mean.  eps is so small that sqrt(1 + eps) is 1.
Norm affine(const std::vector<double> &scale, const std::vector<double> &shift);

// Checks what every format must hold: layers that fit each other, finite values, variances that are not negative, names
// of the right number.  Throws ModelError.
void check(const Model &model);

} // namespace lanefold::model
