// The operations that a graph applies to its rows, each on the output of another.  A path of stages becomes layers.
#pragma once

#include "model/model.hpp"
#include "model/onnx/array.hpp"
#include "model/onnx/recognize.hpp"

#include <vector>

namespace lanefold::model::onnx {

enum class StageKind { input, product, norm, line, activation };

struct Stage {
  StageKind kind = StageKind::input;
  int from = -1; // the stage whose output it reads
  int64_t n = 0; // the columns of its output
  Layer layer;   // the part of a layer that the stage is; unused by a line
  Line line;     // scale * t + shift
};

class Stages {
public:
  explicit Stages(Budget &budget) : budget_(budget) {}
  int add(Stage stage);
  const Stage &operator[](int index) const { return stages_[static_cast<size_t>(index)]; }

  // The expression as a line of the output of a stage, which is added unless it exists.  None: no activation of
  // Lanefold computes the expression.
  std::optional<Expression> resolve(const Expression &expression);
  // The stage whose output is the expression.
  std::optional<int> flush(const Expression &expression);

  // The layers that compute the output of this stage from the input.
  std::vector<Layer> layers(int last) const;

private:
  int find_or_add(Stage stage);

  Budget &budget_;
  std::vector<Stage> stages_;
};

} // namespace lanefold::model::onnx
