// Rows of floats, in memory or in a file.
#pragma once

#include "trainer/data/floats.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace lanefold::trainer {

class Rows {
public:
  virtual ~Rows() = default;
  int64_t count() const { return count_; }
  int64_t columns() const { return columns_; }

  // Copies row number `index`.  Throws DataError if a file cannot be read any more.  [thread-safe]
  virtual void copy(int64_t index, float *to) const = 0;

protected:
  Rows(int64_t count, int64_t columns) : count_(count), columns_(columns) {}

private:
  int64_t count_, columns_;
};

// In a file that is too large for memory.  It is read row by row, and never mapped: a file that shrinks is an error,
// not the end of the process.
class FileRows : public Rows {
public:
  // Where the numbers lie in the file, and how to read one.
  struct Layout {
    uint64_t begin = 0;    // bytes before the first row
    int64_t count, stride; // rows, and numbers in each
    uint64_t bytes;        // of a number
    float (*read)(const char *);
  };
  // picks: the positions in a row of the numbers to copy; empty: all.  Throws DataError.
  FileRows(std::string path, const Layout &layout, std::vector<size_t> picks);
  ~FileRows() override;
  FileRows(const FileRows &) = delete;
  void copy(int64_t index, float *to) const override;

private:
  const std::string path_;
  const Layout layout_;
  const std::vector<size_t> picks_;
  int file_ = -1;
};

// A quarter of the machine's memory, in bytes, divided among the ranks on it.  Files whose floats take more are not
// loaded, so a rank reads only the rows that it needs.
uint64_t most_loaded_bytes();

// In memory.
class StoredRows : public Rows {
public:
  // values: count x columns.
  StoredRows(GrowingFloats values, int64_t count, int64_t columns)
      : Rows(count, columns), values_(static_cast<GrowingFloats &&>(values)) {}
  void copy(int64_t index, float *to) const override;

private:
  GrowingFloats values_;
};

} // namespace lanefold::trainer
