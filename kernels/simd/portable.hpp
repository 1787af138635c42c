// What the compiler may assume of every CPU of the target: SSE2 on x86-64, NEON on AArch64.
#pragma once

#if defined(__aarch64__)
#include <kernels/simd/neon.hpp>
namespace lanefold::simd {
using Portable = Neon;
}
#else
#include <kernels/simd/sse2.hpp>
namespace lanefold::simd {
using Portable = Sse2;
}
#endif
