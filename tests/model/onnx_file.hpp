// Builds ONNX files for tests, record by record, so that a test can also build damaged ones.
#pragma once

#include <protozero/pbf_writer.hpp>

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace lanefold::test {

// The numbers of TensorProto.DataType.
enum OnnxType { onnx_float = 1, onnx_int64 = 7, onnx_string = 8, onnx_half = 10, onnx_double = 11 };

using OnnxAttribute = std::pair<std::string, std::variant<float, int64_t, std::string, std::vector<float>,
                                                          std::vector<int64_t>, std::vector<std::string>>>;

class OnnxFile {
public:
  OnnxFile &opset(int64_t version, const std::string &domain = "");
  OnnxFile &input(const std::string &name, const std::vector<int64_t> &shape, int type = onnx_float); // -1: symbolic
  OnnxFile &output(const std::string &name, int type = onnx_float);
  OnnxFile &floats(const std::string &name, const std::vector<int64_t> &shape, const std::vector<float> &values);
  OnnxFile &integers(const std::string &name, const std::vector<int64_t> &shape, const std::vector<int64_t> &values);
  OnnxFile &texts(const std::string &name, const std::vector<std::string> &values);
  OnnxFile &external(const std::string &name, const std::vector<int64_t> &shape,
                     const std::vector<std::pair<std::string, std::string>> &entries);
  OnnxFile &initializer(const std::string &tensor); // a complete TensorProto
  OnnxFile &node(const std::string &operation, const std::vector<std::string> &inputs,
                 const std::vector<std::string> &outputs, const std::vector<OnnxAttribute> &attributes = {},
                 const std::string &name = "", const std::string &domain = "");
  OnnxFile &metadata(const std::string &key, const std::string &value);
  std::string bytes() const;

private:
  std::string model_, graph_;
};

// A TensorProto without its values.
std::string tensor_proto(const std::string &name, int type, const std::vector<int64_t> &shape);

} // namespace lanefold::test
