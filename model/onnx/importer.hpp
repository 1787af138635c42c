// Walks the nodes of a graph in the order of the file.  Values that do not depend on the rows are computed; values that
// do are expressions of the output of a stage.
#pragma once

#include "model/onnx/outputs.hpp"
#include "model/onnx/proto.hpp"
#include "model/onnx/stages.hpp"
#include "model/onnx/texts.hpp"

#include <variant>

namespace lanefold::model::onnx {

// A value that depends on the rows.
struct Stream {
  Expression value;
  std::vector<int64_t> shape;   // shape[0] is the number of rows; -1: symbolic
  bool is_integer = false;      // Cast has not made it floating-point yet.
  int32_t output = 0;           // LF_OUTPUT_*: what is applied to the expression
  bool has_two_classes = false; // 1 - value and value side by side
  const Node *node = nullptr;   // what made it; NULL: the input of the graph
};

constexpr const char *half_note = "The network computes with 16-bit floats; Lanefold computes with 32 bits.";

struct Unknown {}; // an output that Lanefold does not compute, such as the mask of Dropout
using Value = std::variant<Unknown, Array, Stream>;

class Importer {
public:
  Importer(const File &file, uint64_t bytes);

  Model run();
  static std::string operations(); // "Gemm, MatMul, ..."

private:
  using Handler = Value (Importer::*)(const Node &);
  struct Operation;
  static const Operation table[];
  static const Operation *find_operation(const Node &node);

  // import.cpp
  void add_input(const ValueInfo &input, const std::vector<const Node *> &needed);
  void visit(const Node &node);
  bool is_largest(const Label &label) const;
  Model finish(std::string_view name, std::vector<std::string> class_names);

  // access.cpp
  const Value &value_of(const Node &node, size_t input) const;
  const Stream &any_stream(const Node &node, size_t input) const;
  const Stream &stream(const Node &node, size_t input) const; // floating-point, and not the end of the network
  bool is_constant(const Node &node, size_t input) const;
  const Array &constant(const Node &node, size_t input) const;
  double single(const Node &node, size_t input) const; // a constant of one element
  std::vector<int64_t> integers(const Node &node, size_t input);
  std::vector<int64_t> axes(const Node &node, size_t input); // an attribute or, from opset 13, an input
  const Tensor &tensor(const Array &array, std::vector<int64_t> shape);
  Stream derived(const Node &node, const Stream &from, Expression value) const;
  Expression polynomial(const Node &node, const Stream &from);
  int flushed(const Node &node, const Stream &stream);
  Coefficient spread(const Node &node, const Array &array, const Stream &over);

  // products.cpp
  Value gemm(const Node &node);
  Value matmul(const Node &node);
  Value batch_normalization(const Node &node);
  float momentum_of(const Node &node);
  Value scaler(const Node &node);
  Stream multiplied(const Node &node, const Stream &x, const Array &w, bool transposed);
  Stream with_constant(const Node &node, const Stream &x, const Array &array, double factor);
  Tensor channels(const Node &node, size_t input, const Stream &x);

  // elementwise.cpp
  Value arithmetic(const Node &node);
  Value negation(const Node &node);
  Value power(const Node &node);
  Value function(const Node &node);
  Value gelu(const Node &node);
  Value hard_swish(const Node &node);
  Value celu(const Node &node);
  Value prelu(const Node &node);
  Value clip(const Node &node);
  Value extremum(const Node &node);
  Value softmax(const Node &node);
  Value logarithm(const Node &node);
  Value sum_of_inputs(const Node &node);
  Array folded(const Node &node, const Array &a, const Array &b);
  Value fold_function(const Node &node);
  Expression operand(const Node &node, size_t input, const Stream &over);
  Expression combined(const Node &node, const Expression &a, const Expression &b);
  Stream clipped(const Node &node, const Stream &x, double low, double high);

  // shapes.cpp
  Value constant_node(const Node &node);
  Value identity(const Node &node);
  Value dropout(const Node &node);
  Value cast(const Node &node);
  Value transpose(const Node &node);
  Value flatten(const Node &node);
  Value reshape(const Node &node);
  Value squeeze(const Node &node);
  Value unsqueeze(const Node &node);
  Stream reshaped_stream(const Node &node, const Stream &x, std::vector<int64_t> shape) const;

  // constants.cpp
  Value shape_of(const Node &node);
  Value gather(const Node &node);
  Value slice(const Node &node);
  Value concat(const Node &node);
  Value concat_classes(const Node &node);

  const File &file_;
  const std::set<std::string, std::less<>> unbiased_; // the names of nodes
  int64_t opset_ = 0;
  Budget budget_;
  const int64_t most_features_; // a file of this size can hold weights for so many features
  Stages stages_{budget_};
  std::unordered_map<std::string_view, Value> values_;
  // Tensors by their bytes and shape, so that layers with the same weights share what is converted.
  std::map<std::pair<const std::byte *, std::vector<int64_t>>, Tensor> tensors_;
  std::vector<std::string> notes_;
};

// The columns of a value: the product of all dimensions but the first.
int64_t features_of(const std::vector<int64_t> &shape);

} // namespace lanefold::model::onnx
