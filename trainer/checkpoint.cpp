// The safetensors format, written and read.
#include "checkpoint.hpp"

#include "atomic_file.hpp"
#include "names.hpp"

#include <nlohmann/json.hpp>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <system_error>

namespace lanefold::trainer {
namespace {

using Json = nlohmann::ordered_json;

constexpr uint64_t most_header = 100'000'000;
constexpr const char *format = "lanefold-1";

Json describe(const Description &d) {
  return {{"sizes", d.sizes}, {"activation", activation_names()[static_cast<size_t>(d.activation)]},
          {"alpha", d.alpha}, {"batch_norm", d.batch_norm},
          {"eps", d.eps},     {"momentum", d.momentum}};
}

// A file being read; whatever is wrong with it is said with its name.
class Reader {
public:
  explicit Reader(const std::string &path) : path_(path) {
    std::error_code error;
    require(std::filesystem::exists(path, error), error ? error.message() : "no such file");
    require(std::filesystem::is_regular_file(path, error), "is no regular file");
    size_ = std::filesystem::file_size(path, error);
    file_.open(path, std::ios::binary);
    require(!error && file_, "cannot be opened");
  }

  [[noreturn]] void fail(const std::string &what) const { throw CheckpointError(path_ + ": " + what); }
  void require(bool good, const std::string &what) const {
    if (!good) fail(what);
  }
  uint64_t size() const { return size_; }

