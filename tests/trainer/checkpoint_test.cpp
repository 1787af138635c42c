// Checkpoints: the file is safetensors that any reader can read, the network comes back bit for bit, saving replaces a
// file as a whole or not at all, and an error names the bad file.
#include "cli/words.hpp"
#include "support/images.hpp"
#include "support/random.hpp"
#include "trainer/checkpoint/checkpoint.hpp"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <bit>
#include <cmath>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <limits>
#include <string>

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace lanefold::test;
using namespace lanefold::trainer;
using lanefold::cli::code_of;
using Json = nlohmann::ordered_json;

namespace {

// A network 5-4-3 with values that no initialization gives, among them -0, a subnormal and the largest float.
Network make_network(bool batch_norm) {
  LayerDescription layer;
  layer.activation = LF_SELU;
  layer.alpha = 0.3f;
  layer.bn_eps = 1.7e-5f;
  layer.bn_momentum = 0.123456789f;
  layer.init = {"xavier-normal", "out"};
  Network network(plain(5, {4}, 3, layer, batch_norm ? "on" : "off"));
  lanefold::test::Random random(5);
  network.visit([&](const std::string &, const std::vector<int64_t> &, std::vector<float> &values) {
    for (float &v : values) v = random.uniform(-2, 2);
  });
  network.layers[0].w[0] = std::numeric_limits<float>::max();
  network.layers[0].w[1] = -0.0f;
  network.layers[0].w[2] = std::bit_cast<float>(1u);
  for (lanefold::DenseLayer &layer : network.layers)
    if (layer.batch_norm)
      for (float &v : layer.batch_norm->running_var) v = std::fabs(v);
  return network;
}

// The name and the bits of each array.
std::vector<std::pair<std::string, std::vector<uint32_t>>> bits_of(Network &network) {
  std::vector<std::pair<std::string, std::vector<uint32_t>>> result;
  network.visit([&](const std::string &name, const std::vector<int64_t> &, std::vector<float> &values) {
    std::vector<uint32_t> bits;
    for (const float v : values) bits.push_back(std::bit_cast<uint32_t>(v));
    result.emplace_back(name, bits);
  });
  return result;
}

uint64_t header_length(const std::string &file) {
  uint64_t length = 0;
  for (size_t i = 8; i-- > 0;) length = length << 8 | static_cast<uint8_t>(file[i]);
  return length;
}

std::string with_length(uint64_t length, const std::string &rest) {
  std::string bytes;
  for (int i = 0; i < 8; ++i) bytes += static_cast<char>(length >> (8 * i) & 255);
  return bytes + rest;
}

// The parts of a good checkpoint, and a folder for bad ones.
struct Parts {
  TemporaryFolder folder;
  std::string path = folder / "model.safetensors", bytes, data;
  Json header;

  explicit Parts(bool batch_norm = true) {
    Network network = make_network(batch_norm);
    save(path, network);
    bytes = read_file(path);
    const uint64_t length = header_length(bytes);
    header = Json::parse(bytes.substr(8, length));
    data = bytes.substr(8 + length);
  }

  std::string refusal(const std::string &file) const {
    write_file(path, file);
    return message_of<CheckpointError>([&] { read_checkpoint(path); });
  }
  void check_refused(const std::string &file, const std::string &what = "") const {
    const std::string message = refusal(file);
    CAPTURE(message);
    CHECK(message.starts_with(path + ": "));
    CHECK(contains(message, what));
  }
  // The checkpoint with this text as its header, or with a changed header.
  void check_header_refused(const std::string &text, const std::string &what = "") const {
    check_refused(with_length(text.size(), text + data), what);
  }
  void check_change_refused(const std::function<void(Json &)> &change, const std::string &what = "") const {
    Json changed = header;
    change(changed);
    CAPTURE(changed.dump());
    check_header_refused(changed.dump(), what);
  }
  // The checkpoint with a changed description of the network.
  void check_description_refused(const std::function<void(Json &)> &change, const std::string &what = "") const {
    check_change_refused(
        [&](Json &h) {
          Json network = Json::parse(h["__metadata__"]["network"].get<std::string>());
          change(network);
          h["__metadata__"]["network"] = network.dump();
        },
        what);
  }
  // The checkpoint with one changed value of its first layer.
  void check_layer_refused(const std::string &key, const Json &value, const std::string &what = "") const {
    CAPTURE(key);
    check_description_refused([&](Json &network) { network["layers"][0][key] = value; }, what);
  }
};

} // namespace

