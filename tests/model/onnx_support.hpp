// What the tests of the ONNX reader share.
#pragma once

#include "model/onnx/onnx.hpp"
#include "model_reference.hpp"
#include "onnx_file.hpp"
#include "support/files.hpp"

#include <doctest/doctest.h>

namespace lanefold::test {

inline model::Model read(const std::string &bytes, const std::string &folder = "") {
  const auto owner = std::make_shared<const std::string>(bytes);
  return model::read_onnx(reinterpret_cast<const std::byte *>(owner->data()), owner->size(), owner, folder);
}

inline model::Model read(const OnnxFile &file) { return read(file.bytes()); }

inline std::string refusal(const std::string &bytes, const std::string &folder = "") {
  return message_of<model::ModelError>([&] { read(bytes, folder); });
}

inline std::string refusal(const OnnxFile &file) { return refusal(file.bytes()); }

// x [N, 3] and weights "w" of 3 x 2 with a bias "b", for nodes that the test adds, up to "y".
inline OnnxFile small_file(int64_t opset = 13) {
  OnnxFile file;
  file.opset(opset).input("x", {-1, 3}).output("y");
  file.floats("w", {3, 2}, {1, -2, 0.5f, 3, -1, 0.25f}).floats("b", {2}, {0.5f, -0.75f});
  return file;
}

} // namespace lanefold::test
