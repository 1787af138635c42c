// The safetensors format: 8 bytes with the length of the header, a JSON header, and the tensors.  The reader takes every
// valid file, whatever the order of its header and of its data, and trusts nothing in it.  The header must lie inside the
// file, be at most 100 MB long and name no key twice.  The tensors must cover what follows the header, without holes or
// overlap.  Shapes must give as many bytes as the offsets say.
#pragma once

#include "model/content.hpp"
#include "model/model.hpp"

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lanefold::model {

struct TensorFile {
  std::map<std::string, std::string> metadata;
  std::map<std::string, Tensor> tensors;
  std::map<std::string, std::string> unknown; // tensors of a type that Lanefold does not know: name, type
};

// Whether the content begins as a safetensors file does.
bool looks_like_safetensors(const Content &content);

// Throws ModelError.
TensorFile read_safetensors(const Content &content);

// A file in parts: its header, and the values of each tensor, which point into the tensors.  All are written as F32.
struct TensorsToWrite {
  std::string head;
  std::vector<std::string_view> values;
};
TensorsToWrite write_safetensors(const std::map<std::string, std::string> &metadata,
                                 const std::vector<std::pair<std::string, const Tensor *>> &tensors);

} // namespace lanefold::model
