// CPU detection and plugin manifests: the pure functions, on cases that one machine cannot show.  The program links the
// library's inner parts.
#include <doctest/doctest.h>

#include "runtime/cpu.hpp"
#include "runtime/manifest.hpp"
#include "support/files.hpp"

#include <lanefold/lanefold.h>

#include <cstring>
#include <string>

using namespace lanefold::runtime;
using lanefold::test::contains;

TEST_CASE("x86 features need both the CPU and the operating system") {
  X86Registers all{};
  all.leaf1_edx = 1u << 26;
  all.leaf1_ecx = 1u << 12 | 1u << 27 | 1u << 28;
  all.leaf7_ebx = 1u << 5 | 1u << 16 | 1u << 17 | 1u << 28 | 1u << 30 | 1u << 31;
  all.xcr0 = 0xe7;
  const uint64_t avx2 = LF_CPU_AVX | LF_CPU_AVX2 | LF_CPU_FMA;
  const uint64_t avx512 = LF_CPU_AVX512F | LF_CPU_AVX512BW | LF_CPU_AVX512CD | LF_CPU_AVX512DQ | LF_CPU_AVX512VL;
  CHECK(decode(all).enabled == (LF_CPU_SSE2 | avx2 | avx512));

  for (const uint64_t missing : {0x20, 0x40, 0x80}) {
    X86Registers some = all;
    some.xcr0 &= ~missing;
    CHECK(decode(some).enabled == (LF_CPU_SSE2 | avx2));
    CHECK(decode(some).present == (LF_CPU_SSE2 | avx2 | avx512));
  }
  for (const uint64_t missing : {0x02, 0x04}) {
    X86Registers some = all;
    some.xcr0 &= ~missing;
    CHECK(decode(some).enabled == LF_CPU_SSE2);
  }
  X86Registers no_osxsave = all;
  no_osxsave.leaf1_ecx &= ~(1u << 27);
  CHECK(decode(no_osxsave).enabled == LF_CPU_SSE2);
  X86Registers no_fma = all;
  no_fma.leaf1_ecx &= ~(1u << 12);
  CHECK((decode(no_fma).enabled & LF_CPU_FMA) == 0);
  CHECK(decode({}).present == 0);
}

TEST_CASE("for every CPU and every state that the system saves, AVX needs ymm, and AVX-512 needs all of zmm") {
  const uint64_t avx512 = LF_CPU_AVX512F | LF_CPU_AVX512BW | LF_CPU_AVX512CD | LF_CPU_AVX512DQ | LF_CPU_AVX512VL;
  const std::string avx512_needs = "it needs avx512f avx512bw avx512cd avx512dq avx512vl";
  for (uint32_t state = 0; state < 256; ++state)
    for (const bool osxsave : {false, true})
      for (const bool has_avx2 : {false, true})
        for (const bool has_avx512 : {false, true}) {
          X86Registers cpu{};
          cpu.leaf1_edx = 1u << 26;
          cpu.leaf1_ecx = (osxsave ? 1u << 27 : 0) | (has_avx2 ? 1u << 12 | 1u << 28 : 0);
          cpu.leaf7_ebx =
              (has_avx2 ? 1u << 5 : 0) | (has_avx512 ? 1u << 16 | 1u << 17 | 1u << 28 | 1u << 30 | 1u << 31 : 0);
          cpu.xcr0 = state;
          const CpuFeatures features = decode(cpu);
          const bool ymm = osxsave && (state & 6) == 6, zmm = osxsave && (state & 0xe6) == 0xe6;
          CAPTURE(state);
          CHECK((features.enabled & LF_CPU_SSE2) != 0);
          CHECK(((features.enabled & (LF_CPU_AVX2 | LF_CPU_FMA)) == (LF_CPU_AVX2 | LF_CPU_FMA)) == (has_avx2 && ymm));
          CHECK(((features.enabled & avx512) == avx512) == (has_avx512 && zmm));
          const std::string missing = what_is_missing(avx512, features);
          if (!has_avx512) CHECK(missing == avx512_needs + ", which this CPU lacks");
          else if (!zmm) CHECK(missing == avx512_needs + ", which the operating system has not enabled");
          else CHECK(missing == "");
        }
}

TEST_CASE("Arm features come from the auxiliary vector") {
  CHECK(decode_arm(1 << 1).enabled == LF_CPU_NEON);
  CHECK(decode_arm(1).enabled == 0);
}

TEST_CASE("a missing feature is the CPU's or the operating system's, and the message says which") {
  const CpuFeatures features{LF_CPU_AVX2 | LF_CPU_AVX512F, LF_CPU_AVX2};
  CHECK(what_is_missing(LF_CPU_AVX2, features).empty());
  CHECK(what_is_missing(LF_CPU_FMA, features) == "it needs fma, which this CPU lacks");
  CHECK(what_is_missing(LF_CPU_AVX512F, features) == "it needs avx512f, which the operating system has not enabled");
}

TEST_CASE("the description of the CPU is cut to the buffer") {
  uint64_t needed = 0;
  CHECK(lf_describe_cpu(nullptr, 0, &needed) == LF_OK);
  std::string text(needed, 'x');
  CHECK(lf_describe_cpu(text.data(), needed, nullptr) == LF_OK);
  CHECK(std::strlen(text.c_str()) + 1 == needed);
  CHECK(contains(text, ": "));
  char small[4] = {'x', 'x', 'x', 'x'};
  CHECK(lf_describe_cpu(small, 3, nullptr) == LF_OK);
  CHECK(small[2] == 0);
  CHECK(small[3] == 'x');
  CHECK(lf_describe_cpu(nullptr, 8, nullptr) == LF_INVALID_ARGUMENT);
}

TEST_CASE("manifests are read strictly") {
  const Manifest avx2 = parse_manifest("name avx2\r\n\nvendor lanefold\npriority 20\nneeds  avx2\tfma ");
  CHECK(avx2.problem == "");
  CHECK(avx2.name == "avx2");
  CHECK(avx2.priority == 20);
  CHECK(avx2.needs == (LF_CPU_AVX2 | LF_CPU_FMA));
  CHECK(avx2.needs_text == "avx2 fma");

  CHECK(contains(parse_manifest("name a\nvendor b\npriority 1\nneeds amx\n").problem, "does not know: 'amx'"));
  CHECK(contains(parse_manifest("name a\nvendor b\npriority 1\n").problem, "lacks the line 'needs'"));
  CHECK(contains(parse_manifest("name a\nname b\nvendor b\npriority 1\nneeds\n").problem, "has the line 'name' twice"));
  CHECK(contains(parse_manifest("name a/b\nvendor b\npriority 1\nneeds\n").problem, "is not a name"));
  CHECK(contains(parse_manifest("name a\nvendor b\npriority 1x\nneeds\n").problem, "is not a number"));
  CHECK(contains(parse_manifest("name a\nvendor b\npriority 99999999999\nneeds\n").problem, "is not a number"));
  CHECK(contains(parse_manifest("name a\nvendor b\npriority 1\nneeds\nforbids x\n").problem, "unknown line"));
  CHECK(contains(parse_manifest("").problem, "lacks the line"));
}
