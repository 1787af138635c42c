// Rows of numbers from a file of NumPy's format, version 1 to 3: a matrix, or a vector as one row.
#pragma once

#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

namespace lanefold::trainer {

class NpyReader {
public:
  // Reads and checks the header, and the size of the file against it.  Throws DataError.
  explicit NpyReader(const std::string &path);

  int64_t rows() const { return rows_; }
  int64_t columns() const { return columns_; }

  // Reads rows, the first of which is `first`, into x (count x columns), as floats.  Throws DataError.
  void read(int64_t first, int64_t count, std::vector<float> &x);

private:
  [[noreturn]] void fail(const std::string &message) const;
  void read_header(const std::string &text);
  void read_bytes(uint64_t at, char *to, uint64_t count);

  std::string path_;
  std::ifstream file_;
  std::string type_; // "f4"
  bool columns_first_ = false;
  int64_t rows_ = 0, columns_ = 0;
  uint64_t data_ = 0; // bytes before the numbers
  std::vector<char> bytes_;
};

} // namespace lanefold::trainer
