// Numbers from a file of NumPy's format, version 1 to 3.
#pragma once

#include "trainer/data/rows.hpp"

#include <cstdint>
#include <istream>
#include <memory>
#include <string>
#include <vector>

namespace lanefold::trainer {

class NpyReader {
public:
  // Reads and checks the header, and the size of the file against it.  Throws DataError.
  explicit NpyReader(const std::string &path);
  // Reads the content of such a file from memory.  Messages begin with `name`.
  NpyReader(std::string name, std::string bytes);

  const std::vector<int64_t> &shape() const { return shape_; }
  // Those of a matrix.  A vector is one row.  If there are more dimensions, the first one counts the rows.
  int64_t rows() const { return rows_; }
  int64_t columns() const { return columns_; }
  // Throws DataError unless there are one or two dimensions.
  void need_matrix() const;
  bool has_bytes() const { return type_ == "u1"; }
  std::vector<uint8_t> bytes(); // row by row
  bool is_whole() const { return type_[0] != 'f'; }

  // Rows that stay in the file, which has row-major order.  picks: as of FileRows.
  std::unique_ptr<Rows> rows_in_file(std::vector<size_t> picks) const;
  bool is_row_major() const { return !columns_first_; }

  // Reads rows, the first of which is `first`, into x (count x columns), as floats.  Throws DataError.
  void read(int64_t first, int64_t count, std::vector<float> &x);

private:
  [[noreturn]] void fail(const std::string &message) const;
  void read_header(const std::string &text);
  void read_bytes(uint64_t at, char *to, uint64_t count);

  void check();

  std::string path_;
  std::unique_ptr<std::istream> file_;
  std::string type_; // "f4"
  bool columns_first_ = false;
  std::vector<int64_t> shape_;
  int64_t rows_ = 0, columns_ = 0;
  uint64_t data_ = 0; // bytes before the numbers
  std::vector<char> bytes_;
};

} // namespace lanefold::trainer
