// Zydis decodes.  What an instruction computes follows from its mnemonic, which names the operation and the lanes:
// v-fmadd231-ps.
#include "instruction.hpp"

#include <Zydis/Zydis.h>

#include <algorithm>
#include <string_view>

namespace lanefold::bench {
namespace {

constexpr ZyanUSize longest = 15; // bytes of an instruction

const ZydisDecoder &decoder() {
  static const ZydisDecoder made = [] {
    ZydisDecoder of_64_bits;
    ZydisDecoderInit(&of_64_bits, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
    return of_64_bits;
  }();
  return made;
}

struct Decoded {
  ZydisDecodedInstruction of;
  ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
  std::string_view name; // the mnemonic, without the v of AVX

  bool is_in(std::initializer_list<ZydisInstructionCategory> categories) const {
    return std::find(categories.begin(), categories.end(), of.meta.category) != categories.end();
  }
  bool begins(std::initializer_list<std::string_view> beginnings) const {
    return std::any_of(beginnings.begin(), beginnings.end(), [&](std::string_view b) { return name.starts_with(b); });
  }
};

bool decode(const void *code, Decoded &d) {
  if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder(), code, longest, &d.of, d.operands))) return false;
  d.name = ZydisMnemonicGetString(d.of.mnemonic);
  if (d.name.starts_with('v')) d.name.remove_prefix(1);
  return true;
}

bool is_multiply_add(const Decoded &d) { return d.begins({"fmadd", "fmsub", "fnmadd", "fnmsub"}); }

// Whether it accesses the memory of its operand.  LEA, NOP and prefetches only mention it.
bool accesses(const Decoded &d, const ZydisDecodedOperand &operand) {
  return operand.type == ZYDIS_OPERAND_TYPE_MEMORY && operand.mem.type != ZYDIS_MEMOP_TYPE_AGEN &&
         !d.is_in({ZYDIS_CATEGORY_NOP, ZYDIS_CATEGORY_WIDENOP, ZYDIS_CATEGORY_PREFETCH});
}

InstructionKind kind_of(const Decoded &d, const Instruction &instruction) {
  if (is_multiply_add(d)) return InstructionKind::multiply_add;
  if (d.begins({"div", "idiv", "sqrt"})) return InstructionKind::division;
  if (d.is_in({ZYDIS_CATEGORY_COND_BR, ZYDIS_CATEGORY_UNCOND_BR, ZYDIS_CATEGORY_CALL, ZYDIS_CATEGORY_RET}))
    return InstructionKind::branch;
  const bool moves = d.begins({"mov", "maskmov", "pmaskmov", "broadcast", "pbroadcast", "lddqu", "push", "pop"}) &&
                     !d.begins({"movmsk", "popcnt"});
  if (moves && instruction.operands == 1)
    return instruction.memory[0].writes ? InstructionKind::store : InstructionKind::load;
  if (d.begins({"shuf",    "pshuf",    "unpck",    "punpck", "perm",      "pack",       "palignr", "align",
                "insert",  "extract",  "pinsr",    "pextr",  "broadcast", "pbroadcast", "movhl",   "movlh",
                "movddup", "movshdup", "movsldup", "blend",  "pblend",    "compress",   "expand"}))
    return InstructionKind::shuffle;
  return InstructionKind::rest;
}

int flops_of_a_lane(const Decoded &d) {
  const bool of_floats =
      d.name.ends_with("ps") || d.name.ends_with("pd") || d.name.ends_with("ss") || d.name.ends_with("sd");
  if (!of_floats) return 0;
  return is_multiply_add(d) ? 2 : d.begins({"add", "sub", "mul", "div", "sqrt", "min", "max", "hadd"}) ? 1 : 0;
}

int8_t number_of(ZydisRegister name) {
  if (name == ZYDIS_REGISTER_NONE) return no_register;
  return name == ZYDIS_REGISTER_RIP ? instruction_pointer : ZydisRegisterGetId(name);
}

