// The trap flag makes the CPU raise SIGTRAP after each instruction, and the handler looks at the next one.  A block of
// instructions runs at once, up to an int3 in place of the jump at its end, which the handler then takes itself.  Source:
// Intel 64 and IA-32 Architectures Software Developer's Manual, volume 3, section 17.3.
#include "counter.hpp"

#ifdef LANEFOLD_WITH_ZYDIS
#include "code.hpp"
#include "registers.hpp"

#include <bit>
#include <csignal>
#include <dlfcn.h>
#include <exception>
#include <map>
#include <memory>
#include <stdexcept>
#include <ucontext.h>

namespace lanefold::bench {
namespace {

constexpr uint64_t trap_flag = 0x100, line_bytes = 64;
constexpr int hash_bits_of_lines = 22;   // a table of 4,194,304 lines
constexpr int64_t max_stops = 8'000'000; // about two minutes

struct Nothing {};

// The call that is being counted.
struct Counter {
  Code &code;
  Table<Nothing> &lines;
  Counts counts{};
  int64_t stops = 0;
  Owner caller = Owner::this_program; // whose code ran last, other libraries aside
  bool is_elsewhere = false;
  uint64_t last_line = 0;
  const Block *block = nullptr;      // that runs now
  const Block *last_block = nullptr; // that ran before, with nothing but its jump since
  bool loops = false;                // until its jump is not taken
  GeneralRegisters at_begin{};       // of the block
  GeneralRegisters change{};         // by each pass of the loop
  const char *problem = nullptr;     // why the counts are wrong
  uint64_t problem_at = 0;
};
Counter *counter = nullptr;

uint64_t thread_pointer() {
  uint64_t pointer;
  __asm__("mov %%fs:0, %0" : "=r"(pointer));
  return pointer;
}

uint64_t address_of(const MemoryOperand &operand, const Step &step, const GeneralRegisters &registers) {
  uint64_t address = static_cast<uint64_t>(operand.displacement);
  if (operand.base == instruction_pointer) address += step.address + step.instruction.length;
  else if (operand.base != no_register) address += registers[static_cast<size_t>(operand.base)];
  if (operand.index != no_register) address += registers[static_cast<size_t>(operand.index)] * operand.scale;
  return operand.is_thread_local ? address + thread_pointer() : address;
}

// By how much the address changes if the registers do.
uint64_t change_of(const MemoryOperand &operand, const GeneralRegisters &change) {
  uint64_t sum = 0;
  if (operand.base >= 0 && operand.base < instruction_pointer) sum += change[static_cast<size_t>(operand.base)];
  if (operand.index >= 0) sum += change[static_cast<size_t>(operand.index)] * operand.scale;
  return sum;
}

// Bytes at address, address + distance, ...
void touch(uint64_t address, uint64_t bytes, uint64_t distance, int64_t times) {
  if (distance == 0) times = 1;
  else if (distance <= line_bytes) bytes += static_cast<uint64_t>(times - 1) * distance, times = 1; // no line between
  for (; times > 0; --times, address += distance)
    for (uint64_t line = address / line_bytes; line <= (address + bytes - 1) / line_bytes; ++line) {
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

// Runs of one instruction.  general: the registers that the addresses of the first run need.  With each run they change
// by `change`.  masks: the registers of its mask.
void count(Step &step, int64_t runs, const GeneralRegisters &general, const GeneralRegisters &change,
           const Registers &masks) {
  const Instruction &instruction = step.instruction;
  Counts &counts = counter->counts;
  if (!instruction.is_known)
    counter->problem = "the cost of an instruction is not known", counter->problem_at = step.address;
  step.runs += runs;
  counts.instructions[static_cast<size_t>(instruction.kind)] += runs;
  if (instruction.flops_of_a_lane != 0)
    counts.flops +=
        runs * instruction.flops_of_a_lane * std::popcount(active_lanes(instruction, masks, instruction.lanes, 0));
  for (int i = 0; i < instruction.operands; ++i) {
    const MemoryOperand &operand = instruction.memory[i];
    const auto bytes = static_cast<uint64_t>(operand.element_bytes);
    const uint64_t address = address_of(operand, step, general);
    const uint64_t distance = change_of(operand, change);
    const uint64_t active = active_lanes(instruction, masks, operand.elements, operand.element_bytes);
    const auto touched = static_cast<int64_t>(bytes) * std::popcount(active);
    if (operand.reads) counts.bytes_read += runs * touched;
    if (operand.writes) counts.bytes_written += runs * touched;
    if (instruction.mask == Instruction::Mask::none)
      touch(address, bytes * static_cast<uint64_t>(operand.elements), distance, runs);
    else
      for (uint64_t lanes = active; lanes != 0; lanes &= lanes - 1)
        touch(address + bytes * static_cast<uint64_t>(std::countr_zero(lanes)), bytes, distance, runs);
  }
}

// How often the loop ran since at_begin.
int64_t passes(const Block &loop, const GeneralRegisters &at_end) {
  int64_t passes = 0;
  for (size_t i = 0; i < at_end.size(); ++i) {
    const auto change = static_cast<int64_t>(counter->change[i]);
    if ((loop.counters >> i & 1) != 0 && change != 0)
      passes = static_cast<int64_t>(at_end[i] - counter->at_begin[i]) / change;
  }
  for (size_t i = 0; i < at_end.size(); ++i)
    if ((loop.counters >> i & 1) != 0 &&
        at_end[i] != counter->at_begin[i] + static_cast<uint64_t>(passes) * counter->change[i])
      counter->problem = "a loop has registers that do not agree about its passes";
  return passes;
}

// Counts the block that ended, and returns the address that comes next.
uint64_t end_block(const Registers &registers) {
  const Block &block = *counter->block;
  counter->block = nullptr, counter->last_block = &block;
  const GeneralRegisters at_end = registers.general();
  int64_t runs = 1;
  if (counter->loops) {
    counter->code.stop_at_jump(block);
    runs = passes(block, at_end);
    count(*block.jump, runs, at_end, counter->change, registers);
  } else {
    counter->change.fill(0);
  }
  GeneralRegisters after_first = counter->at_begin;
  for (size_t i = 0; i < after_first.size(); ++i) after_first[i] += counter->change[i];
  for (const Block::Part *part = block.parts; part != block.parts + block.count; ++part)
    count(*part->step, runs,
          !part->from_end  ? counter->at_begin
          : counter->loops ? after_first
                           : at_end,
          counter->change, registers);
  return counter->loops ? block.after() : block.jump->address;
}

// Lets a block run.  After a first pass through a loop, all others follow without a stop.
void begin_block(const Block &block, const GeneralRegisters &general) {
  bool changes = false;
  for (size_t i = 0; i < general.size(); ++i) {
    counter->change[i] = (block.counters >> i & 1) != 0 ? general[i] - counter->at_begin[i] : 0;
    changes = changes || counter->change[i] != 0;
  }
  counter->loops = block.loops && counter->last_block == &block && changes;
  if (counter->loops) counter->code.stop_after(block);
  counter->block = &block, counter->at_begin = general, counter->last_block = nullptr;
}

// Counts what comes next, and says whether it is a single step.  Takes jumps itself, so `next` may move on.
bool is_step(uint64_t &next, const Registers &registers) {
  while (counter->problem == nullptr) {
    Step *step = counter->code.step_at(next);
    if (step == nullptr) return counter->problem = "the call has too much code", true;
    // This program calls libraries too, when it prepares a call.
    if (step->owner != Owner::other) counter->caller = step->owner, counter->is_elsewhere = false;
    else if (counter->caller == Owner::lanefold && !counter->is_elsewhere)
      counter->is_elsewhere = true, ++counter->counts.calls;
    if (step->owner != Owner::lanefold) return true;
    if (const Block *block = counter->code.block_at(*step); block != nullptr) {
      begin_block(*block, registers.general());
      return false;
    }
    if (counter->last_block != nullptr && counter->last_block->jump != step) counter->last_block = nullptr;
    count(*step, 1, registers.general(), {}, registers);
    if (!step->stops) return true;
    const Instruction &jump = step->instruction;
    next += jump.length + (is_taken(jump.condition, registers.flags()) ? static_cast<uint64_t>(jump.jump) : 0);
  }
  return true;
}

void on_stop(int, siginfo_t *, void *context) {
  auto &machine = static_cast<ucontext_t *>(context)->uc_mcontext;
  const Registers registers(machine);
  if (++counter->stops > max_stops) counter->problem = "the call is too long to count";
  uint64_t next = registers.next();
  bool steps = (registers.flags() & trap_flag) != 0; // else make_steps(false) was the last one
  if (counter->block != nullptr) next = end_block(registers), steps = true;
  steps = is_step(next, registers) && steps;
  if (counter->problem != nullptr) counter->code.end(), steps = false; // run on, as if nothing had been counted
  machine.gregs[REG_RIP] = static_cast<greg_t>(next);
  const auto flags = registers.flags() & ~trap_flag;
  machine.gregs[REG_EFL] = static_cast<greg_t>(steps ? flags | trap_flag : flags);
}

void make_steps(bool wanted) {
  const uint64_t flags = __builtin_ia32_readeflags_u64() & ~trap_flag;
  __builtin_ia32_writeeflags_u64(wanted ? flags | trap_flag : flags);
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
    action.sa_sigaction = on_stop;
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

std::vector<Executed> executed() {
  std::vector<Executed> all;
  std::map<uint64_t, int64_t> runs;
  Code::of_process().for_each_step([&](const Step &step) {
    if (step.runs > 0) runs[step.address] = step.runs;
  });
  for (const auto &[address, times] : runs) {
    Dl_info file{};
    if (dladdr(reinterpret_cast<const void *>(address), &file) == 0) continue;
    all.push_back({file.dli_fname, address - reinterpret_cast<uint64_t>(file.dli_fbase), times});
  }
  return all;
}

void let_blocks_run(bool wanted) { Code::of_process().let_blocks_run(wanted); }

Counts count_call(const std::function<void()> &call) {
  static Table<Nothing> lines(hash_bits_of_lines);
  lines.clear();
  Code &code = Code::of_process();
  Counter made{code, lines};
  Registers::prepare();
  decode(reinterpret_cast<const void *>(&on_stop)); // what a first call prepares
  code.begin();
  counter = &made;
  {
    const Handler handler;
    OwnStack::run(call);
  }
  counter = nullptr;
  code.end();
  if (made.stops == 0) throw std::runtime_error("this system does not run a program step by step");
  if (made.problem == nullptr) return made.counts;
  throw std::runtime_error(made.problem + (made.problem_at == 0
                                               ? std::string()
                                               : ": " + text_of(reinterpret_cast<const void *>(made.problem_at))));
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

std::vector<Executed> executed() { return {}; }

void let_blocks_run(bool) {}

Counts count_call(const std::function<void()> &) { return {}; }

} // namespace lanefold::bench
#endif
