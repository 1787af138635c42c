// The trap flag makes the CPU raise SIGTRAP after each instruction.  Sources: Intel 64 and IA-32 Architectures Software
// Developer's Manual, volume 2, sections 2.3 (VEX) and 2.7 (EVEX), and volume 3, section 17.3 (single steps).
#include "trainer/conform/single_steps.hpp"

#include <lanefold/plugin.h>

#include <algorithm>
#include <csignal>
#include <iterator>
#include <link.h>
#include <ucontext.h>

namespace lanefold::trainer::conform {

#if defined(__x86_64__)
namespace {

constexpr uint64_t trap_flag = 0x100;

// The executable segments of the module.  A signal handler reads them.
struct Code {
  const unsigned char *begin, *end;
};
Code code[8];
int64_t steps_left = 0, steps_made = 0;
bool uses_avx = false, uses_fma = false, uses_avx512 = false;

// In 64-bit mode, each of these bytes begins a VEX or EVEX prefix and nothing else.  VEX has three opcode maps: 0F, 0F38
// and 0F3A.
void look_at(const unsigned char *instruction) {
  const bool is_short = instruction[0] == 0xC5;
  if (instruction[0] == 0x62) uses_avx512 = true;
  if (!is_short && instruction[0] != 0xC4) return;
  const int map = is_short ? 1 : instruction[1] & 31, opcode = instruction[is_short ? 2 : 3];
  // BMI1 and BMI2 use general registers.  lf_plugin_entry has no bit for them.
  const bool is_bmi = (map == 2 && (opcode == 0xF2 || opcode == 0xF3 || (opcode >= 0xF5 && opcode <= 0xF7))) ||
                      (map == 3 && opcode == 0xF0);
  // AVX-512 moves and combines its masks with these.
  const bool is_mask = (map == 1 && ((opcode >= 0x41 && opcode <= 0x4B) || (opcode >= 0x90 && opcode <= 0x93) ||
                                     opcode == 0x98 || opcode == 0x99)) ||
                       (map == 3 && opcode >= 0x30 && opcode <= 0x33);
  if (is_mask) uses_avx512 = true;
  else if (!is_bmi) uses_avx = true;
  if (map == 2 && opcode >= 0x96 && opcode <= 0xBF && opcode % 16 >= 6) uses_fma = true;
}

void on_step(int, siginfo_t *, void *context) {
  auto &registers = static_cast<ucontext_t *>(context)->uc_mcontext.gregs;
  const auto *next = reinterpret_cast<const unsigned char *>(registers[REG_RIP]);
  for (const Code &part : code)
    if (next >= part.begin && next < part.end) look_at(next);
  ++steps_made;
  if (--steps_left <= 0) registers[REG_EFL] &= ~static_cast<greg_t>(trap_flag);
}

bool makes_steps() { return (__builtin_ia32_readeflags_u64() & trap_flag) != 0; }

void make_steps(bool wanted) {
  const uint64_t flags = __builtin_ia32_readeflags_u64() & ~trap_flag;
  __builtin_ia32_writeeflags_u64(wanted ? flags | trap_flag : flags);
}

int take_code(dl_phdr_info *info, size_t, void *address) {
  const auto in = [info](const ElfW(Phdr) & segment) {
    const auto *begin = reinterpret_cast<const unsigned char *>(info->dlpi_addr + segment.p_vaddr);
    return segment.p_type == PT_LOAD ? Code{begin, begin + segment.p_memsz} : Code{nullptr, nullptr};
  };
  const ElfW(Phdr) *begin = info->dlpi_phdr, *end = begin + info->dlpi_phnum;
  const bool is_it = std::any_of(begin, end, [&](const ElfW(Phdr) & segment) {
    return address >= in(segment).begin && address < in(segment).end;
  });
  if (!is_it) return 0;
  Code *next = code;
  for (const ElfW(Phdr) *segment = begin; segment != end && next != std::end(code); ++segment)
    if ((segment->p_flags & PF_X) != 0) *next++ = in(*segment);
  return 1;
}

} // namespace

std::string watch_code_of(const void *address) {
  dl_iterate_phdr(take_code, const_cast<void *>(address));
  constexpr unsigned char cpuid[] = {0x0F, 0xA2};
  for (const Code &part : code)
    if (std::search(part.begin, part.end, std::begin(cpuid), std::end(cpuid)) != part.end)
      return "its code may query the CPU itself (cpuid)";
  struct sigaction action = {};
  action.sa_sigaction = on_step;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigaction(SIGTRAP, &action, nullptr);
  return "";
}

void allow_steps(int64_t steps) { steps_left = steps; }

Stepped stepped(uint64_t declared) {
  constexpr uint64_t avx512 = LF_CPU_AVX512F | LF_CPU_AVX512BW | LF_CPU_AVX512CD | LF_CPU_AVX512DQ | LF_CPU_AVX512VL;
  // AVX-512 implies FMA, and FMA implies AVX.
  constexpr uint64_t fma = avx512 | LF_CPU_FMA, avx = fma | LF_CPU_AVX2 | LF_CPU_AVX;
  const char *undeclared = uses_avx512 && (declared & avx512) == 0 ? "avx512f"
                           : uses_fma && (declared & fma) == 0     ? "fma"
                           : uses_avx && (declared & avx) == 0     ? "avx"
                                                                   : "";
  return {steps_made, undeclared};
}

Steps::Steps(bool wanted) : before_(makes_steps()) { make_steps(wanted && steps_left > 0); }
Steps::~Steps() { make_steps(before_ && steps_left > 0); }
#else
std::string watch_code_of(const void *) { return "this check needs x86-64"; }
void allow_steps(int64_t) {}
Stepped stepped(uint64_t) { return {0, ""}; }
Steps::Steps(bool) : before_(false) {}
Steps::~Steps() = default;
#endif

} // namespace lanefold::trainer::conform
