// Memory between two inaccessible pages, for what a plugin reads and writes.  An access outside it ends the process,
// and the message names the array.
#pragma once

#include "trainer/conform/case.hpp"

#include <memory>
#include <new>
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
  // Whether this part of the memory still holds the canaries.
  bool canaries_between(const unsigned char *begin, const unsigned char *end) const;

private:
  void protect(int access, const char *use);

  std::string name_;
  unsigned char *map_, *inside_, *data_;
  size_t mapped_, accessible_, bytes_;
  bool is_open_ = true;
};

// The process has no addresses for rows far apart.
struct NoAddresses : std::bad_alloc {};

// Rows that lie whole pages apart.  Each row begins or ends a page, beside pages that can only be read.
class RowsApart {
public:
  RowsApart(std::string name, int64_t rows, size_t bytes, size_t stride, Side side); // bytes: of a row
  ~RowsApart();
  RowsApart(const RowsApart &) = delete;
  RowsApart &operator=(const RowsApart &) = delete;

  unsigned char *data() { return data_; }
  bool canaries_intact() const;

private:
  bool map_rows(uintptr_t begin);
  void unmap_rows(int64_t count);
  unsigned char *begin_of_row(int64_t row) const;
  unsigned char *page_of(int64_t row) const { return map_ + page_ + static_cast<size_t>(row) * stride_; }

  const std::string name_;
  const int64_t rows_;
  const size_t bytes_, stride_, page_;
  size_t accessible_, mapped_; // bytes: of a row; of all
  unsigned char *map_, *data_;
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
  int64_t apart = 0; // row stride of matrices with several rows, in elements; whole pages; 0: use gap
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
    std::unique_ptr<Memory> memory; // this or rows holds it; neither if it is in place of another array
    std::unique_ptr<RowsApart> rows;
    unsigned char *data = nullptr; // the first row

    unsigned char *element(int64_t i, int64_t j) const;
  };
  const Placed *find(const std::string &name) const;
  void set_row(const Placed &placed, unsigned char *row, int64_t i) const; // to what it is before the call
  bool rows_intact(const Placed &placed) const;
  bool gaps_intact(const Placed &placed) const;

  const Placement placement_;
  std::vector<Placed> placed_;
};

size_t size_of(Element element);

} // namespace lanefold::trainer::conform
