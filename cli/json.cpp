// The value, without its text.
#include "cli/json.hpp"

#include <charconv>
#include <cmath>

namespace lanefold::cli {

Json::Json() : Json(Kind::null) {}
Json::Json(Kind kind) : kind_(kind) {}
Json::Json(bool value) : Json(Kind::boolean) { boolean_ = value; }
Json::Json(double value) : Json(Kind::real) { real_ = value; }
Json::Json(const char *text) : Json(std::string(text)) {}
Json::Json(std::string text) : Json(Kind::text) { text_ = std::move(text); }
Json::Json(std::initializer_list<Member> members) : Json(Kind::object) { members_ = members; }

Json::Json(const Json &) = default;
Json::Json(Json &&) noexcept = default;
Json &Json::operator=(const Json &) = default;
Json &Json::operator=(Json &&) noexcept = default;
Json::~Json() = default;

void Json::require(Kind kind, const char *name) const {
  if (kind_ != kind) throw JsonError(std::string("a JSON value is not ") + name);
}

bool Json::boolean() const {
  require(Kind::boolean, "true or false");
  return boolean_;
}

int64_t Json::whole() const {
  require(Kind::whole, "a whole number");
  return whole_;
}

double Json::number() const {
  if (kind_ == Kind::whole) return static_cast<double>(whole_);
  if (kind_ == Kind::null) return NAN;
  require(Kind::real, "a number");
  return real_;
}

const std::string &Json::text() const {
  require(Kind::text, "a string");
  return text_;
}

size_t Json::size() const { return elements_.size() + members_.size(); }

void Json::push_back(Json value) {
  require(Kind::array, "an array");
  elements_.push_back(std::move(value));
}

const Json *Json::find(const std::string &key) const {
  for (const Member &member : members_)
    if (member.key == key) return &member.value;
  return nullptr;
}

const Json &Json::at(const std::string &key) const {
  const Json *value = find(key);
  if (!value) throw JsonError("a JSON object lacks \"" + key + "\"");
  return *value;
}

Json &Json::operator[](const std::string &key) {
  if (kind_ == Kind::null) kind_ = Kind::object;
  require(Kind::object, "an object");
  for (Member &member : members_)
    if (member.key == key) return member.value;
  members_.push_back({key, Json()});
  return members_.back().value;
}

void Json::append(std::string key, Json value) {
  require(Kind::object, "an object");
  members_.push_back({std::move(key), std::move(value)});
}

void Json::update(const Json &other) {
  for (const Member &member : other.members_) (*this)[member.key] = member.value;
}

bool operator==(const Json &a, const Json &b) {
  if (a.is_whole() && b.is_whole()) return a.whole_ == b.whole_;
  if (a.is_number() && b.is_number()) return a.number() == b.number();
  if (a.kind_ != b.kind_) return false;
  switch (a.kind_) {
  case Json::Kind::boolean: return a.boolean_ == b.boolean_;
  case Json::Kind::text: return a.text_ == b.text_;
  case Json::Kind::array: return a.elements_ == b.elements_;
  case Json::Kind::object: {
    if (a.members_.size() != b.members_.size()) return false;
    for (const Json::Member &member : a.members_) {
      const Json *other = b.find(member.key);
      if (!other || !(*other == member.value)) return false;
    }
    return true;
  }
  default: return true;
  }
}

double shortest(float x) {
  char text[40];
  const auto [end, error] = std::to_chars(text, text + sizeof text, x);
  double value = x;
  if (error == std::errc()) std::from_chars(text, end, value);
  return value;
}

} // namespace lanefold::cli
