// Files that are damaged, hostile, or hold a network that Lanefold cannot compute.
#include "onnx_support.hpp"

#include <filesystem>
#include <limits>

using namespace lanefold::test;

TEST_CASE("every beginning of a file is refused with a message, or is read") {
  const std::string bytes = small_file().node("Gemm", {"x", "w", "b"}, {"y"}).bytes();
  for (size_t size = 0; size < bytes.size(); ++size) CHECK(refusal(bytes.substr(0, size)) != "nothing thrown");
  CHECK(refusal(bytes) == "nothing thrown");
}

TEST_CASE("other data are not ONNX files") {
  CHECK(contains(refusal(std::string("not an ONNX file at all")),
                 "is neither a safetensors file nor an ONNX file, or is damaged"));
  CHECK(contains(refusal(std::string(100, '\xff')), "is neither a safetensors file nor an ONNX file, or is damaged"));
}

TEST_CASE("an operation that is not supported is named with its node") {
  const std::string named = refusal(small_file().node("Conv", {"x", "w"}, {"y"}, {}, "conv1"));
  CHECK(contains(named, "node \"conv1\" (Conv): is not supported; Lanefold reads Gemm, MatMul, "));
  CHECK(contains(refusal(small_file().node("Conv", {"x", "w"}, {"y"})), "node 0 (Conv), which makes \"y\""));
  CHECK(contains(refusal(small_file().node("Gelu", {"x"}, {"y"}, {}, "g", "com.microsoft")), "(com.microsoft.Gelu)"));
}

TEST_CASE("a graph with a cycle, or with a value that nobody makes, is refused") {
  const std::string message =
      refusal(small_file().node("Add", {"x", "z"}, {"y"}, {}, "first").node("Relu", {"y"}, {"z"}));
  CHECK(contains(message, "node \"first\" (Add): the input \"z\" is not the output of an earlier node"));
}

TEST_CASE("names must be unique") {
  CHECK(contains(refusal(small_file().floats("w", {1}, {1}).node("Relu", {"x"}, {"y"})), "two initializers"));
  CHECK(contains(refusal(small_file().node("Relu", {"x"}, {"w"}).node("Relu", {"x"}, {"y"})), "two values"));
}

TEST_CASE("shapes must fit") {
  CHECK(contains(
      refusal(small_file().floats("v", {4, 2}, std::vector<float>(8)).node("MatMul", {"x", "v"}, {"y"}, {}, "m")),
      "node \"m\" (MatMul): the weights are for 4 inputs, but its input is rows of 3"));
  CHECK(
      contains(refusal(small_file().floats("v", {4}, std::vector<float>(4)).node("Add", {"x", "v"}, {"y"})), "(Add)"));
  CHECK(contains(refusal(small_file().floats("v", {2, 2}, {1}).node("MatMul", {"x", "v"}, {"y"})),
                 "tensor \"v\" has 4 bytes; its shape, 2 x 2, needs 16"));
  const int64_t large = int64_t{1} << 40;
  CHECK(contains(refusal(small_file().floats("v", {large, large}, {1}).node("MatMul", {"x", "v"}, {"y"})),
                 "impossible shape"));
  CHECK(
      contains(refusal(small_file().floats("v", {-1, 2}, {1}).node("MatMul", {"x", "v"}, {"y"})), "impossible shape"));
}

TEST_CASE("an input with more features than the file can have weights for is refused") {
  OnnxFile file;
  file.opset(13).input("x", {-1, int64_t{1} << 30, 2}).output("y").floats("c", {2}, {1, 2});
  CHECK(contains(refusal(file.node("Add", {"x", "c"}, {"y"})), "too small to have weights"));
}

TEST_CASE("a small graph cannot make large values of one constant") {
  OnnxFile file;
  file.opset(13).input("x", {-1, 50000, 1}).output("y").floats("c", {50000, 1}, [] {
    std::vector<float> values(50000, 1);
    values[7] = 2;
    return values;
  }());
  std::string last = "x";
  for (int i = 0; i < 3000; ++i) {
    const std::string next = i == 2999 ? "y" : "v" + std::to_string(i);
    file.node("Mul", {last, "c"}, {next});
    last = next;
  }
  CHECK(contains(refusal(file), "many times the size of the file"));
}

