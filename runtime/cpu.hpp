// CPU features as CPU and operating system together offer them, and their names. Detection is split in two, so that
// every case can be tested on one machine: reading the raw registers, and a pure function that decodes them.
#pragma once

#include <lanefold/plugin.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace lanefold::runtime {

// What CPUID and XGETBV answer on x86.
struct X86Registers {
  uint32_t leaf1_ecx;
  uint32_t leaf1_edx;
  uint32_t leaf7_ebx; // subleaf 0; 0 where the CPU has no leaf 7
  uint64_t xcr0;      // register state that the operating system saves; 0 without OSXSAVE
};

struct CpuFeatures {
  uint64_t present; // LF_CPU_*: the CPU has them
  uint64_t enabled; // and the operating system saves their registers
};

CpuFeatures decode(const X86Registers &registers);
CpuFeatures decode_arm(uint64_t hwcap);

// Asks this machine.
CpuFeatures detect_features();
std::string cpu_name();

// LF_CPU_* of "avx2", or 0 if there is no such feature.
uint64_t feature_of(std::string_view name);
// "avx2 fma", in the order of the bits.
std::string feature_names(uint64_t features);

// Why a plugin cannot run: "needs avx512f, which this CPU lacks" or "needs avx512f, which the operating system has not
// enabled"; "" if it can.
std::string what_is_missing(uint64_t needs, const CpuFeatures &features);

} // namespace lanefold::runtime
