// Values as text: reading, checking and writing them.
#include "cli/option.hpp"

#include "cli/words.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>

namespace lanefold::cli {
namespace {

// "1e6" rather than "1e+06".
std::string short_text(double value) {
  char text[40];
  std::snprintf(text, sizeof text, "%g", value);
  std::string result = text;
  for (const char *padding : {"e+0", "e+"})
    if (const size_t at = result.find(padding); at != std::string::npos)
      result.replace(at, std::string(padding).size(), "e");
  return result;
}

// The shortest text that reads back as this float: 1e-30 rather than 1.00000000317e-30.
template <class T> std::string exact_text(T value) {
  char text[40];
  const auto [end, error] = std::to_chars(text, text + sizeof text, value);
  return error == std::errc() ? std::string(text, end) : short_text(static_cast<double>(value));
}

bool read_whole(const char *begin, const char *end, int64_t &value) {
  const auto [stopped, error] = std::from_chars(begin, end, value);
  return error == std::errc() && stopped == end && begin != end;
}

bool read_wholes(const std::string &text, std::vector<int64_t> &values) {
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    int64_t value = 0;
    if (!read_whole(text.data() + begin, text.data() + end, value)) return false;
    values.push_back(value);
    begin = end + 1;
  }
  return true;
}

// As it will be used: rounded to a float.
bool read_number(const std::string &text, double &value) {
  char *end = nullptr;
  value = static_cast<float>(std::strtod(text.c_str(), &end));
  return !text.empty() && *end == 0 && std::isfinite(value);
}

} // namespace

std::string Range::text() const {
  switch (kind) {
  case Kind::any: return "";
  case Kind::not_empty: return "a name that is not empty";
  case Kind::whole:
  case Kind::wholes: return std::to_string(least) + " to " + std::to_string(most);
  case Kind::number:
    return above_low ? "above " + short_text(low) + ", at most " + short_text(high)
                     : short_text(low) + " to " + short_text(high);
  case Kind::word: return list(*words);
  }
  return "";
}

std::string Range::problem(const std::string &given) const {
  const std::string quoted = "\"" + given + "\"";
  switch (kind) {
  case Kind::any: return "";
  case Kind::not_empty: return given.empty() ? "must not be empty" : "";
  case Kind::whole: {
    int64_t value = 0;
    const bool good = read_whole(given.data(), given.data() + given.size(), value) && value >= least && value <= most;
    return good ? "" : quoted + " is not valid; expected a whole number, " + text();
  }
  case Kind::wholes: {
    std::vector<int64_t> values;
    bool good = read_wholes(given, values);
    for (const int64_t value : values) good = good && value >= least && value <= most;
    return good ? "" : quoted + " is not valid; expected whole numbers with commas between them, each " + text();
  }
  case Kind::number: {
    double value = 0;
    const bool good = read_number(given, value) && value >= low && value <= high && !(above_low && value == low);
    return good ? "" : quoted + " is not valid; expected a number, " + text();
  }
  case Kind::word: return code_of(*words, given) >= 0 ? "" : "unknown word " + unknown_word(given, *words);
  }
  return "";
}

Range any() { return {}; }
Range not_empty() { return {.kind = Range::Kind::not_empty}; }
Range whole(int64_t least, int64_t most) { return {.kind = Range::Kind::whole, .least = least, .most = most}; }
Range wholes(int64_t least, int64_t most) { return {.kind = Range::Kind::wholes, .least = least, .most = most}; }
Range number(double low, double high) { return {.kind = Range::Kind::number, .low = low, .high = high}; }
Range above(double low, double high) {
  return {.kind = Range::Kind::number, .low = low, .high = high, .above_low = true};
}
Range one_of(const std::vector<std::string> &words) { return {.kind = Range::Kind::word, .words = &words}; }

void assign(const Target &target, const Range &range, const std::string &given) {
  switch (target.type()) {
  case Target::Type::flag:
    target.as<bool>() = range.kind != Range::Kind::word || code_of(*range.words, given) == 0;
    return;
  case Target::Type::code:
    if (range.kind == Range::Kind::word) target.as<int32_t>() = code_of(*range.words, given);
    else target.as<int32_t>() = static_cast<int32_t>(std::strtol(given.c_str(), nullptr, 10));
    return;
  case Target::Type::whole: target.as<int64_t>() = std::strtoll(given.c_str(), nullptr, 10); return;
  case Target::Type::natural: target.as<uint64_t>() = std::strtoull(given.c_str(), nullptr, 10); return;
  case Target::Type::number: target.as<float>() = static_cast<float>(std::strtod(given.c_str(), nullptr)); return;
  case Target::Type::real: target.as<double>() = std::strtod(given.c_str(), nullptr); return;
  case Target::Type::text: target.as<std::string>() = given; return;
  case Target::Type::optional_text: target.as<std::optional<std::string>>() = given; return;
  case Target::Type::texts: target.as<std::vector<std::string>>().push_back(given); return;
  case Target::Type::wholes: {
    std::vector<int64_t> values;
    read_wholes(given, values);
    target.as<std::vector<int>>().assign(values.begin(), values.end());
    return;
  }
  }
}

std::string text_of(const Target &target, const Range &range) {
  switch (target.type()) {
  case Target::Type::flag: return range.kind == Range::Kind::word ? (*range.words)[target.as<bool>() ? 0 : 1] : "";
  case Target::Type::code: {
    const int32_t code = target.as<int32_t>();
    return range.kind == Range::Kind::word ? (*range.words)[static_cast<size_t>(code)] : std::to_string(code);
  }
  case Target::Type::whole: return std::to_string(target.as<int64_t>());
  case Target::Type::natural: return std::to_string(target.as<uint64_t>());
  case Target::Type::number: return exact_text(target.as<float>());
  case Target::Type::real: return exact_text(target.as<double>());
  case Target::Type::text: return target.as<std::string>();
  case Target::Type::optional_text: return target.as<std::optional<std::string>>().value_or("");
  case Target::Type::texts: return list(target.as<std::vector<std::string>>(), ",");
  case Target::Type::wholes: {
    std::string text;
    for (const int value : target.as<std::vector<int>>()) text += (text.empty() ? "" : ",") + std::to_string(value);
    return text;
  }
  }
  return "";
}

std::string Option::long_name() const {
  const size_t comma = names.find(',');
  return comma == std::string::npos ? names : names.substr(comma + 1);
}

} // namespace lanefold::cli
