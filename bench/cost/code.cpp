// An int3 in the place of a jump stops the code before it.  Only jumps of Lanefold and its plugin are replaced, and only
// while a call is counted.
#include "code.hpp"

#include <algorithm>
#include <cstring>
#include <dlfcn.h>
#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

namespace lanefold::bench {
namespace {

constexpr int hash_bits = 17; // 131,072 instructions
constexpr size_t most_jumps = 1 << 14, most_blocks = 1 << 15, most_parts = 1 << 19;
constexpr int most_in_block = 1024;
constexpr unsigned char int3 = 0xCC;

bool is_in(const dl_phdr_info &info, uint64_t address) {
  return std::any_of(info.dlpi_phdr, info.dlpi_phdr + info.dlpi_phnum, [&](const ElfW(Phdr) & segment) {
    const uint64_t begin = info.dlpi_addr + segment.p_vaddr;
    return segment.p_type == PT_LOAD && address >= begin && address < begin + segment.p_memsz;
  });
}

// The library has lf_sgemm, and a plugin its entry.
Owner owner_of_file(const dl_phdr_info &info) {
  if (is_in(info, reinterpret_cast<uint64_t>(&Code::of_process))) return Owner::this_program;
  if (is_in(info, reinterpret_cast<uint64_t>(dlsym(RTLD_DEFAULT, "lf_sgemm")))) return Owner::lanefold;
  void *file = dlopen(info.dlpi_name, RTLD_LAZY | RTLD_NOLOAD);
  if (file == nullptr) return Owner::other;
  const bool is_plugin = dlsym(file, "lf_plugin_entry_v1") != nullptr;
  dlclose(file);
  return is_plugin ? Owner::lanefold : Owner::other;
}

unsigned char *byte_at(uint64_t address) { return reinterpret_cast<unsigned char *>(address); }

// Whether the addresses of an instruction need any of these general registers.
bool needs_any_of(const Instruction &instruction, uint32_t general) {
  const auto is_among = [&](int8_t number) { return number >= 0 && number < 16 && (general >> number & 1) != 0; };
  return std::any_of(instruction.memory, instruction.memory + instruction.operands,
                     [&](const MemoryOperand &m) { return is_among(m.base) || is_among(m.index); });
}

} // namespace

Code::Code() : steps_(hash_bits) {
  jumps_.reserve(most_jumps), blocks_.reserve(most_blocks), parts_.reserve(most_parts);
}

Code &Code::of_process() {
  static Code code;
  return code;
}

void Code::begin() {
  segments_.clear();
  dl_iterate_phdr(
      [](dl_phdr_info *info, size_t, void *to) {
        const Owner owner = owner_of_file(*info);
        for (const ElfW(Phdr) *part = info->dlpi_phdr; part != info->dlpi_phdr + info->dlpi_phnum; ++part)
          if (part->p_type == PT_LOAD && (part->p_flags & PF_X) != 0) {
            const uint64_t begin = info->dlpi_addr + part->p_vaddr;
            static_cast<std::vector<Segment> *>(to)->push_back({begin, begin + part->p_memsz, owner});
          }
        return 0;
      },
      &segments_);
  steps_.for_each([](uint64_t, Step &step) { step.runs = 0; });
  stops_ = blocks_run_ && protect(PROT_READ | PROT_WRITE | PROT_EXEC);
  if (!stops_) return; // each instruction is a step then
  for (const Step *jump : jumps_) *byte_at(jump->address) = int3;
}

void Code::end() {
  if (!stops_) return;
  for (const Step *jump : jumps_) *byte_at(jump->address) = jump->first_byte;
  protect(PROT_READ | PROT_EXEC);
  stops_ = false;
}

// Sets the protection of the code of Lanefold.  Returns whether the system lets it.
bool Code::protect(int wanted) const {
  const auto page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  return std::all_of(segments_.begin(), segments_.end(), [&](const Segment &segment) {
    const uint64_t begin = segment.begin / page * page;
    return segment.owner != Owner::lanefold || mprotect(byte_at(begin), segment.end - begin, wanted) == 0;
  });
}

Owner Code::owner_of(uint64_t address) const {
  for (const Segment &segment : segments_)
    if (address >= segment.begin && address < segment.end) return segment.owner;
  return Owner::other;
}

Step *Code::step_at(uint64_t address) {
  bool is_new = false;
  Step *step = steps_.find(address, is_new);
  if (step == nullptr || !is_new) return step;
  step->address = address;
  step->owner = owner_of(address);
  if (step->owner == Owner::lanefold) step->instruction = decode(byte_at(address));
  return step;
}

const Block *Code::block_at(Step &first) {
  if (!stops_) return nullptr;
  if (!first.block_is_known) first.block = make_block(first), first.block_is_known = true;
  return first.block;
}

// Registers that an instruction needs must be those of the beginning or of the end, and its mask that of the end.
const Block *Code::make_block(Step &first) {
  const size_t begin = parts_.size();
  uint32_t written = 0; // general registers
  const auto fail = [&] { return parts_.resize(begin), nullptr; };
  Step *step = &first;
  for (; !step->instruction.ends_block; step = step_at(step->address + step->instruction.length)) {
    const Instruction &now = step->instruction;
    if (step->owner != Owner::lanefold || !now.is_known || parts_.size() == most_parts ||
        parts_.size() - begin == most_in_block)
      return fail();
    parts_.push_back({step, needs_any_of(now, written)});
    written |= now.written_general;
    if (step_at(step->address + now.length) == nullptr) return fail();
  }
  const bool is_full = blocks_.size() == most_blocks || jumps_.size() == most_jumps;
  if (parts_.size() == begin || !step->instruction.is_conditional || is_full) return fail();
  uint32_t general = 0, opmasks = 0, vectors = 0; // written by this instruction or a later one
  for (size_t i = parts_.size(); i-- > begin;) {
    const Instruction &now = parts_[i].step->instruction;
    general |= now.written_general, opmasks |= now.written_opmasks, vectors |= now.written_vectors;
    if (parts_[i].from_end && needs_any_of(now, general)) return fail();
    const uint32_t masks = now.mask == Instruction::Mask::opmask   ? opmasks
                           : now.mask == Instruction::Mask::vector ? vectors
                                                                   : 0;
    if ((masks >> now.mask_register & 1) != 0) return fail();
  }
  if (!step->stops) {
    step->stops = true, step->first_byte = *byte_at(step->address);
    jumps_.push_back(step);
    *byte_at(step->address) = int3;
  }
  blocks_.push_back({parts_.data() + begin, static_cast<int>(parts_.size() - begin), step, false, 0});
  find_loop(blocks_.back());
  return &blocks_.back();
}

void Code::find_loop(Block &block) const {
  const Instruction &jump = block.jump->instruction;
  if (block.after() + static_cast<uint64_t>(jump.jump) != block.parts->step->address) return;
  uint32_t general = 0, opmasks = 0, vectors = 0, changes = 0; // what is written, and what is not only added to
  const auto for_each = [&](auto use) {
    for (int i = 0; i < block.count; ++i) use(block.parts[i].step->instruction);
  };
  for_each([&](const Instruction &now) {
    general |= now.written_general, opmasks |= now.written_opmasks, vectors |= now.written_vectors;
  });
  for_each([&](const Instruction &now) {
    if (now.added_to == no_register || (now.added_registers & general) != 0) changes |= now.written_general;
  });
  bool follows = true;
  for_each([&](const Instruction &now) {
    const uint32_t masks = now.mask == Instruction::Mask::opmask   ? opmasks
                           : now.mask == Instruction::Mask::vector ? vectors
                                                                   : 0;
    follows = follows && !needs_any_of(now, changes) && (masks >> now.mask_register & 1) == 0;
  });
  block.counters = static_cast<uint16_t>(general & ~changes);
  block.loops = follows && block.counters != 0;
}

void Code::stop_after(const Block &loop) {
  byte_after_ = *byte_at(loop.after());
  *byte_at(loop.after()) = int3;
  *byte_at(loop.jump->address) = loop.jump->first_byte;
}

void Code::stop_at_jump(const Block &loop) {
  *byte_at(loop.after()) = byte_after_;
  *byte_at(loop.jump->address) = int3;
}

} // namespace lanefold::bench
