// A table as a file has it: named columns of numbers, or of words.
#pragma once

#include "trainer/data/floats.hpp"

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

namespace lanefold::trainer {

struct Column {
  std::string name;               // from the header, or its number, from 1
  bool is_category = false;       // its values are indices of words
  std::vector<std::string> words; // each once, in the order of their first rows
};

struct Table {
  std::string path; // begins messages
  std::vector<Column> columns;
  bool has_header = false;
  int64_t rows = 0;
  GrowingFloats values; // rows x columns; NaN: missing

  float at(int64_t row, size_t column) const { return values[static_cast<size_t>(row) * columns.size() + column]; }
  // The number of a row for people: rows count from 1, with the header.
  int64_t row_number(int64_t row) const { return row + 1 + has_header + skipped; }
  int64_t skipped = 0; // lines before the table
};

// The position of a column that a user names: by its name, or by its number, from 1, or from -1 backwards.  -1: there is
// none.
int64_t find_column(const std::vector<Column> &columns, const std::string &named);

// "columns: a, b, c" for a message, shortened.
std::string list_of(const std::vector<Column> &columns);

enum class Header { guess, on, off };

struct CsvOptions {
  char delimiter = 0; // 0: guessed from the first row
  Header header = Header::guess;
  int64_t skip_lines = 0;              // lines before the table
  std::vector<std::string> categories; // columns whose values are words, even where they look like numbers
  std::vector<std::string> ignored;    // columns that are left out
  int threads = 1;
};

// Reads a CSV file of RFC 4180, compressed with gzip or not, from a file or a pipe.  A column is one of words if its first
// value is no number.  Throws DataError, which names the row, the column and what stands there.
Table read_csv(const std::string &path, const CsvOptions &options);

} // namespace lanefold::trainer
