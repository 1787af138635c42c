// What the numbers of a data set mean, as far as a model must know it to take other rows of the same kind.
#pragma once

#include "cli/json.hpp"

#include <stdexcept>
#include <string>
#include <vector>

namespace lanefold::trainer {

inline constexpr int64_t most_classes = 10000;

// A file of data that cannot be used.  The message names it and says why.
class DataError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

// A column of a table that features come from.
struct SourceColumn {
  std::string name;
  // The words of a column of words, sorted.  Each is a feature, which is 1 in rows that have this word, and else 0.
  std::vector<std::string> words;
  size_t features() const { return words.empty() ? 1 : words.size(); }
};

struct Schema {
  std::vector<std::string> classes;  // their names; a label is an index
  std::vector<SourceColumn> columns; // of a table; empty: the samples come from no table
  std::string target;                // the column of the labels; "": a file of their own has them
  int64_t target_position = -1;      // among the columns of the file
  bool has_header = false;           // the names of columns come from a header, so they identify columns
  std::vector<float> means;          // of each feature, which replace missing values; empty: none may be missing

  bool has_names() const;                         // the classes have other names than their numbers
  std::vector<std::string> feature_names() const; // empty if there is no header
};

// "0", "1", ...
std::vector<std::string> numbered_classes(int64_t count);

cli::Json describe(const Schema &schema);
// Throws cli::JsonError.
Schema read_schema(const cli::Json &json);

} // namespace lanefold::trainer