TEST_CASE("numbers that are not finite are refused") {
  OnnxFile file = small_file().floats("v", {3}, {1, std::numeric_limits<float>::quiet_NaN(), 1});
  CHECK(refusal(file.node("Add", {"x", "v"}, {"y"})) != "nothing thrown");
  CHECK(contains(refusal(small_file().floats("v", {}, {0}).node("Div", {"x", "v"}, {"y"})), "divides by 0"));
}

TEST_CASE("external data outside the folder are refused") {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder / "inside");
  write_file(folder / "secret", std::string(24, 'x'));
  std::filesystem::create_symlink(folder / "secret", folder / "inside/link");
  std::filesystem::create_symlink(folder.path(), folder / "inside/folder");
  for (const std::string &location :
       {std::string("../secret"), folder / "secret", std::string("link"), std::string("folder/secret"),
        std::string("."), std::string(""), std::string("absent")}) {
    OnnxFile file;
    file.opset(13).input("x", {-1, 3}).output("y").external("w", {3, 2}, {{"location", location}});
    file.node("MatMul", {"x", "w"}, {"y"});
    CHECK(contains(refusal(file.bytes(), folder / "inside"), "external data"));
    CHECK(contains(refusal(file.bytes()), "external data"));
  }
}

TEST_CASE("external data that end before the tensor does are refused") {
  const TemporaryFolder folder;
  write_file(folder / "weights", std::string(24, 0));
  using Entries = std::vector<std::pair<std::string, std::string>>;
  for (const Entries &more : {Entries{{"offset", "1"}}, Entries{{"offset", "25"}}, Entries{{"length", "25"}},
                              Entries{{"offset", "-1"}}, Entries{{"length", "99999999999999999999"}}}) {
    Entries entries{{"location", "weights"}};
    entries.insert(entries.end(), more.begin(), more.end());
    OnnxFile file;
    file.opset(13).input("x", {-1, 3}).output("y").external("w", {3, 2}, entries).node("MatMul", {"x", "w"}, {"y"});
    CHECK(contains(refusal(file.bytes(), folder.path()), "tensor \"w\""));
  }
}

TEST_CASE("opsets outside 7 to 21 are refused") {
  for (const int64_t opset : {1, 6, 22})
    CHECK(contains(refusal(small_file(opset).node("Relu", {"x"}, {"y"})), "Lanefold reads opsets 7 to 21"));
}

TEST_CASE("networks with branches, several inputs or training are refused") {
  CHECK(contains(refusal(small_file()
                             .node("Relu", {"x"}, {"r"})
                             .node("Tanh", {"x"}, {"t"})
                             .node("Add", {"r", "t"}, {"y"}, {}, "skip")),
                 "node \"skip\" (Add)"));
  CHECK(contains(refusal(small_file().input("z", {-1, 3}).node("Add", {"x", "z"}, {"y"})), "second input"));
  CHECK(contains(
      refusal(small_file(15)
                  .floats("g", {3}, {1, 1, 1})
                  .node("BatchNormalization", {"x", "g", "g", "g", "g"}, {"y"}, {{"training_mode", int64_t{1}}})),
      "training"));
  CHECK(contains(refusal(small_file().node("Softmax", {"x"}, {"p"}).node("MatMul", {"p", "w"}, {"y"}, {}, "late")),
                 "node \"late\" (MatMul): follows node"));
}

TEST_CASE("a message shows no control characters, and cuts long names") {
  const std::string name = "a\nb" + std::string(1000, 'c'), zero("\0z", 2);
  const std::string message = refusal(small_file().node("Conv", {"x"}, {"y"}, {}, name));
  CHECK(message.find('\n') == std::string::npos);
  CHECK(message.size() < 1000);
  OnnxFile file = small_file().floats("v", {3, 1}, {std::numeric_limits<float>::infinity(), 1, 1});
  CHECK(contains(refusal(file.node("MatMul", {"x", "v"}, {"y"}, {}, zero)), "?z"));
}

