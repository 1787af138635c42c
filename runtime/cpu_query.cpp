// The part of CPU detection that reads the registers of this machine.
#include "runtime/cpu.hpp"

#if defined(__x86_64__)
#include <cpuid.h>
#else
#include <fstream>
#include <sys/auxv.h>
#endif

namespace lanefold::runtime {

#if defined(__x86_64__)

namespace {

// The intrinsic works only in a file that is compiled for XSAVE, so this is assembly.
uint64_t read_xcr0() {
  uint32_t low, high;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return uint64_t{high} << 32 | low;
}

} // namespace

CpuFeatures detect_features() {
  X86Registers registers{};
  uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (__get_cpuid(1, &eax, &ebx, &ecx, &edx) != 0) {
    registers.leaf1_ecx = ecx;
    registers.leaf1_edx = edx;
  }
  if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) != 0) registers.leaf7_ebx = ebx;
  const bool has_osxsave = (registers.leaf1_ecx >> 27 & 1) != 0;
  if (has_osxsave) registers.xcr0 = read_xcr0();
  return decode(registers);
}

std::string cpu_name() {
  uint32_t brand[13] = {};
  for (uint32_t i = 0; i < 3; ++i) {
    uint32_t *part = brand + 4 * i;
    if (__get_cpuid(0x80000002 + i, part, part + 1, part + 2, part + 3) == 0) return "x86-64 CPU";
  }
  std::string name(reinterpret_cast<const char *>(brand));
  const auto first = name.find_first_not_of(' ');
  if (first == std::string::npos) return "x86-64 CPU";
  return name.substr(first, name.find_last_not_of(' ') - first + 1);
}

#else

CpuFeatures detect_features() { return decode_arm(getauxval(AT_HWCAP)); }

std::string cpu_name() {
  std::ifstream cpuinfo("/proc/cpuinfo");
  std::string implementer, part;
  for (std::string line; std::getline(cpuinfo, line);) {
    const auto colon = line.find(": ");
    if (colon == std::string::npos) continue;
    const std::string value = line.substr(colon + 2);
    if (line.starts_with("model name")) return value;
    if (line.starts_with("CPU implementer")) implementer = value;
    if (line.starts_with("CPU part")) part = value;
  }
  if (implementer.empty()) return "AArch64 CPU";
  return "AArch64 CPU (implementer " + implementer + ", part " + part + ")";
}

#endif

} // namespace lanefold::runtime