TEST_CASE("a network comes back bit for bit, with and without batch normalization") {
  for (const bool batch_norm : {true, false}) {
    CAPTURE(batch_norm);
    const TemporaryFolder folder;
    Network network = make_network(batch_norm);
    save(folder / "model", network);
    Checkpoint checkpoint = read_checkpoint(folder / "model");
    CHECK_FALSE(checkpoint.training);
    Network &back = checkpoint.network;
    CHECK(back.description.features == 5);
    CHECK(describe(back.description) == describe(network.description));
    const LayerDescription &layer = back.description.layers[0], &given = network.description.layers[0];
    CHECK(layer.units == 4);
    CHECK(layer.activation == LF_SELU);
    CHECK(layer.alpha == given.alpha);
    CHECK(layer.batch_norm == batch_norm);
    CHECK(layer.bn_eps == given.bn_eps);
    CHECK(layer.bn_momentum == given.bn_momentum);
    CHECK(layer.init.name == "xavier-normal");
    CHECK(layer.init.fan == "out");
    CHECK(bits_of(back) == bits_of(network));
    CHECK(sha256(back) == sha256(network));
  }
}

TEST_CASE("values that no training gives are refused, and the tensor is named") {
  const Parts parts;
  const auto refused = [&](const std::string &tensor, float value) {
    std::string data = parts.data;
    const auto at = parts.header[tensor]["data_offsets"][0].get<size_t>();
    std::memcpy(data.data() + at, &value, sizeof value);
    const std::string text = parts.header.dump();
    parts.check_refused(with_length(text.size(), text + data), tensor);
  };
  refused("layers.0.w", NAN);
  refused("layers.1.beta", INFINITY);
  refused("layers.1.running_var", -5);
}

TEST_CASE("values that no reader would accept are not saved, and the old file stays") {
  const TemporaryFolder folder;
  Network good = make_network(true);
  save(folder / "model", good);
  const std::string old = read_file(folder / "model");
  const auto refused = [&](Network network, const std::string &tensor) {
    CHECK(contains(message_of<CheckpointError>([&] { save(folder / "model", network); }), tensor));
    CHECK(read_file(folder / "model") == old);
    CHECK(folder.entries() == 1);
  };
  Network infinite = good, negative = good;
  infinite.layers[0].batch_norm->running_var[1] = INFINITY;
  negative.layers[1].batch_norm->running_var[2] = -5;
  refused(infinite, "layers.0.running_var");
  refused(negative, "layers.1.running_var");
}

TEST_CASE("a header that is too deep, or too large, is refused immediately") {
  const Parts parts;
  std::string keys = "{", more = "{\"__metadata__\":{", numbers = "{\"a\":[1";
  for (int i = 0; i < 300000; ++i) {
    const std::string key = std::to_string(i);
    keys += (i ? ",\"" : "\"") + key + "\":1";
    more += (i ? ",\"" : "\"") + key + "\":\"\"";
    numbers += ",1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1";
  }
  for (const std::string &text : {keys + "}", more + "}}", numbers + "]}"})
    parts.check_header_refused(text, "larger or more deeply nested");
}

TEST_CASE("saving keeps the mode of the old file, and follows a link whose target does not exist yet") {
  const TemporaryFolder folder;
  Network network = make_network(true);
  save(folder / "model", network);
  REQUIRE(chmod((folder / "model").c_str(), 0600) == 0);
  save(folder / "model", network);
  struct stat model {};
  REQUIRE(stat((folder / "model").c_str(), &model) == 0);
  CHECK((model.st_mode & 0777) == 0600);
  std::filesystem::create_symlink("target", folder / "link");
  save(folder / "link", network);
  CHECK(std::filesystem::is_symlink(folder / "link"));
  CHECK(std::filesystem::is_regular_file(std::filesystem::symlink_status(folder / "target")));
}

