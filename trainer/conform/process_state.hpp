// What a plugin must leave alone in the process, and the CPU features by name.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <lanefold/plugin.h>

namespace lanefold::trainer::conform {

// The words of manifests and of lf_describe_cpu().
inline constexpr std::pair<std::string_view, uint64_t> cpu_feature_bits[] = {
    {"sse2", LF_CPU_SSE2},         {"avx", LF_CPU_AVX},           {"avx2", LF_CPU_AVX2},
    {"fma", LF_CPU_FMA},           {"avx512f", LF_CPU_AVX512F},   {"avx512bw", LF_CPU_AVX512BW},
    {"avx512cd", LF_CPU_AVX512CD}, {"avx512dq", LF_CPU_AVX512DQ}, {"avx512vl", LF_CPU_AVX512VL},
    {"neon", LF_CPU_NEON},
};
uint64_t feature_bit(std::string_view word); // 0 if the word is unknown

// Signal handlers, floating-point controls, the working directory, the environment, the locale, the umask.
class ProcessState {
public:
  ProcessState();
  std::vector<std::string> changes() const;

private:
  std::vector<std::pair<std::string, std::string>> facts_;
};

// The number of threads of this process.
int count_threads();

// What is allocated or mapped now, in bytes.
struct Allocated {
  uint64_t heap, addresses;
};
Allocated allocated();

} // namespace lanefold::trainer::conform
