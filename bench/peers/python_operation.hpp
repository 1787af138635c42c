// An operation in a Python process.  Its arrays are in memory that this process and Python share.
#pragma once

#include "peer.hpp"
#include "python_child.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace lanefold::bench {

enum class Use {
  constant, // copied once
  input,    // copied before each call
  output,   // copied back after each call
};

// An array of the caller, with elements of type float or int32_t.
struct SharedArray {
  std::string name; // for Python
  std::vector<int64_t> sizes;
  Use use;
  const void *data; // writable if it is an output
  size_t offset = 0;

  size_t bytes() const;
};

// Memory that the child maps as well: an anonymous file that exists as long as one of the two processes has it open.
class SharedMemory {
public:
  explicit SharedMemory(size_t bytes);
  ~SharedMemory();
  SharedMemory(const SharedMemory &) = delete;
  SharedMemory &operator=(const SharedMemory &) = delete;

  char *at(size_t offset) const { return static_cast<char *>(memory_) + offset; }
  std::string path() const;

private:
  const size_t bytes_;
  int file_ = -1;
  void *memory_ = nullptr;
};

class PythonOperation {
public:
  // values: " NAME=VALUE" for each parameter.  loss: where run() stores the loss, or NULL if there is none.
  PythonOperation(std::shared_ptr<PythonChild> child, int number, const std::string &operation,
                  std::vector<SharedArray> arrays, const std::string &values, float *loss);
  ~PythonOperation();
  PythonOperation(const PythonOperation &) = delete;
  PythonOperation &operator=(const PythonOperation &) = delete;

  void run() const;
  TimedCalls time_calls(int64_t iterations) const;

private:
  void copy_to_child(Use use) const;

  const std::shared_ptr<PythonChild> child_;
  const std::string number_;
  std::vector<SharedArray> arrays_;
  const SharedMemory memory_;
  float *const loss_;
};

} // namespace lanefold::bench