TEST_CASE("each activation comes back") {
  const TemporaryFolder folder;
  for (const std::string &name : activation_names()) {
    Network network = make_network(true);
    network.description.layers[0].activation = code_of(activation_names(), name);
    network.layers[0].activation.code = network.description.layers[0].activation;
    save(folder / "model", network);
    CHECK(read_checkpoint(folder / "model").network.description.layers[0].activation ==
          network.description.layers[0].activation);
    CHECK(contains(read_file(folder / "model"), name));
  }
}

TEST_CASE("the file is what the safetensors format says, byte for byte") {
  const Parts parts;
  const uint64_t length = header_length(parts.bytes);
  CHECK(length % 8 == 0);
  CHECK(parts.bytes[8] == '{');
  Network network = make_network(true);
  const auto arrays = bits_of(network);
  CHECK(parts.header.size() == arrays.size() + 1);
  for (const auto &[key, value] : parts.header["__metadata__"].items()) CHECK(value.is_string());
  CHECK(parts.header["__metadata__"]["format"] == "lanefold-3");
  uint64_t offset = 0;
  for (const auto &array : arrays) {
    const auto &name = array.first;
    const auto &bits = array.second;
    CAPTURE(name);
    const Json &entry = parts.header[name];
    CHECK(entry.size() == 3);
    CHECK(entry["dtype"] == "F32");
    uint64_t elements = 1;
    for (const Json &size : entry["shape"]) elements *= size.get<uint64_t>();
    CHECK(elements == bits.size());
    CHECK(entry["data_offsets"] == Json::array({offset, offset + 4 * elements}));
    bool same = true;
    for (size_t i = 0; i < bits.size(); ++i)
      for (size_t byte = 0; byte < 4; ++byte)
        same = same && static_cast<uint8_t>(parts.data[offset + 4 * i + byte]) == (bits[i] >> (8 * byte) & 255);
    CHECK(same);
    offset += 4 * elements;
  }
  CHECK(offset == parts.data.size());
  CHECK(parts.header["layers.0.w"]["shape"] == Json::array({5, 4}));
}

TEST_CASE("a missing file, a folder and an empty path are refused") {
  const TemporaryFolder folder;
  for (const std::string &path : {folder / "nothing", folder.path(), folder / "no/such", std::string()}) {
    CAPTURE(path);
    CHECK(message_of<CheckpointError>([&] { read_checkpoint(path); }).starts_with(path + ": "));
  }
}

TEST_CASE("a file cut off anywhere is refused") {
  const Parts parts;
  for (size_t size = 0; size < parts.bytes.size(); ++size) {
    const std::string message = parts.refusal(parts.bytes.substr(0, size));
    if (message.starts_with(parts.path + ": ")) continue;
    CAPTURE(size);
    CHECK(message == "a refusal that names the file");
  }
}

TEST_CASE("bytes after the last tensor are refused") {
  const Parts parts;
  parts.check_refused(parts.bytes + std::string(1, '\0'), "bytes long");
  parts.check_refused(parts.bytes + std::string(4096, 'x'), "bytes long");
}

TEST_CASE("header lengths that lie are refused") {
  const Parts parts;
  const std::string rest = parts.bytes.substr(8);
  const uint64_t length = header_length(parts.bytes);
  for (const uint64_t wrong :
       {uint64_t{0}, uint64_t{1}, length - 8, length + 1, length + 8, uint64_t{rest.size()}, uint64_t{rest.size() + 1},
        uint64_t{1} << 31, uint64_t{1} << 32, uint64_t{1} << 63, ~uint64_t{0}, ~uint64_t{7}, ~uint64_t{0} - 6}) {
    CAPTURE(wrong);
    parts.check_refused(with_length(wrong, rest));
  }
}

