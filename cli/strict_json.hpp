// JSON of files that nobody vouches for: no key twice, and no value of another kind than is asked for.
#pragma once

#include <nlohmann/json.hpp>

#include <stdexcept>
#include <string>
#include <vector>

namespace lanefold::cli {

using Json = nlohmann::ordered_json;

// What is wrong with the text; the message says where, not in which file.
class JsonError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The shortest number that is this float: 0.01 where a double would be 0.009999999776482582.
double shortest(float x);

// Throws JsonError: "what is not JSON", "what names KEY twice", and for text that is too deep or too long for a network.
Json parse_strictly(const std::string &text, const std::string &what);

// An object being read: each key is taken once, by its kind, and at the end none may be left.
class Fields {
public:
  // Throws unless value is an object.
  Fields(const Json &value, std::string what);

  bool has(const std::string &key);
  const Json &at(const std::string &key); // throws if it is not there
  std::string text(const std::string &key);
  std::string word(const std::string &key, const std::vector<std::string> &valid);
  int64_t whole(const std::string &key, int64_t low, int64_t high);
  // As a float, if `value` fits one: finite, from low to high.
  float number(const std::string &key, double low, double high);
  double real(const std::string &key); // finite

  // Throws if a key was not asked for; the message names the nearest that was.
  void end() const;
  [[noreturn]] void fail(const std::string &message) const { throw JsonError(what_ + " " + message); }

private:
  const Json &object_;
  std::string what_;
  std::vector<std::string> asked_;
};

} // namespace lanefold::cli
