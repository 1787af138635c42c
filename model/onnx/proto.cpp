// Reads a ModelProto: the graph, its names, and what else the file says.
#include "model/onnx/proto.hpp"
#include "model/onnx/external.hpp"

#include <unordered_set>

namespace lanefold::model::onnx {

namespace {

struct Reader {
  const std::shared_ptr<const void> &owner;
  ExternalData &external;
  File file;
  bool has_graph = false;

  void read_model(std::string_view bytes);
  void read_opset(std::string_view bytes);
  void read_graph(std::string_view bytes);
  void read_initializer(std::string_view bytes);
};

std::string_view only_text(std::string_view bytes, uint32_t wanted) {
  std::string_view text;
  Message message(bytes);
  while (const uint32_t field = message.next())
    if (field == wanted) text = message.bytes();
    else message.skip();
  return text;
}

Attribute attribute_of(std::string_view bytes) {
  Attribute attribute{only_text(bytes, 1), bytes};
  if (attribute.name.empty()) throw_damaged("an attribute has no name");
  return attribute;
}

Node node_of(std::string_view bytes, size_t index) {
  Node node;
  node.index = index;
  Message message(bytes);
  while (const uint32_t field = message.next()) switch (field) {
    case 1: node.inputs.push_back(message.bytes()); break;
    case 2: node.outputs.push_back(message.bytes()); break;
    case 3: node.name = message.bytes(); break;
    case 4: node.operation = message.bytes(); break;
    case 5: node.attributes.push_back(attribute_of(message.bytes())); break;
    case 7: node.domain = message.bytes(); break;
    default: message.skip();
    }
  if (node.domain == "ai.onnx") node.domain = {};
  if (node.operation.empty()) throw_damaged("node " + std::to_string(index) + " has no operation");
  if (node.outputs.empty()) throw_damaged("node " + std::to_string(index) + " has no output");
  return node;
}

// A TensorShapeProto.
void read_shape(std::string_view bytes, ValueInfo &info) {
  info.has_shape = true;
  Message message(bytes);
  while (const uint32_t field = message.next()) {
    if (field != 1) {
      message.skip();
      continue;
    }
    int64_t size = -1;
    Message dimension(message.bytes());
    while (const uint32_t part = dimension.next())
      if (part == 1) size = dimension.integer();
      else dimension.skip();
    info.shape.push_back(size < 1 ? -1 : size); // Some exporters write 0 or -1 for a size that is open.
  }
}

ValueInfo info_of(std::string_view bytes) {
  ValueInfo info;
  std::string_view type;
  Message message(bytes);
  while (const uint32_t field = message.next())
    if (field == 1) info.name = message.bytes();
    else if (field == 2) type = message.bytes();
    else message.skip();
  Message tensor(only_text(type, 1));
  while (const uint32_t field = tensor.next())
    if (field == 1) info.type = static_cast<int32_t>(tensor.integer());
    else if (field == 2) read_shape(tensor.bytes(), info);
    else tensor.skip();
  if (info.name.empty()) throw_damaged("an input or output of the graph has no name");
  return info;
}

void Reader::read_opset(std::string_view bytes) {
  std::string_view domain;
  int64_t version = 0;
  Message message(bytes);
  while (const uint32_t field = message.next())
    if (field == 1) domain = message.bytes();
    else if (field == 2) version = message.integer();
    else message.skip();
  file.opsets[domain == "ai.onnx" ? std::string_view() : domain] = version;
}

void Reader::read_initializer(std::string_view bytes) {
  std::string_view name;
  Array array = parse_tensor(bytes, owner, &external, &name);
  if (name.empty()) throw_damaged("an initializer has no name");
  if (!file.initializers.emplace(name, std::move(array)).second)
    throw ModelError("two initializers have the name " + in_quotes(name));
}

void Reader::read_graph(std::string_view bytes) {
  has_graph = true;
  Message message(bytes);
  while (const uint32_t field = message.next()) switch (field) {
    case 1: file.nodes.push_back(node_of(message.bytes(), file.nodes.size())); break;
    case 5: read_initializer(message.bytes()); break;
    case 11: file.inputs.push_back(info_of(message.bytes())); break;
    case 12: file.outputs.push_back(info_of(message.bytes())); break;
    case 15: throw ModelError("has sparse tensors, which Lanefold does not read", LF_UNSUPPORTED);
    default: message.skip();
    }
}

void Reader::read_model(std::string_view bytes) {
  std::string_view version;
  Message message(bytes);
  while (const uint32_t field = message.next()) switch (field) {
    case 2: file.producer = readable(message.bytes()); break;
    case 3: version = message.bytes(); break;
    case 7: read_graph(message.bytes()); break;
    case 8: read_opset(message.bytes()); break;
    case 14: {
      const std::string_view entry = message.bytes();
      file.metadata[only_text(entry, 1)] = only_text(entry, 2);
      break;
    }
    default: message.skip();
    }
  if (!file.producer.empty() && !version.empty()) file.producer += " " + readable(version);
}

// Checks that every name is defined once, and before it is used.
void check_names(File &file) {
  std::erase_if(file.inputs, [&](const ValueInfo &input) { return file.initializers.contains(input.name); });
  std::unordered_set<std::string_view> names;
  for (const auto &[name, array] : file.initializers) names.insert(name);
  for (const ValueInfo &input : file.inputs)
    if (!names.insert(input.name).second) throw ModelError("two inputs have the name " + in_quotes(input.name));
  for (const Node &node : file.nodes) {
    for (const std::string_view name : node.inputs)
      if (!name.empty() && !names.contains(name))
        refuse(node, "the input " + in_quotes(name) + " is not the output of an earlier node", LF_INVALID_ARGUMENT);
    for (const std::string_view name : node.outputs)
      if (!name.empty() && !names.insert(name).second)
        refuse(node, "the graph has two values with the name " + in_quotes(name), LF_INVALID_ARGUMENT);
  }
  for (const ValueInfo &output : file.outputs)
    if (!names.contains(output.name)) throw ModelError("no node makes the output " + in_quotes(output.name));
}

// The last record of one field of an AttributeProto.
template <typename Value, typename Read>
Value last_of(std::string_view bytes, uint32_t wanted, Value value, Read read) {
  Message message(bytes);
  while (const uint32_t field = message.next())
    if (field == wanted) read(message, value);
    else message.skip();
  return value;
}

} // namespace

int64_t Attribute::integer() const {
  return last_of(message, 3, int64_t{0}, [](Message &from, int64_t &to) { to = from.integer(); });
}
float Attribute::real() const {
  return last_of(message, 2, 0.0f, [](Message &from, float &to) { to = from.real(); });
}
std::string_view Attribute::text() const { return only_text(message, 4); }
std::vector<int64_t> Attribute::integers() const {
  return last_of(message, 8, std::vector<int64_t>(), [](Message &from, auto &to) { from.append_integers(to); });
}
std::vector<float> Attribute::reals() const {
  return last_of(message, 7, std::vector<float>(), [](Message &from, auto &to) { from.append_reals(to); });
}
std::vector<std::string_view> Attribute::texts() const {
  return last_of(message, 9, std::vector<std::string_view>(),
                 [](Message &from, auto &to) { to.push_back(from.bytes()); });
}
std::string_view Attribute::tensor() const { return only_text(message, 5); }
bool Attribute::has_graph() const { return !only_text(message, 6).empty() || !only_text(message, 11).empty(); }

const Attribute *Node::find(std::string_view attribute) const {
  for (const Attribute &candidate : attributes)
    if (candidate.name == attribute) return &candidate;
  return nullptr;
}
int64_t Node::integer(std::string_view attribute, int64_t otherwise) const {
  const Attribute *found = find(attribute);
  return found ? found->integer() : otherwise;
}
float Node::real(std::string_view attribute, float otherwise) const {
  const Attribute *found = find(attribute);
  return found ? found->real() : otherwise;
}

File parse(const std::byte *data, uint64_t size, const std::shared_ptr<const void> &owner, ExternalData &external) {
  Reader reader{owner, external, {}};
  reader.file.owner = owner;
  reader.read_model({reinterpret_cast<const char *>(data), size});
  if (!reader.has_graph) throw_damaged("it has no graph");
  if (reader.file.outputs.empty()) throw_damaged("the graph has no output");
  check_names(reader.file);
  return std::move(reader.file);
}

} // namespace lanefold::model::onnx