TEST_CASE("a header that is not a JSON object is refused") {
  const Parts parts;
  const std::string good = parts.header.dump();
  for (const std::string &text :
       std::vector<std::string>{"", " ", "{", "}", "null", "[]", "1", "\"x\"", "{}", "nan", "{\"__metadata__\":{}}",
                                "{\"a\":\"\xc3\x28\"}", std::string("\xff\xfe\x00{", 4), std::string(64, '\0'),
                                good + "x", good + "{}", "x" + good, good.substr(0, good.size() - 1)}) {
    CAPTURE(text);
    parts.check_header_refused(text);
  }
}

TEST_CASE("deeply nested JSON is refused, not followed until the stack ends") {
  const Parts parts;
  constexpr size_t depth = 1000000;
  std::string objects;
  for (size_t i = 0; i < depth; ++i) objects += "{\"a\":";
  const std::string arrays = std::string(depth, '[') + std::string(depth, ']');
  for (const std::string &text :
       {std::string(depth, '['), arrays, objects, objects + "1" + std::string(depth, '}'), "{\"a\":" + arrays + "}"})
    parts.check_header_refused(text);
  parts.check_change_refused([&](Json &h) { h["__metadata__"]["network"] = arrays; });
}

TEST_CASE("a key that comes twice is refused") {
  const Parts parts;
  std::string text = parts.header.dump();
  const std::string tensor = ",\"layers.0.w\":" + parts.header["layers.0.w"].dump();
  text.insert(text.size() - 1, tensor);
  parts.check_header_refused(text, "twice");
  text = parts.header.dump();
  text.insert(text.find("\"dtype\""), "\"dtype\":\"F32\",");
  parts.check_header_refused(text, "twice");
  parts.check_change_refused(
      [](Json &h) {
        std::string network = h["__metadata__"]["network"].get<std::string>();
        h["__metadata__"]["network"] = network.insert(1, "\"features\":5,");
      },
      "twice");
}

TEST_CASE("tensors that are missing, unknown, or of the other kind of network are refused") {
  const Parts parts;
  for (const auto &item : parts.header.items()) {
    const std::string &name = item.key();
    CAPTURE(name);
    parts.check_change_refused([&](Json &h) { h.erase(name); });
  }
  for (const char *name : {"layers.2.w", "layers.0.bias", "layers.0.w.m"}) {
    Json more = parts.header;
    more[name] = {{"dtype", "F32"}, {"shape", {2}}, {"data_offsets", {parts.data.size(), parts.data.size() + 8}}};
    const std::string text = more.dump();
    parts.check_refused(with_length(text.size(), text + parts.data + "12345678"), "the network does not have");
  }
  parts.check_layer_refused("batch_norm", "off");
  const Parts folded(false);
  folded.check_layer_refused("batch_norm", "on");
}

TEST_CASE("a tensor of another shape, type or place is refused, by its name") {
  const Parts parts;
  // If two tensors overlap, the message may name either.
  const auto refused = [&](const std::string &key, const Json &value) {
    CAPTURE(key);
    parts.check_change_refused([&](Json &h) { h["layers.1.w"][key] = value; },
                               key == "data_offsets" ? key : "layers.1.w");
  };
  // Also with the right number of elements: 4 x 3 is neither 3 x 4 nor 12.
  for (const Json &shape : {Json{3, 4}, Json::array({12}), Json{4, 3, 1}, Json::array(), Json{4, 4}, Json{-4, -3},
                            Json{"4", "3"}, Json(12), Json(nullptr), Json{4, 18446744073709551615u}})
    refused("shape", shape);
  for (const Json &type :
       {Json("F64"), Json("f32"), Json("I32"), Json("F16"), Json("F8_E4M3"), Json(""), Json(32), Json(nullptr)})
    refused("dtype", type);
  const uint64_t from = parts.header["layers.1.w"]["data_offsets"][0].get<uint64_t>(), to = from + 48;
  for (const Json &offsets :
       {Json{from + 4, to + 4}, Json{from - 4, to - 4}, Json{from, to - 4}, Json{from, to + 4}, Json{from, from},
        Json{to, from}, Json::array({from}), Json{from, to, to}, Json::array(), Json{0, 48}, Json{~uint64_t{0} - 47, 0},
        Json{-1, 47}, Json{from, ~uint64_t{0}}, Json{"0", "48"}, Json(nullptr)})
    refused("data_offsets", offsets);
  for (const char *key : {"shape", "dtype", "data_offsets"})
    parts.check_change_refused([&](Json &h) { h["layers.1.w"].erase(key); }, "layers.1.w");
  parts.check_change_refused([](Json &h) { h["layers.1.w"] = 1; }, "layers.1.w");
}

