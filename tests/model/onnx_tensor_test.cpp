// ONNX has several encodings of the same tensor.  The reader takes each.
#include "onnx_support.hpp"

using namespace lanefold::test;
using lanefold::model::Model;

namespace {

// A file whose weights, 3 x 2, are the tensor.
OnnxFile with_weights(const std::string &tensor) {
  OnnxFile file;
  file.opset(13).input("x", {-1, 3}).output("y").initializer(tensor).node("MatMul", {"x", "w"}, {"y"});
  return file;
}

const std::vector<float> expected{1, -2, 0.5f, 3, -1, 0.25f};
const std::vector<double> wide(expected.begin(), expected.end());
const std::vector<int32_t> halves{0x3c00, 0xc000, 0x3800, 0x4200, 0xbc00, 0x3400}; // the bits of `expected`

void check_weights(const std::string &tensor) {
  const Model model = read(with_weights(tensor));
  CHECK(model.layers[0].w.read() == expected);
}

std::string with(int type, const auto &add) {
  std::string tensor = tensor_proto("w", type, {3, 2});
  protozero::pbf_writer writer(tensor);
  add(writer);
  return tensor;
}

} // namespace

TEST_CASE("floats may be packed, in several records, or each in its own") {
  check_weights(with(onnx_float, [](auto &writer) { writer.add_packed_float(4, expected.begin(), expected.end()); }));
  check_weights(with(onnx_float, [](auto &writer) {
    writer.add_packed_float(4, expected.begin(), expected.begin() + 2);
    writer.add_packed_float(4, expected.begin() + 2, expected.end());
  }));
  check_weights(with(onnx_float, [](auto &writer) {
    writer.add_packed_float(4, expected.begin(), expected.begin() + 5);
    writer.add_float(4, expected.back());
  }));
  check_weights(with(onnx_float, [](auto &writer) {
    for (const float value : expected) writer.add_float(4, value);
  }));
}

TEST_CASE("doubles and 16-bit floats are converted, and a note says so") {
  check_weights(with(onnx_double, [](auto &writer) { writer.add_packed_double(10, wide.begin(), wide.end()); }));
  check_weights(with(onnx_half, [](auto &writer) { writer.add_packed_int32(5, halves.begin(), halves.end()); }));
  const std::string raw = with(onnx_half, [](auto &writer) {
    const std::vector<uint16_t> bits(halves.begin(), halves.end());
    writer.add_bytes(9, reinterpret_cast<const char *>(bits.data()), bits.size() * sizeof(uint16_t));
  });
  check_weights(raw);
  const Model model = read(with_weights(raw));
  REQUIRE(model.notes.size() == 1);
  CHECK(model.notes[0] == "Tensors of the type F16 are converted to 32-bit floats.");
}

TEST_CASE("a network of 16-bit floats is computed in 32 bits, and a note says so") {
  OnnxFile file;
  file.opset(13).input("x", {-1, 3}, onnx_half).output("y", onnx_half).node("Relu", {"x"}, {"y"});
  const Model model = read(file);
  REQUIRE(model.notes.size() == 1);
  CHECK(contains(model.notes[0], "16-bit floats"));
}

TEST_CASE("an encoding of the wrong size or type is refused") {
  CHECK(contains(refusal(with_weights(with(onnx_float, [](auto &writer) { writer.add_float(4, 1); }))), "has 4 bytes"));
  CHECK(contains(refusal(with_weights(with(onnx_float, [](auto &writer) { writer.add_int32(9, 1); }))), "damaged"));
  CHECK(contains(refusal(with_weights(with(onnx_float, [](auto &writer) { writer.add_double(4, 1); }))), "damaged"));
  CHECK(contains(refusal(with_weights(with(14, [](auto &) {}))), "has elements of type 14"));
  CHECK(contains(refusal(with_weights(with(onnx_float, [](auto &writer) { writer.add_string(3, ""); }))), "segments"));
}
