// A filter on fields, such as 'op=dense n>=100 isa=avx2,avx512'.
#pragma once

#include "fields.hpp"

#include <regex>
#include <stdexcept>
#include <string>
#include <vector>

namespace lanefold::bench {

// The command line asks for something that is not possible.
class UsageError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Conditions that all have to hold.  A condition is a field, one of = != < <= > >=, and a value.  With = and !=, commas
// separate several values, of which one has to be equal, or none.  The text "none" means that a field does not apply, such
// as peer=none for Lanefold itself.  No condition holds on a number that does not apply.
class Where {
public:
  Where() = default; // holds for everything
  // Throws UsageError, whose message says what is wrong and what is valid.
  explicit Where(std::string text);

  bool holds(const Fields &fields) const;
  bool mentions(const std::string &field) const;
  const std::string &text() const { return text_; }

private:
  struct Condition {
    const Field *field;
    std::string sense;
    std::vector<std::string> texts;
    std::vector<int64_t> numbers; // of a field that is a number
  };
  static Condition parse(const std::string &word);
  static bool holds(const Condition &condition, const Fields &fields);

  std::string text_;
  std::vector<Condition> conditions_;
};

// What the options --where and --filter select.
struct Filter {
  Where where;
  std::string pattern; // a regular expression on names

  // The expression.  Throws UsageError if it is not valid.
  std::regex regex() const;
};

} // namespace lanefold::bench
