// From tables to features and labels.
#pragma once

#include "trainer/data/load.hpp"

namespace lanefold::trainer {

// What the columns of a table mean, if this column holds the classes.  Words and classes are sorted, numbers by value.
// Throws DataError.
Schema learn_schema(const Table &table, const std::string &target);

// The position of the target in the file: by default the last column that is not left out.  Throws DataError.
int64_t target_of(const Table &table, const std::string &target);
// The same schema, where the classes are at that position, and their values are column `column` of `values`.
Schema schema_of(const Table &table, int64_t at, const Table &values, size_t column);
// The label of each row, from a column with the classes.  Where no label is needed, it is -1 if it is missing or
// unknown.  Throws DataError.
std::vector<int32_t> labels_of(const Table &table, size_t column, const Schema &schema, Need need);

struct EncodedTable {
  int64_t rows = 0, features = 0;
  GrowingFloats values;        // rows x features; NaN: missing
  std::vector<int32_t> labels; // -1 if the table has none
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