TEST_CASE("a message is UTF-8, whatever a name is") {
  const std::string name = "\xc3\xa4 \xff \xe2\x82 \xed\xa0\x80 \xf0\x9f\x98\x80 \xc0\x80";
  const std::string message = refusal(small_file().node("Conv", {"x"}, {"y"}, {}, name));
  CHECK(contains(message, "\"\xc3\xa4 ? ?? ??? \xf0\x9f\x98\x80 ??\""));
}

TEST_CASE("a Cast that changes integers is refused by the name of its node, and one that keeps them is read") {
  const auto cast_to = [](int64_t type) {
    OnnxFile file;
    file.opset(13).input("x", {-1, 3}, onnx_int64).output("y").floats("w", {3, 1}, {1, 2, 3});
    file.node("Cast", {"x"}, {"c"}, {{"to", type}}, "narrow").node("Cast", {"c"}, {"f"}, {{"to", int64_t{1}}});
    return file.node("MatMul", {"f", "w"}, {"y"});
  };
  constexpr int64_t uint8 = 2, int8 = 3, uint16 = 4, int16 = 5, int32 = 6, boolean = 9, uint32 = 12, uint64 = 13;
  for (const int64_t type : {uint8, int8, uint16, int16, boolean, uint32, uint64})
    CHECK(contains(refusal(cast_to(type)), "node \"narrow\" (Cast): makes elements of the type "));
  CHECK(contains(refusal(cast_to(boolean)), "BOOL, which changes values; expected INT32, INT64 or a float"));
  for (const int64_t type : {int32, int64_t{onnx_int64}}) CHECK(refusal(cast_to(type)) == "nothing thrown");
}

TEST_CASE("an output of floats that Where, TopK or ArgMin makes is refused by the name of its node") {
  constexpr int64_t to_float = 1;
  const OnnxFile start = small_file().floats("zero", {}, {0}).integers("k", {1}, {1});
  CHECK(contains(
      refusal(
          OnnxFile(start).node("Greater", {"x", "zero"}, {"g"}).node("Where", {"g", "x", "zero"}, {"y"}, {}, "hard")),
      "(Greater), which makes \"g\": is not supported"));
  OnnxFile file;
  file.opset(13).input("x", {-1, 3}).output("y").floats("zero", {}, {0});
  std::string mask = tensor_proto("mask", 9, {3});
  protozero::pbf_writer(mask).add_bytes(9, std::string("\1\0\1", 3));
  CHECK(contains(refusal(file.initializer(mask).node("Where", {"mask", "x", "zero"}, {"y"}, {}, "hard")),
                 "node \"hard\" (Where): is not supported"));
  CHECK(contains(refusal(OnnxFile(start).node("TopK", {"x", "k"}, {"y", "i"}, {}, "top")),
                 "node \"top\" (TopK): is not supported"));
  CHECK(contains(
      refusal(OnnxFile(start).node("ArgMin", {"x"}, {"i"}, {}, "least").node("Cast", {"i"}, {"y"}, {{"to", to_float}})),
      "node \"least\" (ArgMin): is not supported"));
}

TEST_CASE("a graph whose only output is a label is refused by the name of the node that chooses it") {
  OnnxFile file;
  file.opset(13).input("x", {-1, 3}).output("y", onnx_int64).node("ArgMin", {"x"}, {"y"}, {}, "least");
  CHECK(contains(refusal(file), "the output \"y\" is a label, chosen by node \"least\" (ArgMin); expected the values"));
}

TEST_CASE("the beginning of a safetensors file is not presumed to be an ONNX file") {
  const std::string header = "{\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}";
  const std::string bytes = std::string(1, static_cast<char>(header.size())) + std::string(7, 0) + header;
  for (size_t size = 1; size < 20; ++size)
    CHECK(contains(refusal(bytes.substr(0, size)), "is neither a safetensors file nor an ONNX file, or is damaged"));
}

TEST_CASE("a number that depends on the number of rows is not called a single number") {
  OnnxFile file =
      small_file().integers("zero", {}, {0}).node("Shape", {"x"}, {"s"}).node("Gather", {"s", "zero"}, {"n"});
  CHECK(contains(refusal(file.node("Pow", {"x", "n"}, {"y"}, {}, "power")),
                 "node \"power\" (Pow): the input \"n\" depends on the number of rows; expected a constant"));
}
