// The pure part of CPU detection. It turns register values into features and their names.
// Source: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 1, chapters 13 to 15.
#include "runtime/cpu.hpp"

namespace lanefold::runtime {
namespace {

struct FeatureName {
  std::string_view name;
  uint64_t bit;
};

constexpr FeatureName names[] = {
    {"sse2", LF_CPU_SSE2},         {"avx", LF_CPU_AVX},           {"avx2", LF_CPU_AVX2},
    {"fma", LF_CPU_FMA},           {"avx512f", LF_CPU_AVX512F},   {"avx512bw", LF_CPU_AVX512BW},
    {"avx512cd", LF_CPU_AVX512CD}, {"avx512dq", LF_CPU_AVX512DQ}, {"avx512vl", LF_CPU_AVX512VL},
    {"neon", LF_CPU_NEON},
};

constexpr uint64_t vector256 = LF_CPU_AVX | LF_CPU_AVX2 | LF_CPU_FMA;
constexpr uint64_t vector512 = LF_CPU_AVX512F | LF_CPU_AVX512BW | LF_CPU_AVX512CD | LF_CPU_AVX512DQ | LF_CPU_AVX512VL;

constexpr uint64_t xcr0_256 = 0x06; // xmm, ymm
constexpr uint64_t xcr0_512 = 0xe6; // also opmask, the upper halves of zmm0-15, and zmm16-31

uint64_t feature_if(uint32_t reg, int bit, uint64_t feature) { return (reg >> bit & 1) != 0 ? feature : 0; }

} // namespace

CpuFeatures decode(const X86Registers &registers) {
  const uint64_t present =
      feature_if(registers.leaf1_edx, 26, LF_CPU_SSE2) | feature_if(registers.leaf1_ecx, 28, LF_CPU_AVX) |
      feature_if(registers.leaf1_ecx, 12, LF_CPU_FMA) | feature_if(registers.leaf7_ebx, 5, LF_CPU_AVX2) |
      feature_if(registers.leaf7_ebx, 16, LF_CPU_AVX512F) | feature_if(registers.leaf7_ebx, 17, LF_CPU_AVX512DQ) |
      feature_if(registers.leaf7_ebx, 28, LF_CPU_AVX512CD) | feature_if(registers.leaf7_ebx, 30, LF_CPU_AVX512BW) |
      feature_if(registers.leaf7_ebx, 31, LF_CPU_AVX512VL);

  const bool has_osxsave = (registers.leaf1_ecx >> 27 & 1) != 0;
  const uint64_t saved = has_osxsave ? registers.xcr0 : 0;
  uint64_t enabled = present;
  if ((saved & xcr0_256) != xcr0_256) enabled &= ~vector256;
  if ((saved & xcr0_512) != xcr0_512) enabled &= ~vector512;
  return {present, enabled};
}

CpuFeatures decode_arm(uint64_t hwcap) {
  constexpr uint64_t hwcap_asimd = 1 << 1;
  const uint64_t features = (hwcap & hwcap_asimd) != 0 ? LF_CPU_NEON : 0;
  return {features, features};
}

uint64_t feature_of(std::string_view name) {
  for (const FeatureName &feature : names)
    if (feature.name == name) return feature.bit;
  return 0;
}

std::string feature_names(uint64_t features) {
  std::string text;
  for (const FeatureName &feature : names) {
    if ((features & feature.bit) == 0) continue;
    if (!text.empty()) text += ' ';
    text += feature.name;
  }
  return text;
}

std::string what_is_missing(uint64_t needs, const CpuFeatures &features) {
  const uint64_t absent = needs & ~features.present;
  if (absent != 0) return "it needs " + feature_names(absent) + ", which this CPU lacks";
  const uint64_t disabled = needs & ~features.enabled;
  if (disabled != 0) return "it needs " + feature_names(disabled) + ", which the operating system has not enabled";
  return "";
}

} // namespace lanefold::runtime
