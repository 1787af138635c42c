// Data sets in NumPy's formats.
#pragma once

#include "trainer/data/dataset.hpp"
#include "trainer/data/encode.hpp"
#include "trainer/data/table.hpp"

namespace lanefold::trainer {

// A matrix as a table, whose columns have the names "1", "2" and so on.  Of the options, only `ignored` and `schema`
// apply.  Throws DataError.
Table read_npy_table(const std::string &path, const CsvOptions &options);

// Whether a file holds a vector, and the vector as a table of one column.
bool is_npy_vector(const std::string &path);
Table read_npy_column(const std::string &path);

// A matrix of numbers that stays in its file, with the targets in some columns.  Missing values are refused.  Throws
// DataError.
Dataset open_npy_table(const std::string &path, const Wanted &wanted, const CsvOptions &options);

// Opens such a matrix for a model with this schema: its rows, and their labels or targets if it has them.  Throws
// DataError.
Samples open_npy_rows(const std::string &path, const Schema &schema, Need need);

// Reads an .npz file with arrays of features and of labels, under the names that others use: x_train, y_train, x_test
// and y_test, for example, or x and y.  Without arrays for a test, `test` stays empty.  Labels count the classes from
// 0; those of a regression are numbers, one or more for each sample.  Throws DataError.
Dataset read_npz(const std::string &path, std::optional<Task> task = {});

// Reads the features of an .npz file that has no array of labels; nothing if it has one.  Each label is -1.  Throws
// DataError.
std::optional<Samples> read_unlabelled_npz(const std::string &path);

} // namespace lanefold::trainer
