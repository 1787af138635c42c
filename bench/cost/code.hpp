// The code that a call runs: whose it is, its instructions, and the blocks of them that need not stop at each one.
#pragma once

#include "instruction.hpp"

#include <algorithm>
#include <cstdint>
#include <vector>

namespace lanefold::bench {

enum class Owner { this_program, lanefold, other };

// A hash table of 2^bits keys, of which none is 0.  It never grows, so a signal handler may use it.
template <class Value> class Table {
public:
  explicit Table(int bits) : shift_(64 - bits), keys_(size_t{1} << bits), values_(keys_.size()) {}
  // Returns the value of this key, and whether the key is new.  NULL: the table is full.
  Value *find(uint64_t key, bool &is_new) {
    size_t at = key * 0x9E3779B97F4A7C15u >> shift_;
    while (keys_[at] != key && keys_[at] != 0) at = (at + 1) % keys_.size();
    is_new = keys_[at] == 0;
    if (is_new && ++used_ > keys_.size() / 2) return nullptr;
    keys_[at] = key;
    return &values_[at];
  }
  void clear() {
    std::fill(keys_.begin(), keys_.end(), 0);
    used_ = 0;
  }
  // Calls use(key, value) for each key.
  template <class Use> void for_each(const Use &use) {
    for (size_t i = 0; i < keys_.size(); ++i)
      if (keys_[i] != 0) use(keys_[i], values_[i]);
  }

private:
  const int shift_;
  size_t used_ = 0;
  std::vector<uint64_t> keys_;
  std::vector<Value> values_;
};

struct Block;

struct Step {
  uint64_t address = 0;
  Owner owner = Owner::other;
  Instruction instruction;
  bool block_is_known = false;
  const Block *block = nullptr; // that begins here, if it can run at once
  bool stops = false;           // int3 takes the place of its first byte while a call is counted
  unsigned char first_byte = 0; // if it stops
  int64_t runs = 0;             // of the call that is being counted
};

// Instructions in a row, up to a conditional jump.  They run without a stop, and what they did follows from the
// registers before the first one and after the last one.
struct Block {
  struct Part {
    Step *step;
    bool from_end; // its addresses follow from the registers at the end
  };
  const Part *parts;
  int count;
  Step *jump;
  // It is a loop, whose jump goes to its first instruction.  With each pass, the registers in its addresses change by the
  // same number, and masks do not change.
  bool loops;
  uint16_t counters; // the registers that change by the same number

  uint64_t after() const { return jump->address + jump->instruction.length; }
};

// All code of the process.  Makes what it needs before the first call, so a signal handler may use it.
class Code {
public:
  static Code &of_process();

  // Reads again which files are loaded, and lets blocks run if let_blocks_run() allows it.
  void begin();
  // Whether blocks may run.  If not, or if the code cannot be written, each instruction is a step.
  void let_blocks_run(bool wanted) { blocks_run_ = wanted; }
  // Takes every int3 out again.
  void end();

  // stop_after lets a loop run without a stop at its jump, up to the instruction after it.  stop_at_jump undoes that.
  void stop_after(const Block &loop);
  void stop_at_jump(const Block &loop);

  // The instruction at this address; NULL if there are too many.
  Step *step_at(uint64_t address);
  // The block that begins with this instruction of Lanefold, ready to run; NULL if there is none.
  const Block *block_at(Step &first);
  template <class Use> void for_each_step(const Use &use) {
    steps_.for_each([&](uint64_t, Step &step) { use(step); });
  }

private:
  struct Segment { // executable
    uint64_t begin, end;
    Owner owner;
  };

  Code();
  Owner owner_of(uint64_t address) const;
  bool protect(int wanted) const;
  void find_loop(Block &block) const;
  const Block *make_block(Step &first);

  bool blocks_run_ = true, stops_ = false; // stops_: jumps are int3 now
  std::vector<Segment> segments_;
  Table<Step> steps_;
  std::vector<Step *> jumps_;
  unsigned char byte_after_ = 0; // of the loop that runs
  std::vector<Block> blocks_;
  std::vector<Block::Part> parts_;
};

} // namespace lanefold::bench