TEST_CASE("a hole between two tensors is refused though all bytes are there") {
  Parts parts;
  bool after = false;
  for (auto &[name, entry] : parts.header.items()) {
    if (after)
      for (Json &offset : entry["data_offsets"]) offset = offset.get<uint64_t>() + 4;
    after = after || name == "layers.0.w";
  }
  parts.data.insert(80, "hole");
  parts.check_header_refused(parts.header.dump(), "leave a hole");
}

TEST_CASE("two tensors that overlap are refused") {
  const Parts parts;
  parts.check_change_refused([](Json &h) { h["layers.0.beta"]["data_offsets"] = h["layers.0.gamma"]["data_offsets"]; },
                             "layers.0.beta");
}

TEST_CASE("a description of the network that makes no sense is refused") {
  const Parts parts;
  constexpr int64_t most = std::numeric_limits<int64_t>::max();
  for (const Json &size : {Json(0), Json(-5), Json(6), Json(most), Json(int64_t{1} << 62), Json(int64_t{1} << 24),
                           Json(18446744073709551615u), Json(5.0), Json(1e300), Json("5"), Json(nullptr), Json(true)}) {
    parts.check_layer_refused("units", size);
    parts.check_description_refused([&](Json &network) { network["features"] = size == 6 ? Json(4) : size; });
  }
  for (const Json &layers : {Json::array(), Json("5,4,3"), Json(nullptr), Json(3), Json::object(),
                             Json(std::vector<int>(1001, 1)), Json::array({{{"units", 4}}})})
    parts.check_description_refused([&](Json &network) { network["layers"] = layers; });
  parts.check_description_refused([](Json &network) { network["layers"].push_back(network["layers"][1]); });
  parts.check_description_refused([](Json &network) { network["layers"].erase(1); });
  parts.check_description_refused([](Json &network) { network.erase("features"); });
  parts.check_description_refused([](Json &network) { network["depth"] = 2; }, "unknown key");
  for (const Json &activation : {Json("sine"), Json(""), Json("ELU"), Json(3), Json(nullptr)})
    parts.check_layer_refused("activation", activation);
  parts.check_layer_refused("activation", "sine", "unknown activation");
  for (const Json &eps : {Json(0), Json(0.0), Json(-1e-3), Json(1e-60), Json(1e60), Json("1e-3"), Json(nullptr)})
    parts.check_layer_refused("bn_eps", eps);
  for (const Json &momentum : {Json(-0.1), Json(1.1), Json(1e60), Json("0.9"), Json(nullptr)})
    parts.check_layer_refused("bn_momentum", momentum);
  for (const Json &alpha : {Json(-1), Json(1e60), Json("1"), Json(nullptr)}) parts.check_layer_refused("alpha", alpha);
  for (const Json &batch_norm : {Json("true"), Json("hidden"), Json(true), Json(1), Json(nullptr)})
    parts.check_layer_refused("batch_norm", batch_norm);
  for (const Json &init : {Json("zeros"), Json(1), Json(nullptr)}) parts.check_layer_refused("init", init);
  for (const Json &fan : {Json("sum"), Json(1), Json(nullptr)}) parts.check_layer_refused("fan", fan);
  parts.check_layer_refused("unit", 4, "did you mean 'units'");
}

