// Reads a JSON object that cannot be trusted: takes each key once, by its kind, and at the end no key may be left.
#pragma once

#include "cli/json.hpp"
#include "cli/option.hpp"

namespace lanefold::cli {

class ObjectReader {
public:
  // Keeps a reference to `value`.  `what` begins every message.  Throws JsonError unless the value is an object.
  ObjectReader(const Json &value, std::string what);

  bool has(const std::string &key);
  // These throw JsonError if the key is not there, or its value is of another kind or out of range.
  const Json &at(const std::string &key);
  std::string text(const std::string &key);
  std::string word(const std::string &key, const std::vector<std::string> &valid);
  int64_t whole(const std::string &key, int64_t least, int64_t most);
  float number(const std::string &key, const Range &range); // rounded to a float before the range is checked
  double real(const std::string &key);                      // finite

  // Throws JsonError if the object has a key that nobody asked for.  The message names the nearest key that somebody
  // did.
  void end() const;
  [[noreturn]] void fail(const std::string &message) const { throw JsonError(what_ + " " + message); }

private:
  const Json &object_;
  std::string what_;
  std::vector<std::string> asked_;
};

} // namespace lanefold::cli
