// The trap flag makes the CPU raise SIGTRAP after each instruction, and the handler looks at the next one.  Sources:
// Intel 64 and IA-32 Architectures Software Developer's Manual, volume 3, section 17.3 (single steps), and volume 1,
// chapter 13 (the XSAVE area, in which the kernel leaves a handler the registers).
#include "counter.hpp"

#ifdef LANEFOLD_WITH_ZYDIS
#include "instruction.hpp"

#include <algorithm>
#include <bit>
#include <cpuid.h>
#include <csignal>
#include <cstddef>
#include <cstring>
#include <dlfcn.h>
#include <exception>
#include <link.h>
#include <memory>
#include <stdexcept>
#include <ucontext.h>
#include <vector>

namespace lanefold::bench {
namespace {

constexpr uint64_t trap_flag = 0x100, line_bytes = 64;
constexpr int64_t max_steps = 8 * max_instructions;            // also those in other code
constexpr int hash_bits_of_code = 17, hash_bits_of_lines = 19; // tables of 131,072 instructions and 524,288 lines

// The executable segments of one file.
enum class Owner { this_program, lanefold, other };
struct Code {
  uint64_t begin, end;
  Owner owner;
};

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

private:
  const int shift_;
  size_t used_ = 0;
  std::vector<uint64_t> keys_;
  std::vector<Value> values_;
};

struct Step {
  Owner owner;
  Instruction instruction;
};
struct Nothing {};

// Where the XSAVE area has the parts of registers beyond those of SSE.
struct SaveArea {
  uint32_t upper_ymm, opmask;
  static uint32_t offset_of(uint32_t component) {
    uint32_t size = 0, offset = 0, unused = 0;
    __get_cpuid_count(0xD, component, &size, &offset, &unused, &unused);
    return offset;
  }
  SaveArea() : upper_ymm(offset_of(2)), opmask(offset_of(5)) {}
};

// All that a handler needs, made before the first step.
struct Counter {
  std::vector<Code> code;
  Table<Step> steps{hash_bits_of_code};
  Table<Nothing> lines{hash_bits_of_lines};
  SaveArea area;
  Counts counts;
  int64_t steps_left = max_steps;
  Owner caller = Owner::this_program; // whose code ran last, other libraries aside
  uint64_t last_line = 0;
  const char *problem = nullptr; // why the counts are wrong
  uint64_t problem_at = 0;

  Owner owner_of(uint64_t address) const {
    for (const Code &part : code)
      if (address >= part.begin && address < part.end) return part.owner;
    return Owner::other;
  }
};
Counter *counter = nullptr;

// The registers of the interrupted code.
class Registers {
public:
  explicit Registers(const mcontext_t &from) : from_(from) {}

