// A condition is a word, so a value has no spaces.
#include "where.hpp"

#include "cli/words.hpp"

#include <algorithm>
#include <charconv>
#include <sstream>

namespace lanefold::bench {
namespace {

// Bytes of a filter.  std::regex calls itself for each of them, and the stack is finite.
constexpr size_t longest_filter = 500;

[[noreturn]] void refuse(const std::string &word, const std::string &what) {
  throw UsageError("--where: '" + word + "' " + what);
}

std::vector<std::string> split(const std::string &text) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, ',');) parts.push_back(part);
  return parts;
}

template <class Value> bool compare(const Value &a, const std::string &sense, const Value &b) {
  return sense == "<" ? a < b : sense == "<=" ? a <= b : sense == ">" ? a > b : a >= b;
}

} // namespace

Where::Where(std::string text) : text_(std::move(text)) {
  if (text_.size() > longest_filter)
    throw UsageError("--where: has " + std::to_string(text_.size()) + " bytes; it may have at most " +
                     std::to_string(longest_filter));
  std::istringstream words(text_);
  for (std::string word; words >> word;) conditions_.push_back(parse(word));
}

Where::Condition Where::parse(const std::string &word) {
  const size_t begin = word.find_first_of("=!<>");
  if (begin == std::string::npos || begin == 0)
    refuse(word, "is not a condition; expected one such as op=dense or n>=100");
  const size_t end = std::min(word.find_first_not_of("=!<>", begin), word.size());
  const std::string name = word.substr(0, begin), sense = word.substr(begin, end - begin), value = word.substr(end);
  std::vector<std::string> names;
  for (const Field &field : all_fields()) names.push_back(field.name);
  const int64_t index = cli::code_of(names, name);
  if (index < 0) throw UsageError("--where: " + cli::unknown_word(name, names));
  Condition condition{&all_fields()[static_cast<size_t>(index)], sense, split(value), {}};
  const std::vector<std::string> senses = {"=", "!=", "<", "<=", ">", ">="};
  if (std::find(senses.begin(), senses.end(), sense) == senses.end())
    refuse(word, "compares with '" + sense + "'; expected one of = != < <= > >=");
  if (condition.texts.empty()) refuse(word, "has no value");
  const bool is_equality = sense == "=" || sense == "!=";
  if (!is_equality && condition.texts.size() > 1) refuse(word, "has several values; only = and != allow that");
  if (std::holds_alternative<std::string Fields::*>(condition.field->member)) {
    if (!is_equality) refuse(word, "compares text; expected = or !=");
    std::replace(condition.texts.begin(), condition.texts.end(), std::string("none"), std::string());
    return condition;
  }
  const bool is_flag = std::holds_alternative<bool Fields::*>(condition.field->member);
  for (const std::string &text : condition.texts) {
    int64_t number = text == "true";
    const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (is_flag ? !is_equality || (text != "true" && text != "false")
                : error != std::errc() || rest != text.data() + text.size() || number < 0)
      refuse(word, is_flag ? "is not valid; expected true or false" : "is not valid; expected a whole number");
    condition.numbers.push_back(is_flag ? text == "true" : number);
  }
  return condition;
}

bool Where::holds(const Condition &condition, const Fields &fields) {
  const bool wanted = condition.sense != "!=";
  if (const auto *text = std::get_if<std::string Fields::*>(&condition.field->member))
    return (std::find(condition.texts.begin(), condition.texts.end(), fields.**text) != condition.texts.end()) ==
           wanted;
  int64_t value = 0;
  if (const auto *flag = std::get_if<bool Fields::*>(&condition.field->member)) value = fields.**flag;
  else if (value = fields.*std::get<int64_t Fields::*>(condition.field->member); value == 0) return false;
  if (condition.sense != "=" && wanted) return compare(value, condition.sense, condition.numbers[0]);
  const auto &numbers = condition.numbers;
  return (std::find(numbers.begin(), numbers.end(), value) != numbers.end()) == wanted;
}

bool Where::holds(const Fields &fields) const {
  return std::all_of(conditions_.begin(), conditions_.end(),
                     [&](const Condition &condition) { return holds(condition, fields); });
}

bool Where::mentions(const std::string &field) const {
  return std::any_of(conditions_.begin(), conditions_.end(),
                     [&](const Condition &condition) { return condition.field->name == field; });
}

std::regex Filter::regex() const {
  if (pattern.size() > longest_filter)
    throw UsageError("the filter has " + std::to_string(pattern.size()) + " bytes; it may have at most " +
                     std::to_string(longest_filter));
  try {
    return std::regex(pattern);
  } catch (const std::regex_error &) {
    throw UsageError("the filter '" + pattern + "' is not a valid regular expression");
  }
}

} // namespace lanefold::bench
