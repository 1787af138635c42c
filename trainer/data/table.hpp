// A table as a file has it: named columns of numbers, or of words.
#pragma once

#include "trainer/data/floats.hpp"
#include "trainer/data/schema.hpp"

#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace lanefold::trainer {

struct Column {
  std::string name;               // from the header, or its number, from 1
  size_t position = 0;            // in the file
  bool is_category = false;       // its values are indices of words
  bool is_declared = false;       // a user or a schema says so
  std::vector<std::string> words; // each once, in the order of their first rows
};

struct Table {
  std::string path;               // begins messages
  std::vector<std::string> names; // of all columns of the file
  std::vector<Column> columns;    // those that are not left out
  bool has_header = false;
  int64_t skipped = 0; // lines before the table
  int64_t rows = 0;
  GrowingFloats values; // rows x columns; NaN: missing
  // Columns that joined() took from another file: from this one on.
  struct Origin {
    size_t first_column;
    std::string path;
    int64_t lines_before; // the first row
  };
  std::optional<Origin> joined = {};

  float at(int64_t row, size_t column) const { return values[static_cast<size_t>(row) * columns.size() + column]; }
  // The number of a row for people: rows count from 1, with the header and the lines before it.
  int64_t row_number(int64_t row) const { return row + 1 + has_header + skipped; }
  // "t.csv: row 2, column "x": ", which begins a message about a value.
  std::string place(int64_t row, size_t column) const;
};

// The position of a column that a user names: by its name, or by its number, from 1, or from -1 backwards.  -1: there
// is none.
int64_t find_column(const std::vector<std::string> &names, const std::string &named);

enum class Header { guess, on, off };

struct CsvOptions {
  char delimiter = 0; // 0: guessed from the first row
  Header header = Header::guess;
  int64_t skip_lines = 0;              // lines before the table
  std::vector<std::string> categories; // columns whose values are words, even where they look like numbers
  std::vector<std::string> ignored;    // columns that are left out
  const Schema *schema = nullptr; // what the table must fit, in place of the two above; it says which columns to read
  int threads = 1;
  size_t block_bytes = 1 << 20; // that a thread parses at once
};

// The columns of a file that options or a schema choose, by their positions.  Throws DataError.
struct ChosenColumns {
  std::vector<bool> is_kept, has_words; // of each column of the file
};
ChosenColumns choose(const CsvOptions &options, const std::string &path, const std::vector<std::string> &names,
                     bool has_header);

// Reads a CSV file of RFC 4180, compressed with gzip or not, from a file or a pipe.  A column is one of words if its
// first value is not a number.  Throws DataError, which names the row, the column and what stands there.
Table read_csv(const std::string &path, const CsvOptions &options);

} // namespace lanefold::trainer