  uint64_t general(int number) const {
    constexpr int places[] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                              REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
    return static_cast<uint64_t>(from_.gregs[places[number]]);
  }
  uint64_t next() const { return static_cast<uint64_t>(from_.gregs[REG_RIP]); }
  uint64_t opmask(int number) const {
    uint64_t mask = 0;
    if (has(5)) std::memcpy(&mask, saved() + counter->area.opmask + 8 * number, sizeof mask);
    return mask;
  }
  // The sign bits of the elements of a vector register of up to 32 bytes.
  uint64_t signs(int number, int elements, int element_bytes) const {
    unsigned char vector[32] = {};
    std::memcpy(vector, saved() + offsetof(_libc_fpstate, _xmm) + 16 * number, 16);
    if (has(2)) std::memcpy(vector + 16, saved() + counter->area.upper_ymm + 16 * number, 16);
    uint64_t mask = 0;
    for (int i = 0; i < elements; ++i) mask |= uint64_t{vector[(i + 1) * element_bytes - 1]} >> 7 << i;
    return mask;
  }

private:
  const char *saved() const { return reinterpret_cast<const char *>(from_.fpregs); }
  // A component that is not in the area has its initial value, 0.
  bool has(int component) const {
    uint64_t present = 0;
    std::memcpy(&present, saved() + sizeof(_libc_fpstate), sizeof present);
    return (present >> component & 1) != 0;
  }
  const mcontext_t &from_;
};

uint64_t thread_pointer() {
  uint64_t pointer;
  __asm__("mov %%fs:0, %0" : "=r"(pointer));
  return pointer;
}

uint64_t address_of(const MemoryOperand &operand, const Instruction &instruction, const Registers &registers) {
  uint64_t address = static_cast<uint64_t>(operand.displacement);
  if (operand.base == instruction_pointer) address += registers.next() + instruction.length;
  else if (operand.base != no_register) address += registers.general(operand.base);
  if (operand.index != no_register) address += registers.general(operand.index) * operand.scale;
  return operand.is_thread_local ? address + thread_pointer() : address;
}

void touch(uint64_t begin, uint64_t end) {
  for (uint64_t line = begin / line_bytes; line <= (end - 1) / line_bytes; ++line) {
    if (line == counter->last_line) continue;
    counter->last_line = line;
    bool is_new = false;
    if (counter->lines.find(line, is_new) == nullptr) counter->problem = "the call touches too many cache lines";
    counter->counts.lines += is_new;
  }
}

uint64_t active_lanes(const Instruction &instruction, const Registers &registers, int lanes, int element_bytes) {
  const uint64_t all = lanes >= 64 ? ~uint64_t{0} : (uint64_t{1} << lanes) - 1;
  switch (instruction.mask) {
  case Instruction::Mask::opmask: return all & registers.opmask(instruction.mask_register);
  case Instruction::Mask::vector: return all & registers.signs(instruction.mask_register, lanes, element_bytes);
  default: return all;
  }
}

void count(const Instruction &instruction, const Registers &registers) {
  Counts &counts = counter->counts;
  ++counts.instructions[static_cast<size_t>(instruction.kind)];
  if (instruction.flops_of_a_lane != 0)
    counts.flops +=
        instruction.flops_of_a_lane * std::popcount(active_lanes(instruction, registers, instruction.lanes, 0));
  for (int i = 0; i < instruction.operands; ++i) {
    const MemoryOperand &operand = instruction.memory[i];
    const auto bytes = static_cast<uint64_t>(operand.element_bytes);
    const uint64_t address = address_of(operand, instruction, registers);
    uint64_t active = active_lanes(instruction, registers, operand.elements, operand.element_bytes);
    const auto touched = static_cast<int64_t>(bytes) * std::popcount(active);
    if (operand.reads) counts.bytes_read += touched;
    if (operand.writes) counts.bytes_written += touched;
    if (instruction.mask == Instruction::Mask::none) touch(address, address + bytes * operand.elements);
    else
      for (; active != 0; active &= active - 1) {
        const uint64_t at = address + bytes * static_cast<uint64_t>(std::countr_zero(active));
        touch(at, at + bytes);
      }
  }
}

void look_at(const Registers &registers) {
  const uint64_t next = registers.next();
  bool is_new = false;
  Step *step = counter->steps.find(next, is_new);
  if (step == nullptr) return void(counter->problem = "the call has too much code");
  if (is_new) {
    step->owner = counter->owner_of(next);
    if (step->owner == Owner::lanefold) step->instruction = decode(reinterpret_cast<const void *>(next));
  }
  // This program calls libraries too, when it prepares a call.
  if (step->owner != Owner::other) counter->caller = step->owner;
  else if (counter->caller == Owner::lanefold) ++counter->counts.elsewhere;
  if (step->owner != Owner::lanefold) return;
  if (step->instruction.is_known) count(step->instruction, registers);
  else counter->problem = "the cost of an instruction is not known", counter->problem_at = next;
}

void on_step(int, siginfo_t *, void *context) {
  auto &machine = static_cast<ucontext_t *>(context)->uc_mcontext;
  look_at(Registers(machine));
  if (--counter->steps_left <= 0 || counter->counts.all() > max_instructions)
    counter->problem = "the call is too long to count one instruction at a time";
  if (counter->problem != nullptr) machine.gregs[REG_EFL] &= ~static_cast<greg_t>(trap_flag);
}

void make_steps(bool wanted) {
  const uint64_t flags = __builtin_ia32_readeflags_u64() & ~trap_flag;
  __builtin_ia32_writeeflags_u64(wanted ? flags | trap_flag : flags);
}

bool is_in(const dl_phdr_info &info, uint64_t address) {
  return std::any_of(info.dlpi_phdr, info.dlpi_phdr + info.dlpi_phnum, [&](const ElfW(Phdr) & segment) {
    const uint64_t begin = info.dlpi_addr + segment.p_vaddr;
    return segment.p_type == PT_LOAD && address >= begin && address < begin + segment.p_memsz;
  });
}

// The library has lf_sgemm, and a plugin its entry.
Owner owner_of(const dl_phdr_info &info) {
  if (is_in(info, reinterpret_cast<uint64_t>(&on_step))) return Owner::this_program;
  if (is_in(info, reinterpret_cast<uint64_t>(dlsym(RTLD_DEFAULT, "lf_sgemm")))) return Owner::lanefold;
  void *file = dlopen(info.dlpi_name, RTLD_LAZY | RTLD_NOLOAD);
  if (file == nullptr) return Owner::other;
  const bool is_plugin = dlsym(file, "lf_plugin_entry_v1") != nullptr;
  dlclose(file);
  return is_plugin ? Owner::lanefold : Owner::other;
}

int take_code(dl_phdr_info *info, size_t, void *to) {
  const Owner owner = owner_of(*info);
  for (const ElfW(Phdr) *segment = info->dlpi_phdr; segment != info->dlpi_phdr + info->dlpi_phnum; ++segment)
    if (segment->p_type == PT_LOAD && (segment->p_flags & PF_X) != 0) {
      const uint64_t begin = info->dlpi_addr + segment->p_vaddr;
      static_cast<std::vector<Code> *>(to)->push_back({begin, begin + segment->p_memsz, owner});
    }
  return 0;
}

// Where it lies on the stack would otherwise depend on the environment, and so would the cache lines that it touches.
class OwnStack {
public:
  static void run(const std::function<void()> &call) {
    OwnStack stack(call);
    swapcontext(&stack.back_, &stack.context_);
    if (stack.error_) std::rethrow_exception(stack.error_);
  }

private:
  explicit OwnStack(const std::function<void()> &call) : call_(call) {
    getcontext(&context_);
    context_.uc_stack = {.ss_sp = memory_.get(), .ss_flags = 0, .ss_size = bytes};
    context_.uc_link = &back_;
    current = this;
    makecontext(&context_, enter, 0);
  }
  static void enter() {
    try {
      make_steps(true);
      current->call_();
      make_steps(false);
    } catch (...) {
      make_steps(false);
      current->error_ = std::current_exception();
    }
  }

