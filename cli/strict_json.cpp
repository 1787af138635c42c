// Each mistake becomes one line that names what it is in.
#include "cli/strict_json.hpp"

#include "cli/words.hpp"

#include <charconv>
#include <cmath>
#include <set>

namespace lanefold::cli {
namespace {

// Beyond what any network of ours has, and what still is read in a second.
constexpr int most_depth = 16;
constexpr size_t most_keys = 25000; // of one object, which seeks them one after the other
constexpr int64_t most_values = 1'000'000;

} // namespace

double shortest(float x) {
  char text[40];
  const auto [end, error] = std::to_chars(text, text + sizeof text, x);
  double value = x;
  if (error == std::errc()) std::from_chars(text, end, value);
  return value;
}

Json parse_strictly(const std::string &text, const std::string &what) {
  std::vector<std::set<std::string>> keys;
  int64_t values = 0;
  const auto watch = [&](int depth, Json::parse_event_t event, Json &value) {
    if (++values > most_values || depth > most_depth) throw JsonError(what + " holds more than it could mean");
    if (event == Json::parse_event_t::object_start) keys.emplace_back();
    if (event == Json::parse_event_t::object_end) keys.pop_back();
    if (event != Json::parse_event_t::key) return true;
    if (!keys.back().insert(value.get<std::string>()).second)
      throw JsonError(what + " names " + value.dump() + " twice");
    if (keys.back().size() > most_keys) throw JsonError(what + " holds more than it could mean");
    return true;
  };
  try {
    return Json::parse(text, watch);
  } catch (const Json::parse_error &error) {
    throw JsonError(what + " is not JSON (byte " + std::to_string(error.byte) + ")");
  } catch (const Json::exception &) {
    throw JsonError(what + " is not JSON");
  }
}

Fields::Fields(const Json &value, std::string what) : object_(value), what_(std::move(what)) {
  if (!value.is_object()) fail("is no JSON object");
}

bool Fields::has(const std::string &key) {
  if (code_of(asked_, key) < 0) asked_.push_back(key);
  return object_.contains(key);
}

const Json &Fields::at(const std::string &key) {
  has(key);
  const auto at = object_.find(key);
  if (at == object_.end()) fail("lacks \"" + key + "\"");
  return *at;
}

std::string Fields::text(const std::string &key) {
  const Json &value = at(key);
  if (!value.is_string()) fail("has a \"" + key + "\" that is no string");
  return value.get<std::string>();
}

std::string Fields::word(const std::string &key, const std::vector<std::string> &valid) {
  const std::string word = text(key);
  if (code_of(valid, word) < 0) fail("has an unknown " + key + ": " + unknown_word(word, valid));
  return word;
}

int64_t Fields::whole(const std::string &key, int64_t low, int64_t high) {
  const Json &value = at(key);
  const bool fits = value.is_number_integer() &&
                    !(value.is_number_unsigned() && value.get<uint64_t>() > static_cast<uint64_t>(INT64_MAX));
  if (!fits || value.get<int64_t>() < low || value.get<int64_t>() > high)
    fail("has a \"" + key + "\" that is no whole number in " + std::to_string(low) + ".." + std::to_string(high));
  return value.get<int64_t>();
}

float Fields::number(const std::string &key, double low, double high) {
  const double value = real(key), rounded = static_cast<float>(value);
  if (!(rounded >= low && rounded <= high)) {
    char range[80];
    std::snprintf(range, sizeof range, "%g..%g", low, high);
    fail("has a \"" + key + "\" that is not in " + range);
  }
  return static_cast<float>(value);
}

double Fields::real(const std::string &key) {
  const Json &value = at(key);
  if (!value.is_number() || !std::isfinite(value.get<double>())) fail("has a \"" + key + "\" that is no number");
  return value.get<double>();
}

void Fields::end() const {
  for (const auto &[key, value] : object_.items())
    if (code_of(asked_, key) < 0) fail("has an unknown key: " + unknown_word(key, asked_));
}

} // namespace lanefold::cli
