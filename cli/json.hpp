// A JSON value in memory.  nlohmann-json reads and writes the text, in json_text.cpp alone: its header takes seconds to
// compile, and this one does not.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <vector>

namespace lanefold::cli {

// JSON that is not what it should be.  The message says where in the text, not in which file.
class JsonError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

class Json {
public:
  struct Member;
  enum class Kind { null, boolean, whole, real, text, array, object };

  Json();
  Json(bool value);
  Json(std::integral auto value) : Json(Kind::whole) { whole_ = static_cast<int64_t>(value); }
  Json(double value);
  Json(const char *text);
  Json(std::string text);
  Json(std::initializer_list<Member> members);
  template <class T> Json(const std::vector<T> &values) : Json(Kind::array) {
    for (const T &value : values) elements_.push_back(Json(value));
  }
  static Json array() { return Json(Kind::array); }
  static Json object() { return Json(Kind::object); }

  Json(const Json &);
  Json(Json &&) noexcept;
  Json &operator=(const Json &);
  Json &operator=(Json &&) noexcept;
  ~Json();

  Kind kind() const { return kind_; }
  bool is_null() const { return kind_ == Kind::null; }
  bool is_text() const { return kind_ == Kind::text; }
  bool is_whole() const { return kind_ == Kind::whole; }
  bool is_number() const { return kind_ == Kind::whole || kind_ == Kind::real; }
  bool is_array() const { return kind_ == Kind::array; }
  bool is_object() const { return kind_ == Kind::object; }

  // Each throws JsonError if the value is of another kind.
  bool boolean() const;
  int64_t whole() const;
  double number() const; // null is NaN: JSON writes a number that is not finite as null
  const std::string &text() const;

  // Of an array.
  size_t size() const;
  const std::vector<Json> &elements() const { return elements_; }
  void push_back(Json value);

  // Of an object, whose members keep their order.
  const std::vector<Member> &members() const { return members_; }
  const Json *find(const std::string &key) const; // NULL if no member has this key
  bool contains(const std::string &key) const { return find(key) != nullptr; }
  const Json &at(const std::string &key) const; // throws JsonError if no member has this key
  Json &operator[](const std::string &key);     // makes the member if there is none
  void append(std::string key, Json value);     // a member whose key must be new, which is not checked
  void update(const Json &other);               // takes over all members of `other`

  // Numbers are equal if their values are, whole or not.
  friend bool operator==(const Json &a, const Json &b);

  // The text, on one line, or with `indent` spaces for each level.
  std::string dump(int indent = -1) const;

private:
  explicit Json(Kind kind);
  void require(Kind kind, const char *name) const;

  Kind kind_;
  union {
    bool boolean_;
    int64_t whole_ = 0;
    double real_;
  };
  std::string text_;
  std::vector<Json> elements_;
  std::vector<Member> members_;
};

struct Json::Member {
  std::string key;
  Json value;
};

// The shortest decimal number that rounds to this float: 0.01 rather than 0.009999999776482582.
double shortest(float x);

// Reads text that cannot be trusted.  Throws JsonError where it is not JSON, where an object has a key twice, and where
// there is more of it than any file of Lanefold holds.  `what` begins the message.
Json parse_strictly(const std::string &text, const std::string &what);

} // namespace lanefold::cli
