// The safetensors format: 8 bytes with the length of the header, a JSON header, and the tensors.  Here all tensors have
// the type F32.  The reader trusts nothing in a file.  The header must lie inside the file, be at most 100 MB long and
// name no key twice.  Tensors must follow each other in the order of the header, from its end to the end of the file,
// without holes or overlap.  Shapes must give as many bytes as the offsets say, and no product may overflow.
#pragma once

#include <cstdint>
#include <fstream>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

namespace lanefold::trainer {

// A checkpoint that cannot be used.  The message names the file and says why.
class CheckpointError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Tensor {
  std::string name;
  std::vector<int64_t> shape;
  const std::vector<float> *values;
};
using Metadata = std::map<std::string, std::string>;

// Replaces the whole file or nothing (cli/atomic_file.hpp).  Throws CheckpointError.
void write_safetensors(const std::string &path, const Metadata &metadata, const std::vector<Tensor> &tensors);

class SafetensorsReader {
public:
  // Reads and checks everything except the values.  Throws CheckpointError.
  explicit SafetensorsReader(const std::string &path);

  const Metadata &metadata() const { return metadata_; }
  const std::string &metadata(const std::string &key) const; // throws CheckpointError if there is no such key
  bool has(const std::string &name) const { return entries_.contains(name); }
  std::vector<std::string> names() const;        // in alphabetical order
  int64_t elements() const { return elements_; } // of all tensors

  // Returns the values of a tensor.  Throws CheckpointError if the file has none of this name and shape.
  std::vector<float> read(const std::string &name, const std::vector<int64_t> &shape);

  [[noreturn]] void fail(const std::string &what) const { throw CheckpointError(path_ + ": " + what); }
  void require(bool good, const std::string &what) const {
    if (!good) fail(what);
  }

private:
  struct Entry {
    std::vector<int64_t> shape;
    uint64_t begin, end; // bytes from the end of the header
  };
  void read_header(const std::string &text);

  std::string path_;
  std::ifstream file_;
  uint64_t size_ = 0, data_ = 0; // bytes: of the file, and of what comes before the tensors
  int64_t elements_ = 0;
  Metadata metadata_;
  std::map<std::string, Entry> entries_;
};

} // namespace lanefold::trainer