TEST_CASE("shapes and offsets that are not whole numbers, or whose products overflow, are refused") {
  const Parts parts;
  for (const Json &shape : {Json{4.0, 3.0}, Json{1e300, 3}})
    parts.check_change_refused([&](Json &h) { h["layers.1.w"]["shape"] = shape; }, "not whole");
  for (const Json &offsets : {Json{0.0, 80.0}, Json{0, 1e300}, Json{-1e300, 80}})
    parts.check_change_refused([&](Json &h) { h["layers.0.w"]["data_offsets"] = offsets; }, "not whole");
  for (const Json &shape : {Json{int64_t{1} << 31, int64_t{1} << 31}, Json{int64_t{1} << 62, 1},
                            Json{int64_t{1} << 32, int64_t{1} << 32, 3}})
    parts.check_change_refused([&](Json &h) { h["layers.1.w"]["shape"] = shape; }, "layers.1.w");
}

TEST_CASE("a description that is not the text of a JSON object is refused") {
  const Parts parts;
  const Json good = Json::parse(parts.header["__metadata__"]["network"].get<std::string>());
  for (const Json &text : {Json(""), Json("{}"), Json("[]"), Json("{"), Json("nan"), Json(1), Json(nullptr), good})
    parts.check_change_refused([&](Json &h) { h["__metadata__"]["network"] = text; });
}

TEST_CASE("tensors in another order are read, as long as they lie in the order of the header") {
  Parts parts;
  Json header = {{"__metadata__", parts.header["__metadata__"]}};
  std::vector<std::string> names;
  for (const auto &[name, entry] : parts.header.items())
    if (name != "__metadata__") names.push_back(name);
  std::string data;
  for (auto name = names.rbegin(); name != names.rend(); ++name) {
    Json entry = parts.header[*name];
    const auto from = entry["data_offsets"][0].get<size_t>(), to = entry["data_offsets"][1].get<size_t>();
    entry["data_offsets"] = {data.size(), data.size() + to - from};
    data += parts.data.substr(from, to - from);
    header[*name] = entry;
  }
  const std::string text = header.dump();
  write_file(parts.path, with_length(text.size(), text + data));
  Network back = read_checkpoint(parts.path).network, network = make_network(true);
  CHECK(bits_of(back) == bits_of(network));
  std::swap(header["layers.0.w"]["data_offsets"], header["layers.1.w"]["data_offsets"]);
  parts.data = data;
  parts.check_header_refused(header.dump());
}

TEST_CASE("a safetensors file that is not a checkpoint of this version is refused as such") {
  const Parts parts;
  for (const Json &format : {Json("lanefold-2"), Json("lanefold-3 ")})
    parts.check_change_refused([&](Json &h) { h["__metadata__"]["format"] = format; },
                               "not a checkpoint that this version reads");
  for (const Json &format : {Json("pt"), Json("")})
    parts.check_change_refused([&](Json &h) { h["__metadata__"]["format"] = format; }, "has no linear module");
  for (const Json &format : {Json(1), Json(nullptr)})
    parts.check_change_refused([&](Json &h) { h["__metadata__"]["format"] = format; }, "format");
  parts.check_change_refused([](Json &h) { h["__metadata__"].erase("format"); });
  parts.check_change_refused([](Json &h) { h["__metadata__"].erase("numeric_version"); }, "numeric_version");
}

TEST_CASE("a checkpoint with random bytes in header and length either loads or is refused") {
  const Parts parts;
  const auto head = static_cast<int64_t>(parts.bytes.size() - parts.data.size());
  Random random(17);
  int loaded = 0, refused = 0;
  for (int i = 0; i < 2000; ++i) {
    std::string file = parts.bytes;
    const int64_t changes = random.between(1, 4);
    for (int64_t j = 0; j < changes; ++j) {
      char &byte = file[static_cast<size_t>(random.below(j == 0 && i % 20 == 0 ? 8 : head))];
      // Half of the changes are printable, so that the header often stays JSON.
      byte = static_cast<char>(i % 2 ? random.between(' ', '~') : byte ^ random.between(1, 255));
    }
    const std::string message = parts.refusal(file); // any other exception fails the test
    if (message == "nothing thrown") ++loaded;
    else if (message.starts_with(parts.path + ": ")) ++refused;
    else CHECK(message == "a refusal that names the file");
  }
  CHECK(loaded + refused == 2000);
  CHECK(refused > 1500);
}

