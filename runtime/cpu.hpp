// The features that the CPU and the operating system offer together, and their names. One part of the detection reads
// registers, and a pure function decodes them, so that every case can be tested on one machine.
#pragma once

#include <lanefold/plugin.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace lanefold::runtime {

// What CPUID and XGETBV return on x86.
struct X86Registers {
  uint32_t leaf1_ecx;
  uint32_t leaf1_edx;
  uint32_t leaf7_ebx; // subleaf 0; 0 where the CPU has no leaf 7
  uint64_t xcr0;      // register state that the operating system saves; 0 without OSXSAVE
};

struct CpuFeatures {
  uint64_t present; // LF_CPU_*: the CPU has them
  uint64_t enabled; // the operating system also saves their registers
};

CpuFeatures decode(const X86Registers &registers);
CpuFeatures decode_arm(uint64_t hwcap);

// Of this machine.
CpuFeatures detect_features();
std::string cpu_name();

// The LF_CPU_* bit of a name such as "avx2"; 0 if the name is unknown.
uint64_t feature_of(std::string_view name);
// The names of the features, such as "avx2 fma", in the order of the bits.
std::string feature_names(uint64_t features);

// Why a plugin with these needs cannot run: "it needs avx512f, which this CPU lacks", or "it needs avx512f, which the
// operating system has not enabled". It returns "" if the plugin can run.
std::string what_is_missing(uint64_t needs, const CpuFeatures &features);

} // namespace lanefold::runtime
