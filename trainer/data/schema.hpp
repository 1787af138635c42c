// What the numbers of a data set mean, as far as a model must know it to take other rows of the same kind.
#pragma once

#include "cli/json.hpp"

#include <lanefold/lanefold.hpp>

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

// What a model predicts: one of several classes, or one number or more.
enum class Task { classification, regression };

// A column that holds what a model is to predict.
struct Target {
  std::string name;
  int64_t position = 0; // in the file
  // Of a regression, over the training samples.  The network learns (value - mean) / deviation.
  float mean = 0, deviation = 1;
};

struct Schema {
  Task task = Task::classification;
  std::vector<std::string> classes;  // their names; a label is an index
  Loss loss;                         // of a regression
  std::vector<Target> targets;       // of a table, or of a regression
  std::vector<SourceColumn> columns; // of a table; empty: the samples come from no table
  int64_t width = 0;                 // the number of columns in the file
  bool target_words = false;         // the classes are words, even where they look like numbers
  bool has_header = false;           // the names of columns come from a header, so they identify columns
  bool scales_bytes = false;         // features are bytes, which stand for byte / 255
  std::vector<float> means;          // of each feature, which replace missing values; empty: none may be missing

  bool is_of_table() const { return !columns.empty(); }
  bool is_regression() const { return task == Task::regression; }
  // Two classes take one logit, that of the second class.
  int64_t outputs() const {
    if (is_regression()) return static_cast<int64_t>(targets.size());
    return classes.size() == 2 ? 1 : static_cast<int64_t>(classes.size());
  }
  bool is_target(int64_t position) const;
  bool has_names() const;                         // the classes have other names than their numbers
  std::vector<std::string> feature_names() const; // empty without a header
};

// Where the columns of a schema are in a file.
struct Places {
  std::vector<size_t> columns; // of each column of the schema
  std::vector<size_t> targets; // empty: the file lacks them
};
// The names of a file's columns.  Where both have a header, columns go by their names, otherwise by their positions.
// Throws DataError, which begins with the path.
Places places_of(const Schema &schema, const std::string &path, const std::vector<std::string> &names, bool has_header);

// The columns of targets that a file with these columns lacks, for a message.
std::string lacking_targets(const Schema &schema, const std::vector<std::string> &names);

// Text of a file in quotes, for a message: on one line, and shortened.
std::string shown(std::string_view text);
// "a, b, c", shortened.
std::string shown_list(const std::vector<std::string> &texts);

// "1 target", "2 targets".
std::string counted(int64_t count, const std::string &noun);

// "0", "1", ...
std::vector<std::string> numbered_classes(int64_t count);

const std::vector<std::string> &task_names(); // in the order of Task
const std::vector<std::string> &loss_names(); // of a regression, in the order of LF_SQUARED_ERROR and so on

cli::Json describe(const Schema &schema);
// Throws cli::JsonError.
Schema read_schema(const cli::Json &json);

} // namespace lanefold::trainer