  void read(void *to, uint64_t bytes) {
    file_.read(static_cast<char *>(to), static_cast<std::streamsize>(bytes));
    require(static_cast<bool>(file_), "cannot be read to its end");
  }

private:
  std::string path_;
  std::ifstream file_;
  uint64_t size_ = 0;
};

// JSON in which no object names a key twice.
Json parse(const Reader &reader, const std::string &text, const char *what) {
  std::vector<std::set<std::string>> keys;
  const auto watch = [&](int, Json::parse_event_t event, Json &value) {
    if (event == Json::parse_event_t::object_start) keys.emplace_back();
    if (event == Json::parse_event_t::object_end) keys.pop_back();
    if (event == Json::parse_event_t::key && !keys.back().insert(value.get<std::string>()).second)
      reader.fail(std::string(what) + " names " + value.dump() + " twice");
    return true;
  };
  try {
    return Json::parse(text, watch);
  } catch (const Json::exception &) {
    reader.fail(std::string(what) + " is not JSON");
  }
}

// Runs read(), which takes values out of JSON, and turns a missing or mistyped one into an error of the file.
template <class Read> auto extract(const Reader &reader, const char *what, const Read &read) {
  try {
    return read();
  } catch (const Json::exception &) {
    reader.fail(std::string(what) + " lacks a value, or has one of another kind");
  }
}

// Whole numbers only: others would be cut, and beyond the range of a Number nobody knows to what.
template <class Number> std::vector<Number> numbers(const Reader &reader, const Json &array, const std::string &what) {
  for (const Json &number : array) reader.require(number.is_number_integer(), what + " has a number that is not whole");
  return array.get<std::vector<Number>>();
}

Description read_description(const Reader &reader, const Json &header) {
  return extract(reader, "the description of the network", [&] {
    const Json &metadata = header.at("__metadata__");
    reader.require(metadata.at("format") == format, "is a checkpoint of another kind (format is not lanefold-1)");
    const Json network = parse(reader, metadata.at("network").get<std::string>(), "the description of the network");
    Description d;
    d.sizes = numbers<int64_t>(reader, network.at("sizes"), "the description of the network");
    d.activation = code_of(activation_names(), network.at("activation").get<std::string>());
    d.alpha = network.at("alpha").get<float>();
    d.batch_norm = network.at("batch_norm").get<bool>();
    d.eps = network.at("eps").get<float>();
    d.momentum = network.at("momentum").get<float>();
    reader.require(d.activation >= 0, "names an unknown activation");
    reader.require(d.eps > 0 && std::isfinite(d.eps) && d.momentum >= 0 && d.momentum <= 1 && d.alpha >= 0 &&
                       std::isfinite(d.alpha),
                   "has eps, momentum or alpha out of range");
    reader.require(d.sizes.size() >= 2 && d.sizes.size() <= 1000, "describes a network without layers, or of over 999");
    uint64_t floats = 0;
    for (size_t i = 0; i < d.sizes.size(); ++i) {
      // The file must hold the weights, so sizes beyond it are wrong, and no product below can overflow.
      reader.require(d.sizes[i] > 0 && static_cast<uint64_t>(d.sizes[i]) <= reader.size(),
                     "describes impossible sizes");
      if (i > 0) {
        reader.require(static_cast<uint64_t>(d.sizes[i]) <= reader.size() / static_cast<uint64_t>(d.sizes[i - 1]),
                       "describes more weights than the file holds");
        floats += static_cast<uint64_t>(d.sizes[i]) * static_cast<uint64_t>(d.sizes[i - 1]);
      }
    }
    reader.require(floats <= reader.size() / sizeof(float), "describes more weights than the file holds");
    return d;
  });
}

} // namespace

void save(const std::string &path, Network &network) {
  Json header;
  header["__metadata__"] = {{"format", format}, {"network", describe(network.description).dump()}};
  uint64_t offset = 0;
  std::vector<std::string_view> parts(2);
  network.visit([&](const std::string &name, const std::vector<int64_t> &shape, std::vector<float> &values) {
    const uint64_t bytes = values.size() * sizeof(float);
    header[name] = {{"dtype", "F32"}, {"shape", shape}, {"data_offsets", {offset, offset + bytes}}};
    parts.emplace_back(reinterpret_cast<const char *>(values.data()), bytes);
    offset += bytes;
  });
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  const uint64_t length = text.size();
  parts[0] = {reinterpret_cast<const char *>(&length), sizeof length};
  parts[1] = text;
  try {
    replace_file(path, parts);
  } catch (const std::system_error &error) {
    throw CheckpointError(path + ": cannot be written: " + error.code().message());
  }
}

void check_writable(const std::string &path) {
  try {
    check_replaceable(path);
  } catch (const std::system_error &error) {
    throw CheckpointError(path + ": cannot be written: " + error.code().message());
  }
}

Network read_checkpoint(const std::string &path) {
  Reader reader(path);
  uint64_t length = 0;
  reader.require(reader.size() > sizeof length, "is too short for a checkpoint");
  reader.read(&length, sizeof length);
  reader.require(length <= most_header && length <= reader.size() - sizeof length,
                 "is not a safetensors file, or is cut off: its header is longer than it may be");
  std::string text(length, ' ');
  reader.read(text.data(), length);
  const Json header = parse(reader, text, "the header");
  Network network(read_description(reader, header));
  uint64_t offset = 0, tensors = 1;
  network.visit([&](const std::string &name, const std::vector<int64_t> &shape, std::vector<float> &values) {
    const uint64_t bytes = values.size() * sizeof(float);
    extract(reader, name.c_str(), [&] {
      const Json &entry = header.at(name);
      reader.require(entry.at("dtype") == "F32", name + " is not of type F32");
      reader.require(numbers<int64_t>(reader, entry.at("shape"), name) == shape,
                     name + " has another shape than the network's description");
      const auto offsets = numbers<uint64_t>(reader, entry.at("data_offsets"), name);
      reader.require(offsets.size() == 2 && offsets[0] == offset && offsets[1] == offset + bytes,
                     name + " does not lie where it should: offsets must follow each other without holes");
    });
    offset += bytes;
    ++tensors;
  });
  reader.require(header.size() == tensors, "holds tensors that the network does not have");
  reader.require(reader.size() == sizeof length + length + offset, "is " + std::to_string(reader.size()) +
                                                                       " bytes long, but should be " +
                                                                       std::to_string(sizeof length + length + offset));
  network.visit([&](const std::string &name, const std::vector<int64_t> &, std::vector<float> &values) {
    reader.read(values.data(), values.size() * sizeof(float));
    const bool variance = name.ends_with("running_var");
    for (const float v : values)
      reader.require(std::isfinite(v) && !(variance && v < 0), name +
                                                                   (variance ? " holds a variance" : " holds a value") +
                                                                   " that no training gives: " + std::to_string(v));
  });
  return network;
}

} // namespace lanefold::trainer