  static constexpr size_t bytes = size_t{1} << 20;
  static inline OwnStack *current;
  const std::function<void()> &call_;
  const std::unique_ptr<char[]> memory_{new char[bytes]};
  ucontext_t context_, back_;
  std::exception_ptr error_;
};

// Handles SIGTRAP on a stack of its own while it exists.
class Handler {
public:
  Handler() {
    const stack_t stack = {.ss_sp = memory_.data(), .ss_flags = 0, .ss_size = memory_.size()};
    struct sigaction action = {};
    action.sa_sigaction = on_step;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    if (sigaltstack(&stack, &stack_before_) != 0 || sigaction(SIGTRAP, &action, &action_before_) != 0)
      throw std::runtime_error("cannot handle SIGTRAP");
  }
  ~Handler() {
    sigaction(SIGTRAP, &action_before_, nullptr);
    sigaltstack(&stack_before_, nullptr);
  }
  Handler(const Handler &) = delete;

private:
  std::vector<char> memory_ = std::vector<char>(size_t{1} << 17);
  stack_t stack_before_;
  struct sigaction action_before_;
};

} // namespace

std::string why_no_counts() { return ""; }

Counts count_call(const std::function<void()> &call) {
  const auto made = std::make_unique<Counter>();
  dl_iterate_phdr(take_code, &made->code);
  decode(reinterpret_cast<const void *>(&on_step)); // what a first call prepares
  counter = made.get();
  {
    const Handler handler;
    OwnStack::run(call);
  }
  counter = nullptr;
  if (made->steps_left == max_steps) throw std::runtime_error("this system makes no single steps");
  if (made->problem == nullptr) return made->counts;
  throw std::runtime_error(made->problem + (made->problem_at == 0
                                                ? std::string()
                                                : ": " + text_of(reinterpret_cast<const void *>(made->problem_at))));
}

} // namespace lanefold::bench
#else
namespace lanefold::bench {

std::string why_no_counts() {
#ifdef __x86_64__
  return "it was built without Zydis: install libzydis-dev, and build again";
#else
  return "it needs x86-64";
#endif
}

Counts count_call(const std::function<void()> &) { return {}; }

} // namespace lanefold::bench
#endif
