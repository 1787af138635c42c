// Checks what a comparison reads: the file may be one that Lanefold did not write.
#include "results.hpp"

#include <nlohmann/json.hpp>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace lanefold::bench {
namespace {

// Bytes of a name.  std::regex calls itself for each of them, and the stack is finite.
constexpr size_t longest_name = 500;

std::string excerpt(const std::string &text) { return text.size() > 60 ? text.substr(0, 57) + "..." : text; }

// A value of the file and its place, such as lanefold.ratios[3].value.
class Place {
public:
  Place(const Json &value, std::string place) : value_(value), place_(std::move(place)) {}

  [[noreturn]] void refuse(const std::string &expected) const {
    const std::string text = value_.is_structured() ? std::string("this ") + value_.type_name() : value_.dump();
    throw std::runtime_error(place_ + ": " + excerpt(text) + " is not " + expected);
  }

  bool has(const char *key) const {
    if (!value_.is_object()) refuse("an object");
    return value_.contains(key);
  }
  Place at(const char *key) const {
    const std::string place = place_.empty() ? key : place_ + "." + key;
    if (!has(key)) throw std::runtime_error(place + ": is missing");
    return {value_[key], place};
  }
  template <class Check> void each(const Check &check) const {
    if (!value_.is_array()) refuse("an array");
    for (size_t i = 0; i < value_.size(); ++i) check(Place(value_[i], place_ + "[" + std::to_string(i) + "]"));
  }

  size_t size() const { return value_.size(); }

  bool boolean() const {
    if (!value_.is_boolean()) refuse("true or false");
    return value_.get<bool>();
  }
  std::string word() const {
    if (!value_.is_string()) refuse("a string");
    const auto text = value_.get<std::string>();
    if (text.size() > longest_name)
      throw std::runtime_error(place_ + ": has " + std::to_string(text.size()) + " bytes; a name has at most " +
                               std::to_string(longest_name));
    return text;
  }
  void whole() const {
    if (!value_.is_number_integer() || value_.get<int64_t>() < 0) refuse("a whole number from 0");
  }
  // Refuses numbers under these keys that do not ascend.
  void in_order(const std::vector<const char *> &keys) const {
    for (size_t i = 1; i < keys.size(); ++i)
      if (value_[keys[i - 1]].get<double>() > value_[keys[i]].get<double>())
        at(keys[i]).refuse(std::string("at least \"") + keys[i - 1] + "\"");
  }
  void not_negative() const {
    if (!is_finite() || value_.get<double>() < 0) refuse("a number from 0");
  }
  void positive() const {
    if (!is_finite() || value_.get<double>() <= 0) refuse("a positive number");
  }

private:
  bool is_finite() const { return value_.is_number() && std::isfinite(value_.get<double>()); }

  const Json &value_;
  std::string place_;
};

// A row of Google Benchmark: a repetition, an aggregate of several, or a failure, which has no time.
void check_row(const Place &row) {
  row.at("name").word();
  for (const char *key : {"run_name", "run_type", "time_unit"})
    if (row.has(key)) row.at(key).word();
  const bool failed = row.has("error_occurred") && row.at("error_occurred").boolean();
  const bool aggregate = row.has("run_type") && row.at("run_type").word() != "iteration";
  if (!failed && !aggregate) row.at("real_time").positive();
}

void check_fields(const Place &entry) {
  entry.at("name").word();
  for (const Field &field : all_fields()) {
    if (!entry.has(field.name)) continue;
    const Place value = entry.at(field.name);
    if (std::holds_alternative<std::string Fields::*>(field.member)) value.word();
    else if (std::holds_alternative<bool Fields::*>(field.member)) value.boolean();
    else value.whole();
  }
}

void check_ratio(const Place &ratio) {
  check_fields(ratio);
  const bool is_share = ratio.has("set") && ratio.at("set").word() == "share"; // of many cases, perhaps of none
  for (const char *key : {"value", "low", "high"}) is_share ? ratio.at(key).not_negative() : ratio.at(key).positive();
  ratio.in_order({"low", "value", "high"});
  if (!ratio.has("target")) return;
  ratio.at("target").positive();
  if (const std::string sense = ratio.at("sense").word(); sense != ">=" && sense != "<=")
    ratio.at("sense").refuse("\">=\" or \"<=\"");
}

void check_variant(const Place &variant) {
  check_fields(variant);
  const Place seconds = variant.at("seconds");
  seconds.each([](const Place &end) { end.positive(); });
  if (seconds.size() != 3) seconds.refuse("an estimate and the two ends of its interval");
}

void check(const Json &all) {
  const Place whole(all, "");
  if (!all.is_object() || !all.contains("benchmarks"))
    throw std::runtime_error("holds no results of `lanefold bench` or Google Benchmark: benchmarks is missing");
  whole.at("benchmarks").each(check_row);
  if (!whole.has("lanefold")) return;
  const Place own = whole.at("lanefold");
  if (own.at("format").word() != results_format)
    own.at("format").refuse(std::string("\"") + results_format + "\", the format of this version");
  own.at("ratios").each(check_ratio);
  own.at("cases").each([](const Place &bench_case) { bench_case.at("variants").each(check_variant); });
}

// What is wrong with text that is not JSON.  Names the key whose value is not, such as NaN.
std::string problem_of(const std::string &text) {
  std::string key;
  const auto remember = [&key](int, Json::parse_event_t event, const Json &parsed) {
    if (event == Json::parse_event_t::key) key = parsed.get<std::string>();
    return true;
  };
  try {
    const Json unread = Json::parse(text, remember);
  } catch (const Json::parse_error &error) {
    return "is not JSON at byte " + std::to_string(error.byte) +
           (key.empty() ? "" : ", in the value of " + excerpt(Json(key).dump()));
  } catch (const Json::out_of_range &) {
  }
  return "the value of " + excerpt(Json(key).dump()) + " is too large a number";
}

Json parse(const std::string &text) {
  Json all = Json::parse(text, nullptr, false); // several times as fast as with a function that sees each value
  if (all.is_discarded()) throw std::runtime_error(problem_of(text));
  return all;
}

} // namespace

Json read_results(const std::string &path) {
  std::error_code error;
  if (std::filesystem::exists(path, error) && !std::filesystem::is_regular_file(path, error))
    throw std::runtime_error(path + ": is not a regular file");
  std::ifstream file(path);
  if (!file) throw std::runtime_error(path + ": cannot be read");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  try {
    Json all = parse(text);
    check(all);
    return all;
  } catch (const std::runtime_error &problem) {
    throw std::runtime_error(path + ": " + problem.what());
  }
}

} // namespace lanefold::bench
