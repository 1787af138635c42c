// Text of JSON, by nlohmann-json: no other source includes it.
#include "cli/json.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace lanefold::cli {
namespace {

using Library = nlohmann::ordered_json;

// No file of Lanefold needs more, and this much is still read in a second.
constexpr size_t most_depth = 16;
constexpr size_t most_keys = 200'000; // of one object
constexpr const char *too_large =
    "is larger or more deeply nested than Lanefold reads: 16 levels, 200000 keys in an object, 4000000 values";
constexpr int64_t most_values = 4'000'000;

// Builds the value while the library reads the text.
class Builder : public nlohmann::json_sax<Library> {
public:
  explicit Builder(const std::string &what) : what_(what) {}
  Json take() { return std::move(root_); }

  bool null() override { return add(Json()); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(int64_t value) override { return add(value); }
  bool number_unsigned(uint64_t value) override {
    return value > static_cast<uint64_t>(INT64_MAX) ? add(static_cast<double>(value)) : add(value);
  }
  bool number_float(double value, const std::string &) override { return add(value); }
  bool string(std::string &value) override { return add(std::move(value)); }
  bool binary(Library::binary_t &) override { return false; }
  bool start_object(size_t) override { return open(Json::object()); }
  bool start_array(size_t) override { return open(Json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(std::string &value) override {
    std::vector<std::string> &keys = open_.back().keys;
    if (keys.size() >= most_keys) fail(too_large);
    keys.push_back(value);
    return true;
  }
  bool parse_error(size_t position, const std::string &, const nlohmann::detail::exception &) override {
    fail("is not JSON (byte " + std::to_string(position) + ")");
  }

private:
  struct Open {
    Json value;
    std::vector<std::string> keys;
  };

  [[noreturn]] void fail(const std::string &message) const { throw JsonError(what_ + " " + message); }

  void count() {
    if (++values_ > most_values) fail(too_large);
  }

  bool open(Json value) {
    count();
    if (open_.size() > most_depth) fail(too_large);
    open_.push_back({std::move(value), {}});
    return true;
  }

  // Members come one after the other, so that the last key names the next value.
  bool close() {
    Open closed = std::move(open_.back());
    open_.pop_back();
    std::sort(closed.keys.begin(), closed.keys.end());
    const auto twice = std::adjacent_find(closed.keys.begin(), closed.keys.end());
    if (twice != closed.keys.end()) fail("names " + Json(*twice).dump() + " twice");
    return put(std::move(closed.value));
  }

  bool add(Json value) {
    count();
    return put(std::move(value));
  }

  bool put(Json value) {
    if (open_.empty()) root_ = std::move(value);
    else if (open_.back().value.is_array()) open_.back().value.push_back(std::move(value));
    else open_.back().value.append(open_.back().keys.back(), std::move(value));
    return true;
  }

  const std::string &what_;
  Json root_;
  std::vector<Open> open_;
  int64_t values_ = 0;
};

Library to_library(const Json &json) {
  switch (json.kind()) {
  case Json::Kind::null: return nullptr;
  case Json::Kind::boolean: return json.boolean();
  case Json::Kind::whole: return json.whole();
  case Json::Kind::real: return json.number();
  case Json::Kind::text: return json.text();
  case Json::Kind::array: {
    Library array = Library::array();
    for (const Json &element : json.elements()) array.push_back(to_library(element));
    return array;
  }
  case Json::Kind::object: break;
  }
  Library::object_t object; // whose operator[] would seek the key among all others
  for (const Json::Member &member : json.members()) object.emplace_back(member.key, to_library(member.value));
  return object;
}

} // namespace

std::string Json::dump(int indent) const {
  return to_library(*this).dump(indent, ' ', false, Library::error_handler_t::replace);
}

Json parse_strictly(const std::string &text, const std::string &what) {
  Builder builder(what);
  if (!Library::sax_parse(text, &builder)) throw JsonError(what + " is not JSON");
  return builder.take();
}

} // namespace lanefold::cli