TEST_CASE("saving where nothing can be written is an error, and leaves nothing behind") {
  const TemporaryFolder folder;
  Network network = make_network(true);
  write_file(folder / "file", "x");
  std::filesystem::create_directory(folder / "taken");
  for (const std::string &path : {folder / "missing/model", folder / "file/model", folder / "taken", std::string()}) {
    CAPTURE(path);
    CHECK(message_of<CheckpointError>([&] { save(path, network); }).starts_with(path + ": cannot be written"));
    CHECK(message_of<CheckpointError>([&] { check_writable(path); }).starts_with(path + ": cannot be written"));
    CHECK(folder.entries() == 2);
    CHECK(std::filesystem::is_empty(folder / "taken"));
  }
  CHECK(read_file(folder / "file") == "x");
}

TEST_CASE("a folder without the right to write is refused") {
  if (geteuid() == 0) {
    MESSAGE("SKIPPED: root may write everywhere");
    return;
  }
  const TemporaryFolder folder;
  Network network = make_network(true);
  REQUIRE(chmod(folder.path().c_str(), 0500) == 0);
  CHECK(contains(message_of<CheckpointError>([&] { save(folder / "model", network); }), "cannot be written"));
  CHECK(contains(message_of<CheckpointError>([&] { check_writable(folder / "model"); }), "cannot be written"));
  CHECK(folder.entries() == 0);
  chmod(folder.path().c_str(), 0700);
}

TEST_CASE("check_writable leaves the folder as it was, and an old file whole") {
  const TemporaryFolder folder;
  check_writable(folder / "model");
  CHECK(folder.entries() == 0);
  write_file(folder / "model", "old");
  check_writable(folder / "model");
  CHECK(read_file(folder / "model") == "old");
  CHECK(folder.entries() == 1);
}

TEST_CASE("saving replaces the old file by a new one, and a reader of the old one keeps it") {
  const TemporaryFolder folder;
  const std::string path = folder / "model";
  Network first = make_network(true), second = make_network(false);
  save(path, first);
  const std::string old = read_file(path);
  std::ifstream reader(path, std::ios::binary);
  struct stat before {
  }, after{};
  REQUIRE(stat(path.c_str(), &before) == 0);
  save(path, second);
  REQUIRE(stat(path.c_str(), &after) == 0);
  CHECK(before.st_ino != after.st_ino); // `reader` keeps the old file's number in use
  CHECK(folder.entries() == 1);
  CHECK(std::string(std::istreambuf_iterator<char>(reader), {}) == old);
  CHECK_FALSE(read_checkpoint(path).network.description.batch_norm());
}

TEST_CASE("a new checkpoint has the rights of any new file") {
  const TemporaryFolder folder;
  Network network = make_network(true);
  write_file(folder / "other", "");
  save(folder / "model", network);
  struct stat model {
  }, other{};
  REQUIRE(stat((folder / "model").c_str(), &model) == 0);
  REQUIRE(stat((folder / "other").c_str(), &other) == 0);
  CHECK(model.st_mode == other.st_mode);
}

TEST_CASE("on a full disk saving is an error, the old file stays whole, and no other file is left") {
  const TemporaryFolder folder;
  const std::string path = folder / "model";
  Network network = make_network(true);
  save(path, network);
  const std::string old = read_file(path);
  network.layers[0].w[0] = 1;
  rlimit limit{};
  REQUIRE(getrlimit(RLIMIT_FSIZE, &limit) == 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{old.size() / 2, limit.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  const std::string message = message_of<CheckpointError>([&] { save(path, network); });
  setrlimit(RLIMIT_FSIZE, &limit);
  std::signal(SIGXFSZ, handler);
  CHECK(contains(message, path + ": cannot be written"));
  CHECK(read_file(path) == old);
  CHECK(folder.entries() == 1);
}
