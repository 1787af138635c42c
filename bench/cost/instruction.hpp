// An instruction, decoded once: its kind, its arithmetic, and which memory it reads and writes.
#pragma once

#include "counts.hpp"

#include <cstdint>
#include <string>

namespace lanefold::bench {

// Numbers of the general registers, as instructions encode them: rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8 to r15.
inline constexpr int8_t no_register = -1, instruction_pointer = 16;

// Bytes at base + index * scale + displacement.
struct MemoryOperand {
  int8_t base, index;
  uint8_t scale;
  bool is_thread_local; // relative to the segment fs
  bool reads, writes;
  int64_t displacement;
  int32_t elements, element_bytes;
};

struct Instruction {
  enum class Mask { none, opmask, vector }; // vector: the sign bits of a vector's elements
  static constexpr int max_operands = 2;

  bool is_known = false; // whether all that follows is right
  InstructionKind kind = InstructionKind::rest;
  uint8_t length = 0;         // bytes
  int8_t lanes = 0;           // of its result
  int8_t flops_of_a_lane = 0; // 0, 1 or 2
  Mask mask = Mask::none;     // which lanes are active
  int8_t mask_register = 0;
  int operands = 0; // in memory
  MemoryOperand memory[max_operands];
  // Which registers it writes, as bits.
  uint16_t written_general = 0;
  uint8_t written_opmasks = 0;
  uint32_t written_vectors = 0;
  // If all it does is to add to a general register: which one, and which registers the sum contains beside constants.
  int8_t added_to = no_register;
  uint16_t added_registers = 0;
  bool ends_block = false;     // it may go on elsewhere
  bool is_conditional = false; // a jump that depends on flags alone
  uint8_t condition = 0;       // as instructions encode it
  int64_t jump = 0;            // bytes from the next instruction to the target of a conditional jump
};

// Whether a conditional jump is taken.
bool is_taken(uint8_t condition, uint64_t flags);

// Decodes the instruction at this address.  Allocates nothing, so a signal handler may call it.
Instruction decode(const void *code);
// The instruction as assemblers write it.
std::string text_of(const void *code);

} // namespace lanefold::bench