// Returns false if the address is not that of one block of memory, or has 32 bits.
bool take_memory(const ZydisDecodedOperand &operand, Instruction &instruction) {
  const auto &m = operand.mem;
  const auto is_address = [](ZydisRegister name) {
    return name == ZYDIS_REGISTER_NONE || name == ZYDIS_REGISTER_RIP ||
           ZydisRegisterGetClass(name) == ZYDIS_REGCLASS_GPR64;
  };
  if (instruction.operands == Instruction::max_operands || m.type != ZYDIS_MEMOP_TYPE_MEM || operand.size == 0 ||
      !is_address(m.base) || !is_address(m.index) || m.segment == ZYDIS_REGISTER_GS)
    return false;
  MemoryOperand &to = instruction.memory[instruction.operands++];
  to = {number_of(m.base),
        number_of(m.index),
        m.scale,
        m.segment == ZYDIS_REGISTER_FS,
        (operand.actions & ZYDIS_OPERAND_ACTION_MASK_READ) != 0,
        (operand.actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) != 0,
        m.disp.value,
        operand.element_count,
        operand.element_size / 8};
  // PUSH and CALL write below the stack pointer that they find.
  if (operand.visibility == ZYDIS_OPERAND_VISIBILITY_HIDDEN && m.base == ZYDIS_REGISTER_RSP && to.writes)
    to.displacement -= operand.size / 8;
  return to.elements * to.element_bytes * 8 == operand.size;
}

void take_mask(const Decoded &d, Instruction &instruction) {
  if (d.begins({"maskmovp", "pmaskmov"})) {
    instruction.mask = Instruction::Mask::vector;
    instruction.mask_register =
        number_of(d.operands[1].type == ZYDIS_OPERAND_TYPE_REGISTER ? d.operands[1].reg.value : ZYDIS_REGISTER_NONE);
  } else if (d.of.avx.mask.reg != ZYDIS_REGISTER_NONE && d.of.avx.mask.reg != ZYDIS_REGISTER_K0 &&
             d.of.avx.mask.mode != ZYDIS_MASK_MODE_CONTROL) {
    instruction.mask = Instruction::Mask::opmask;
    instruction.mask_register = number_of(d.of.avx.mask.reg);
  }
}

void take_written(const ZydisDecodedOperand &operand, Instruction &instruction) {
  if (operand.type != ZYDIS_OPERAND_TYPE_REGISTER || (operand.actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) == 0) return;
  const ZydisRegister name = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, operand.reg.value);
  const ZydisRegisterClass of = ZydisRegisterGetClass(operand.reg.value);
  if (of == ZYDIS_REGCLASS_MASK)
    instruction.written_opmasks = static_cast<uint8_t>(instruction.written_opmasks | 1 << number_of(operand.reg.value));
  else if (of == ZYDIS_REGCLASS_XMM || of == ZYDIS_REGCLASS_YMM || of == ZYDIS_REGCLASS_ZMM)
    instruction.written_vectors |= uint32_t{1} << number_of(operand.reg.value);
  else if (ZydisRegisterGetClass(name) == ZYDIS_REGCLASS_GPR64)
    instruction.written_general = static_cast<uint16_t>(instruction.written_general | 1 << number_of(name));
}

