// Writes the messages of ONNX's schema.
#include "onnx_file.hpp"

namespace lanefold::test {

namespace {

void add_info(std::string &graph, uint32_t field, const std::string &name, const std::vector<int64_t> *shape,
              int type) {
  protozero::pbf_writer writer(graph), info(writer, field);
  info.add_string(1, name);
  protozero::pbf_writer value_type(info, 2), tensor(value_type, 1);
  tensor.add_enum(1, type);
  if (!shape) return;
  protozero::pbf_writer sizes(tensor, 2);
  for (const int64_t size : *shape) {
    protozero::pbf_writer dimension(sizes, 1);
    if (size < 0) dimension.add_string(2, "N");
    else dimension.add_int64(1, size);
  }
}

struct AttributeWriter {
  protozero::pbf_writer &attribute;

  void operator()(float value) const { attribute.add_float(2, value), attribute.add_enum(20, 1); }
  void operator()(int64_t value) const { attribute.add_int64(3, value), attribute.add_enum(20, 2); }
  void operator()(const std::string &value) const { attribute.add_bytes(4, value), attribute.add_enum(20, 3); }
  void operator()(const std::vector<float> &values) const {
    for (const float value : values) attribute.add_float(7, value);
    attribute.add_enum(20, 6);
  }
  void operator()(const std::vector<int64_t> &values) const {
    for (const int64_t value : values) attribute.add_int64(8, value);
    attribute.add_enum(20, 7);
  }
  void operator()(const std::vector<std::string> &values) const {
    for (const std::string &value : values) attribute.add_bytes(9, value);
    attribute.add_enum(20, 8);
  }
};

} // namespace

std::string tensor_proto(const std::string &name, int type, const std::vector<int64_t> &shape) {
  std::string bytes;
  protozero::pbf_writer tensor(bytes);
  tensor.add_packed_int64(1, shape.begin(), shape.end());
  tensor.add_int32(2, type);
  tensor.add_string(8, name);
  return bytes;
}

OnnxFile &OnnxFile::opset(int64_t version, const std::string &domain) {
  protozero::pbf_writer model(model_), set(model, 8);
  set.add_string(1, domain);
  set.add_int64(2, version);
  return *this;
}

OnnxFile &OnnxFile::input(const std::string &name, const std::vector<int64_t> &shape, int type) {
  add_info(graph_, 11, name, &shape, type);
  return *this;
}

OnnxFile &OnnxFile::output(const std::string &name, int type) {
  add_info(graph_, 12, name, nullptr, type);
  return *this;
}

OnnxFile &OnnxFile::initializer(const std::string &tensor) {
  protozero::pbf_writer(graph_).add_message(5, tensor);
  return *this;
}

OnnxFile &OnnxFile::floats(const std::string &name, const std::vector<int64_t> &shape,
                           const std::vector<float> &values) {
  std::string tensor = tensor_proto(name, onnx_float, shape);
  protozero::pbf_writer(tensor).add_bytes(9, reinterpret_cast<const char *>(values.data()),
                                          values.size() * sizeof(float));
  return initializer(tensor);
}

OnnxFile &OnnxFile::integers(const std::string &name, const std::vector<int64_t> &shape,
                             const std::vector<int64_t> &values) {
  std::string tensor = tensor_proto(name, onnx_int64, shape);
  protozero::pbf_writer(tensor).add_packed_int64(7, values.begin(), values.end());
  return initializer(tensor);
}

OnnxFile &OnnxFile::texts(const std::string &name, const std::vector<std::string> &values) {
  std::string tensor = tensor_proto(name, onnx_string, {static_cast<int64_t>(values.size())});
  for (const std::string &value : values) protozero::pbf_writer(tensor).add_bytes(6, value);
  return initializer(tensor);
}

OnnxFile &OnnxFile::external(const std::string &name, const std::vector<int64_t> &shape,
                             const std::vector<std::pair<std::string, std::string>> &entries) {
  std::string tensor = tensor_proto(name, onnx_float, shape);
  protozero::pbf_writer writer(tensor);
  for (const auto &[key, value] : entries) {
    protozero::pbf_writer entry(writer, 13);
    entry.add_string(1, key);
    entry.add_string(2, value);
  }
  writer.add_enum(14, 1);
  return initializer(tensor);
}

OnnxFile &OnnxFile::node(const std::string &operation, const std::vector<std::string> &inputs,
                         const std::vector<std::string> &outputs, const std::vector<OnnxAttribute> &attributes,
                         const std::string &name, const std::string &domain) {
  protozero::pbf_writer graph(graph_), node(graph, 1);
  for (const std::string &input : inputs) node.add_string(1, input);
  for (const std::string &output : outputs) node.add_string(2, output);
  if (!name.empty()) node.add_string(3, name);
  node.add_string(4, operation);
  if (!domain.empty()) node.add_string(7, domain);
  for (const auto &[key, value] : attributes) {
    protozero::pbf_writer attribute(node, 5);
    attribute.add_string(1, key);
    std::visit(AttributeWriter{attribute}, value);
  }
  return *this;
}

OnnxFile &OnnxFile::metadata(const std::string &key, const std::string &value) {
  protozero::pbf_writer model(model_), entry(model, 14);
  entry.add_string(1, key);
  entry.add_string(2, value);
  return *this;
}

std::string OnnxFile::bytes() const {
  std::string bytes = model_;
  protozero::pbf_writer model(bytes);
  model.add_int64(1, 8);
  model.add_message(7, graph_);
  return bytes;
}

} // namespace lanefold::test
