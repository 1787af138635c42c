// From tables to features and labels.
#pragma once

#include "trainer/data/load.hpp"

#include <optional>

namespace lanefold::trainer {

// Which columns a model is to predict, and as what.
struct Wanted {
  std::vector<std::string> targets; // their names or numbers; empty: the last column that is not left out
  std::optional<Task> task;         // without a value, the targets decide
};

// The positions of the targets in the file.  Throws DataError.
std::vector<int64_t> targets_of(const Table &table, const Wanted &wanted);

// The task, and why it was guessed; "" if it was not.
struct ChosenTask {
  Task task;
  std::string reason;
};
// Guesses the task from columns of targets: it is a classification if there is one, and it holds words or a few
// different whole numbers.  Throws DataError if the wanted task does not fit.
ChosenTask choose_task(const Table &targets, const std::vector<size_t> &columns, std::optional<Task> wanted);

// Returns the schema of a table.  positions: where its targets stand in the file.  The columns `columns` of the table
// `values` hold the values of the targets, in the same order.  Classes are sorted: words alphabetically, numbers by
// value.  Throws DataError.
Schema schema_of(const Table &table, const std::vector<int64_t> &positions, Task task, const Table &values,
                 const std::vector<size_t> &columns);

// The label of each row, from a column with the classes.  Where no label is needed, it is -1 if it is missing or
// unknown.  Throws DataError.
std::vector<int32_t> labels_of(const Table &table, size_t column, const Schema &schema, Need need);
// The targets of each row, from columns of numbers: rows x columns.  Where none is needed, it is NaN if it is missing.
// Throws DataError.
std::vector<float> numbers_of(const Table &table, const std::vector<size_t> &columns, Need need);

// The places of columns of the file among those of the table.  Throws DataError if one is left out.
std::vector<size_t> columns_at(const Table &table, const std::vector<int64_t> &positions);

// A table with the columns of both, which have the same rows.  Throws DataError.
Table joined(Table table, const Table &targets);

struct EncodedTable {
  int64_t rows = 0, features = 0;
  GrowingFloats values;        // rows x features; NaN: missing
  std::vector<int32_t> labels; // of a classification; -1 if the table has none
  std::vector<float> targets;  // of a regression: rows x outputs; NaN if the table has none
};

enum class Missing { refused, kept };

// The rows of a table in the form of the schema.  Where both have a header, columns go by their names, otherwise by
// their positions; a table may lack the target.  Throws DataError, which names row, column and what stands there.
EncodedTable encode(Table table, const Schema &schema, Need need, Missing missing);

// The mean of each feature over these rows, without those that are missing.  Throws DataError if a feature has none.
std::vector<float> means_of(const EncodedTable &table, const std::vector<uint32_t> &rows, const Schema &schema,
                            const std::string &path);
// Puts means where features are missing.
void fill(EncodedTable &table, const std::vector<float> &means);

} // namespace lanefold::trainer
