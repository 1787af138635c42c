// What the numbers of a data set mean, as far as a model must know it to take other rows of the same kind.
#pragma once

#include "cli/json.hpp"

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace lanefold::trainer {

inline constexpr int64_t most_classes = 10000, most_columns = 1 << 16;

// A file of data that cannot be used.  The message names it and says why.
class DataError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

// A column of a table that features come from.
struct SourceColumn {
  std::string name;
  int64_t position = 0; // in the file
  // The words of a column of words, sorted.  Each is a feature, which is 1 in rows that have this word, and else 0.
  std::vector<std::string> words;
  size_t features() const { return words.empty() ? 1 : words.size(); }
};

struct Schema {
  std::vector<std::string> classes;  // their names; a label is an index
  std::vector<SourceColumn> columns; // of a table; empty: the samples come from no table
  int64_t width = 0;                 // the number of columns in the file
  std::string target;                // the column of the classes
  int64_t target_position = 0;       // in the file
  bool target_words = false;         // the classes are words, even where they look like numbers
  bool has_header = false;           // the names of columns come from a header, so they identify columns
  bool scales_bytes = false;         // features are bytes, which stand for byte / 255
  std::vector<float> means;          // of each feature, which replace missing values; empty: none may be missing

  bool is_of_table() const { return !columns.empty(); }
  bool has_names() const;                         // the classes have other names than their numbers
  std::vector<std::string> feature_names() const; // empty without a header
};

// Where the columns of a schema are in a file.
struct Places {
  std::vector<size_t> columns; // of each column of the schema
  int64_t target = -1;         // -1: the file lacks it
};
// The names of a file's columns.  Where both have a header, columns go by their names, otherwise by their positions.
// Throws DataError, which begins with the path.
Places places_of(const Schema &schema, const std::string &path, const std::vector<std::string> &names, bool has_header);

// Text of a file in quotes, for a message: on one line, and shortened.
std::string shown(std::string_view text);
// "a, b, c", shortened.
std::string shown_list(const std::vector<std::string> &texts);

// "0", "1", ...
std::vector<std::string> numbered_classes(int64_t count);

cli::Json describe(const Schema &schema);
// Throws cli::JsonError.
Schema read_schema(const cli::Json &json);

} // namespace lanefold::trainer
