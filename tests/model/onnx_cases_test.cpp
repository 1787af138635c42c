// Compares the models of many ONNX files with the outputs that NumPy or PyTorch computed.  LANEFOLD_ONNX_CASES names
// the folder that make_onnx.py and make_torch_onnx.py filled.  LANEFOLD_ONNX_WRITTEN may name a folder for what the
// writer makes of each model, for onnx_runtime.py to run.
#include "onnx_support.hpp"

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iostream>

using namespace lanefold::test;
using lanefold::model::Model;

namespace {

std::vector<double> doubles_in(const std::string &path) {
  const std::string bytes = read_file(path);
  std::vector<double> values(bytes.size() / sizeof(double));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(double));
  return values;
}

// The largest difference, relative to the outputs or, below 1, to 1.
double difference(const std::vector<double> &a, const std::vector<double> &b) {
  double most = 0;
  for (size_t i = 0; i < a.size(); ++i) most = std::max(most, std::abs(a[i] - b[i]) / std::max(1.0, std::abs(b[i])));
  return most;
}

} // namespace

TEST_CASE("each file computes what its maker computed, also after it is written and read again") {
  const char *folder = std::getenv("LANEFOLD_ONNX_CASES");
  if (!folder) {
    std::cout << "SKIPPED: LANEFOLD_ONNX_CASES names no folder\n";
    std::exit(77);
  }
  const char *written = std::getenv("LANEFOLD_ONNX_WRITTEN");
  int count = 0;
  for (const auto &entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".onnx") continue;
    const std::string name = entry.path().stem().string(), stem = (entry.path().parent_path() / name).string();
    CAPTURE(name);
    ++count;
    Model model;
    const auto open = [&] { model = read(read_file(stem + ".onnx"), folder); };
    const std::string refused = message_of<lanefold::model::ModelError>(open);
    CHECK(refused == "nothing thrown");
    if (model.layers.empty()) continue;
    const std::vector<double> x = doubles_in(stem + ".x"), y = doubles_in(stem + ".y");
    const int64_t rows = static_cast<int64_t>(x.size()) / model.features;
    const std::vector<double> ours = evaluate(model, x, rows);
    REQUIRE(ours.size() == y.size());
    CHECK(difference(ours, y) < 1e-5);
    if (name.starts_with("scikit") && !name.ends_with("regressor")) CHECK(model.class_names.size() >= 2);
    Model back;
    const std::string bytes = lanefold::model::write_onnx(model);
    if (written) write_file(std::string(written) + "/" + name + ".onnx", bytes);
    REQUIRE_NOTHROW(back = read(bytes));
    // Reading rounds the parts of lines to floats, so neighbours that were composed may be rounded once more.
    CHECK(difference(evaluate(back, x, rows), ours) < 1e-7);
    CHECK(back.class_names == model.class_names);
  }
  CHECK(count >= 20);
}
