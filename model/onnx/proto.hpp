// An ONNX file as plain structs that refer to its bytes.  Reading one checks its structure: sizes, shapes, names, and
// that each node only uses values that come before it, so that no graph has a cycle.
#pragma once

#include "model/onnx/array.hpp"
#include "model/onnx/message.hpp"

#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace lanefold::model::onnx {

// Where external data lie, and the files of them that are mapped.
class ExternalData;

// A named argument of a node.  Its value is parsed when somebody asks for it.
struct Attribute {
  std::string_view name;
  std::string_view message; // an AttributeProto

  int64_t integer() const;
  float real() const;
  std::string_view text() const;
  std::vector<int64_t> integers() const;
  std::vector<float> reals() const;
  std::vector<std::string_view> texts() const;
  std::string_view tensor() const; // a TensorProto; empty: it has none
  bool has_graph() const;
};

struct Node {
  size_t index = 0;
  std::string_view operation, domain, name;
  std::vector<std::string_view> inputs, outputs; // "" stands for an absent one
  std::vector<Attribute> attributes;

  const Attribute *find(std::string_view attribute) const; // NULL: absent
  int64_t integer(std::string_view attribute, int64_t otherwise) const;
  float real(std::string_view attribute, float otherwise) const;
  std::string_view input(size_t i) const { return i < inputs.size() ? inputs[i] : std::string_view(); }
};

// An input or output of the graph.
struct ValueInfo {
  std::string_view name;
  int32_t type = 0; // a TensorProto.DataType; 0: not a tensor
  bool has_shape = false;
  std::vector<int64_t> shape; // -1: symbolic
};

struct File {
  std::shared_ptr<const void> owner; // keeps the bytes
  std::string producer;
  std::map<std::string_view, int64_t> opsets; // by domain; "" is ONNX's own
  std::map<std::string_view, std::string_view> metadata;
  std::vector<Node> nodes;
  std::vector<ValueInfo> inputs, outputs; // The inputs do not include initializers.
  std::unordered_map<std::string_view, Array> initializers;
};

File parse(const std::byte *data, uint64_t size, const std::shared_ptr<const void> &owner, ExternalData &external);

// A TensorProto.  `name` is for messages.
Array parse_tensor(std::string_view message, const std::shared_ptr<const void> &owner, ExternalData *external,
                   std::string_view *name);

// The type of elements that a TensorProto.DataType stands for; -1: Lanefold does not read it.
int element_of(int64_t type);
bool is_floating_type(int64_t type);
bool is_half_type(int64_t type); // floating-point of 16 bits

// Text of the file as UTF-8 in one line, with ? for what is not, cut after `most` bytes.
std::string readable(std::string_view text, size_t most = 80);
std::string in_quotes(std::string_view text);
// `node "fc1" (Conv)`
std::string place_of(const Node &node);
[[noreturn]] void refuse(const Node &node, const std::string &message, lf_status status = LF_UNSUPPORTED);

} // namespace lanefold::model::onnx
