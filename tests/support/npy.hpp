// Files of NumPy's format.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace lanefold::test {

// A file with this header and these numbers.
template <class Number>
std::string npy(const std::string &type, const std::string &shape, const std::vector<Number> &numbers,
                const std::string &columns_first = "False") {
  std::string header = "{'descr': '" + type + "', 'fortran_order': " + columns_first + ", 'shape': " + shape + ", }";
  header.resize((header.size() + 10 + 63) / 64 * 64 - 10, ' ');
  const auto length = static_cast<uint16_t>(header.size());
  std::string file = "\x93NUMPY\x01";
  file += '\0';
  file.append(reinterpret_cast<const char *>(&length), 2);
  file += header;
  return file.append(reinterpret_cast<const char *>(numbers.data()), numbers.size() * sizeof(Number));
}

} // namespace lanefold::test
