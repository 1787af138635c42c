// Finds which output of a graph holds the values of the network, and the names of its classes.
#pragma once

#include "model/onnx/proto.hpp"

namespace lanefold::model::onnx {

// An output that is left out, because it holds labels.
struct Label {
  std::string_view output;
  std::string_view value; // what ArgMax reads; empty: something else chooses the labels
  int64_t axis = 0;       // of ArgMax
};

struct Ending {
  std::string_view value;               // the probabilities, or what else the network computes; never the labels
  std::vector<std::string> class_names; // empty: the graph has none
  std::vector<Label> labels;
  std::vector<std::string> notes;
};

Ending find_ending(const File &file);

} // namespace lanefold::model::onnx
