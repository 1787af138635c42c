// Memory between two inaccessible pages, for what a plugin reads and writes.  An access outside it ends the process,
// and the message names the array.
#pragma once

#include "trainer/conform/case.hpp"

#include <memory>
#include <string>
#include <vector>

namespace lanefold::trainer::conform {

enum class Side { begins, ends }; // which access faults: before the start, or past the end

//   | no access | accessible pages | no access |
//               |data ......canary |             Side::begins
//               |canary ...... data|             Side::ends
class Memory {
public:
  // With Side::ends, an alignment may leave a few canaries past the end of the data.
  Memory(std::string name, size_t bytes, Side side, size_t alignment = 1);
  ~Memory();
  Memory(const Memory &) = delete;
  Memory &operator=(const Memory &) = delete;

  unsigned char *data() { return data_; }
  const unsigned char *data() const { return data_; }
  void forbid_writes();
  void forbid();                // every access
  bool canaries_intact() const; // nothing was written outside the data

private:
  void protect(int access, const char *use);
  size_t before() const { return static_cast<size_t>(data_ - inside_); } // canaries in front of the data, in bytes
  size_t behind() const { return accessible_ - before() - bytes_; }

  std::string name_;
  unsigned char *map_, *inside_, *data_;
  size_t mapped_, accessible_, bytes_;
  bool is_open_ = true;
};

// From now on, an access outside any Memory passes a message to `report`, and ends the process with status 0.
void report_faults(void (*report)(const char *message));

// Heap blocks that surround a plugin's own blocks: for each size, one lies on each side of a free block.
class HeapSentinels {
public:
  HeapSentinels();
  ~HeapSentinels(); // damaged blocks are not freed
  bool intact() const;

private:
  struct Block {
    unsigned char *data;
    size_t bytes;
    uint64_t before; // the word before the block
  };
  std::vector<Block> blocks_;
};

// From now on, a system call that a filter forbids says "it starts a thread or a process" to the same report.
void report_forbidden_call();

// How arrays lie in memory.
struct Placement {
  Side side = Side::begins;
  int64_t gap = 0;   // between two rows, in elements
  int64_t shift = 0; // with Side::begins: elements before the first one, which spoil its alignment
  bool nan = false;  // what the call writes begins as NaN, or as bytes of 0x55 in integers, instead of 0
};

// The arrays of one call.
class Arrays {
public:
  Arrays(const Case &given, const Placement &placement);

  void *data(const std::string &name); // NULL if the case has no such array
  int64_t stride(const std::string &name) const;
  float *floats(const std::string &name) { return static_cast<float *>(data(name)); }
  std::vector<double> values(const std::string &name) const;
  // What the call may not have changed, but did; "" if nothing.
  std::string damage() const;
  // Whether all is as it was before the call.
  bool untouched() const;

private:
  struct Placed {
    const Array *array;
    int64_t stride, shift;
    std::unique_ptr<Memory> memory;
    std::vector<unsigned char> before;
  };
  const Placed *find(const std::string &name) const;
  const unsigned char *element(const Placed &placed, int64_t i, int64_t j) const;

  const Case &case_;
  std::vector<Placed> placed_;
};

size_t size_of(Element element);

} // namespace lanefold::trainer::conform
