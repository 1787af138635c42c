// ONNX files: the reader makes a Model from a graph that is a chain of dense layers, and the writer makes such a graph.
#pragma once

#include "model/model.hpp"

namespace lanefold::model {

// data: the whole file, which owner keeps alive.  folder: where external data lie; empty: there may be none.
// Throws ModelError: LF_INVALID_ARGUMENT for a damaged file, LF_UNSUPPORTED for a network that Lanefold cannot compute.
Model read_onnx(const std::byte *data, uint64_t size, std::shared_ptr<const void> owner, const std::string &folder);

// The bytes of an ONNX file, of IR version 8 and opset 15.  Throws ModelError: LF_UNSUPPORTED if a file cannot hold it.
std::string write_onnx(const Model &model);

} // namespace lanefold::model
