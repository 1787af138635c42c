// Data sets in NumPy's formats.
#pragma once

#include "trainer/data/dataset.hpp"
#include "trainer/data/table.hpp"

namespace lanefold::trainer {

// A matrix as a table, whose columns have the names "1", "2" and so on.  Of the options, only `ignored` and `schema`
// apply.  Throws DataError.
Table read_npy_table(const std::string &path, const CsvOptions &options);

// A matrix of numbers that stays in its file, with the classes in one column.  Missing values are refused.  Throws
// DataError.
Dataset open_npy_table(const std::string &path, const std::string &target, const CsvOptions &options);

// Reads an .npz file with arrays of features and of labels, under the names that others use: x_train, y_train, x_test
// and y_test, for example, or x and y.  Without arrays for a test, `test` stays empty.  Labels count the classes from
// 0.  Throws DataError.
Dataset read_npz(const std::string &path);

} // namespace lanefold::trainer
