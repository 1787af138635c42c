// What Lanefold stores beside the graph, in the metadata of an ONNX file.
#pragma once

#include "model/model.hpp"
#include "model/onnx/proto.hpp"

#include <set>

namespace lanefold::model::onnx {

// Takes over the names of features and classes, which are JSON arrays under "feature_names" and "class_names".  What
// another program stored under these keys may be anything.  The text under LF_DATA_TEXT becomes one of the model.
void read_texts(const File &file, Model &model);

// The names of the BatchNormalization nodes whose running variance is unbiased: a JSON array under "unbiased_variance".
// The reader merges layers, so that only names tell which node is meant.
std::set<std::string, std::less<>> unbiased_norms(const File &file);

// The name that the writer gives to the BatchNormalization of a layer.
std::string norm_name(size_t layer);

std::map<std::string, std::string> texts_of(const Model &model);

} // namespace lanefold::model::onnx
