// Each mistake becomes one line that names the object, the key, what is there and what is valid.
#include "cli/object_reader.hpp"

#include "cli/words.hpp"

#include <cmath>
#include <cstdio>

namespace lanefold::cli {

ObjectReader::ObjectReader(const Json &value, std::string what) : object_(value), what_(std::move(what)) {
  if (!value.is_object()) fail("is not a JSON object");
}

bool ObjectReader::has(const std::string &key) {
  if (code_of(asked_, key) < 0) asked_.push_back(key);
  return object_.contains(key);
}

namespace {

// The value in a message, shortened: nobody vouches for its length.
std::string excerpt(const Json &value) {
  constexpr size_t most = 60;
  std::string text = value.dump();
  if (text.size() > most) text.replace(most, std::string::npos, "...");
  return text;
}

} // namespace

const Json &ObjectReader::at(const std::string &key) {
  if (!has(key)) fail("lacks \"" + key + "\"");
  return object_.at(key);
}

std::string ObjectReader::text(const std::string &key) {
  const Json &value = at(key);
  if (!value.is_text()) fail("has a \"" + key + "\" that is not a string: " + excerpt(value));
  return value.text();
}

std::string ObjectReader::word(const std::string &key, const std::vector<std::string> &valid) {
  const std::string word = text(key);
  if (code_of(valid, word) < 0) fail("has an unknown " + key + ": " + unknown_word(word, valid));
  return word;
}

int64_t ObjectReader::whole(const std::string &key, int64_t least, int64_t most) {
  const Json &value = at(key);
  if (!value.is_whole() || value.whole() < least || value.whole() > most)
    fail("has a \"" + key + "\" that is not a whole number from " + std::to_string(least) + " to " +
         std::to_string(most) + ": " + excerpt(value));
  return value.whole();
}

float ObjectReader::number(const std::string &key, const Range &range) {
  double value = real(key);
  const std::string problem = range.problem(cli::text_of(&value, range));
  if (!problem.empty()) fail("has a \"" + key + "\" that is not valid: " + problem);
  return static_cast<float>(value);
}

double ObjectReader::real(const std::string &key) {
  const Json &value = at(key);
  if (!value.is_number() || !std::isfinite(value.number()))
    fail("has a \"" + key + "\" that is not a number: " + excerpt(value));
  return value.number();
}

void ObjectReader::end() const {
  for (const Json::Member &member : object_.members())
    if (code_of(asked_, member.key) < 0) fail("has an unknown key: " + unknown_word(member.key, asked_));
}

} // namespace lanefold::cli