// ADD, SUB, INC, DEC and LEA of 64 bits.  Their constants do not matter here.
void take_addition(const Decoded &d, Instruction &instruction) {
  const ZydisDecodedOperand &to = d.operands[0];
  const bool is_lea = d.name == "lea";
  if (!(is_lea || d.name == "add" || d.name == "sub" || d.name == "inc" || d.name == "dec") ||
      to.type != ZYDIS_OPERAND_TYPE_REGISTER || ZydisRegisterGetClass(to.reg.value) != ZYDIS_REGCLASS_GPR64)
    return;
  const int8_t number = number_of(to.reg.value);
  uint32_t others = 0;
  const auto add = [&](ZydisRegister name) {
    if (name != ZYDIS_REGISTER_NONE && name != ZYDIS_REGISTER_RIP) others |= uint32_t{1} << number_of(name);
  };
  if (is_lea) {
    const auto &m = d.operands[1].mem;
    if (m.base != to.reg.value) return;
    add(m.index);
  } else if (d.of.operand_count_visible > 1) {
    if (d.operands[1].type == ZYDIS_OPERAND_TYPE_MEMORY) return;
    if (d.operands[1].type == ZYDIS_OPERAND_TYPE_REGISTER) add(d.operands[1].reg.value);
  }
  instruction.added_to = number, instruction.added_registers = static_cast<uint16_t>(others);
}

// Where it goes on.  JCXZ and LOOP depend on a register, and all other conditional jumps on flags.
void take_jump(const Decoded &d, Instruction &instruction) {
  const bool is_jump = d.is_in({ZYDIS_CATEGORY_COND_BR});
  instruction.ends_block = is_jump || d.is_in({ZYDIS_CATEGORY_UNCOND_BR, ZYDIS_CATEGORY_CALL, ZYDIS_CATEGORY_RET,
                                               ZYDIS_CATEGORY_SYSCALL, ZYDIS_CATEGORY_INTERRUPT});
  const uint8_t row = d.of.opcode & 0xF0;
  instruction.is_conditional = is_jump && row == (d.of.opcode_map == ZYDIS_OPCODE_MAP_0F ? 0x80 : 0x70);
  if (!instruction.is_conditional) return;
  instruction.condition = d.of.opcode & 15;
  instruction.jump = d.operands[0].imm.value.s;
}

} // namespace

bool is_taken(uint8_t condition, uint64_t flags) {
  const bool carry = flags & 1, parity = flags & 4, zero = flags & 0x40, sign = flags & 0x80, overflow = flags & 0x800;
  const bool of_pairs[] = {
      overflow, carry, zero, carry || zero, sign, parity, sign != overflow, zero || sign != overflow};
  return of_pairs[condition / 2] != (condition % 2 == 1);
}

Instruction decode(const void *code) {
  Decoded d;
  Instruction instruction;
  if (!decode(code, d)) return instruction;
  instruction.length = d.of.length;
  instruction.is_known = !d.is_in({ZYDIS_CATEGORY_STRINGOP, ZYDIS_CATEGORY_XSAVE, ZYDIS_CATEGORY_XSAVEOPT});
  for (int i = 0; i < d.of.operand_count; ++i)
    if (accesses(d, d.operands[i]) && !take_memory(d.operands[i], instruction)) instruction.is_known = false;
  if (instruction.operands > 0 && d.begins({"compress", "pcompress", "expand", "pexpand"}))
    instruction.is_known = false;
  instruction.kind = kind_of(d, instruction);
  const bool is_scalar = d.name.ends_with("ss") || d.name.ends_with("sd");
  instruction.lanes = static_cast<int8_t>(is_scalar || d.of.operand_count == 0 ? 1 : d.operands[0].element_count);
  instruction.flops_of_a_lane = static_cast<int8_t>(flops_of_a_lane(d));
  take_mask(d, instruction);
  for (int i = 0; i < d.of.operand_count; ++i) take_written(d.operands[i], instruction);
  take_addition(d, instruction);
  take_jump(d, instruction);
  return instruction;
}

std::string text_of(const void *code) {
  Decoded d;
  if (!decode(code, d)) return "an instruction that Zydis does not know";
  ZydisFormatter formatter;
  ZydisFormatterInit(&formatter, ZYDIS_FORMATTER_STYLE_INTEL);
  char text[160];
  ZydisFormatterFormatInstruction(&formatter, &d.of, d.operands, d.of.operand_count_visible, text, sizeof text,
                                  ZYDIS_RUNTIME_ADDRESS_NONE, nullptr);
  return text;
}

} // namespace lanefold::bench
