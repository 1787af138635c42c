// The limits of this machine on one thread: as cases of their own, and as variants of other cases.
#include "cases.hpp"

#include "../timing/limits.hpp"
#include "../timing/machine.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace lanefold::bench {
namespace {

constexpr int64_t peak_steps = 2000;

Fields limit(const std::string &op, int64_t floats = 0, const std::string &level = "") {
  Fields fields;
  fields.family = "limit", fields.op = op, fields.n = floats, fields.level = level;
  return fields;
}

int64_t floats_of(const Level &level, int buffers) { return level.bytes / 4 / buffers / 128 * 128; }

// Verifies that the floats from `begin` have this value.
std::string mismatch_of_filled(const Floats &data, int64_t begin, float value) {
  for (size_t i = static_cast<size_t>(begin); i < data.size(); ++i)
    if (data[i] != value) return "float " + std::to_string(i) + " was not written";
  return "";
}

// A small level needs several passes, so that the loop takes much longer than its call.
int64_t passes_over(const Level &level) { return std::max<int64_t>(1, (256 << 10) / level.bytes); }

void make_level(CaseBuilder &builder, const Level &level) {
  const MemoryLoops loops = memory_loops(builder.setting.isa);
  const int64_t one = floats_of(level, 1), two = floats_of(level, 2), passes = passes_over(level);
  const Memory at_lines{{0, builder.memory.place.lines}}; // streaming stores need it
  const auto data = builder.keep<Floats>(at_lines.floats(one, 1));
  float *const at = data->data();
  const auto add = [&](const std::string &label, auto pass, Verification check) {
    const auto run = [=] {
      for (int64_t i = 0; i < passes; ++i) pass();
    };
    builder.add(label, run, std::move(check));
  };
  const auto bits = builder.keep<int32_t>(0);
  add("read", [=] { *bits = loops.read(at, one); },
      {{},
       [=] { *bits = 0, std::fill(data->begin(), data->end(), 1.0f); },
       [=]() -> std::string { return *bits == 0x3f800000 ? "" : "not all floats were read"; }});
  add("write", [=] { loops.write(at, one, 2); }, {{data.get()}, {}, [=] { return mismatch_of_filled(*data, 0, 2); }});
  // The first half is the source.
  const Verification copied{{},
                            [=] {
                              std::fill(at, at + two, 3.0f);
                              std::fill(at + two, at + one, NAN);
                            },
                            [=] {
                              std::fill(at + 2 * two, at + one, 3.0f); // what is left of an odd number
                              return mismatch_of_filled(*data, two, 3);
                            }};
  add(
      "copy", [=] { loops.copy(at, at + two, two); }, copied);
  if (loops.copy_streaming && std::strcmp(level.name, "memory") == 0)
    add(
        "stream", [=] { loops.copy_streaming(at, at + two, two); }, copied);
}

Case level_case(const Level &level) {
  const int64_t one = floats_of(level, 1), two = floats_of(level, 2);
  const double bytes = 4 * static_cast<double>(passes_over(level));
  const Work read{0, bytes * static_cast<double>(one), 0}, copy{0, 2 * bytes * static_cast<double>(two), 0};
  Case bench_case;
  bench_case.variants = {{"read", limit("read", one, level.name), read, ""},
                         {"write", limit("write", one, level.name), read, ""},
                         {"copy", limit("copy", two, level.name), copy, ""}};
  if (std::strcmp(level.name, "memory") == 0)
    bench_case.variants.push_back({"stream", limit("stream", two, level.name), copy, ""});
  bench_case.extent = Extent::quick;
  bench_case.make = [&level](CaseBuilder &builder) { make_level(builder, level); };
  return bench_case;
}

} // namespace

void CaseBuilder::add_limit(Variant variant, VariantInstance rest) {
  rest.variant = std::move(variant);
  rest.variant.fields.isa = setting.isa, rest.variant.fields.threads = 1;
  instance_.variants.push_back(std::move(rest));
}

void CaseBuilder::add_peak() {
  const FmaLoop loop = fma_loop(setting.isa);
  const auto sum = keep<float>(0.0f);
  // x = x / 2 + 1 converges to 2.
  const auto mismatch = [=]() -> std::string {
    return *sum == 2.0f * static_cast<float>(loop.lanes) ? "" : "the chains did not converge to 2";
  };
  add_limit({"peak", limit("peak"), {2.0 * static_cast<double>(peak_steps * loop.lanes), 0, 0}, ""},
            {{}, {[=] { *sum = loop.run(peak_steps, 0.5f, 1.0f); }, {}}, {{}, [=] { *sum = NAN; }, mismatch}});
}

void CaseBuilder::add_copies(int64_t count) {
  const MemoryLoops loops = memory_loops(setting.isa);
  const auto data = keep<Floats>(memory.floats(2 * count, 1));
  float *const at = data->data();
  const Work work{0, 8 * static_cast<double>(count), static_cast<double>(count)};
  add_limit({"copy", limit("copy", count), work, "copies"}, {{}, {[=] { loops.copy(at, at + count, count); }, {}}, {}});
  if (!loops.copy_streaming) return;
  // Streaming stores need a cache line.  Every placement is a multiple of the size of a float.
  float *const on_line = at + count - reinterpret_cast<uintptr_t>(at + count) % 64 / 4;
  add_limit({"stream", limit("stream", count), work, "copies"},
            {{}, {[=] { loops.copy_streaming(at, on_line, count); }, {}}, {}});
}

void CaseBuilder::add_read(int64_t count) {
  const MemoryLoops loops = memory_loops(setting.isa);
  const auto data = keep<Floats>(memory.floats(count, 1));
  add_limit({"read", limit("read", count), {0, 4 * static_cast<double>(count), 0}, ""},
            {{},
             {[=] {
                int32_t bits = loops.read(data->data(), count);
                asm volatile("" : "+r"(bits));
              },
              {}},
             {}});
}

void add_limits(List &list) {
  Case peak;
  peak.variants = {{"peak", limit("peak"), {}, ""}};
  peak.extent = Extent::quick;
  peak.make = [](CaseBuilder &builder) { builder.add_peak(); };
  list.cases.push_back(peak);
  for (const Level &level : levels()) list.cases.push_back(level_case(level));
}

} // namespace lanefold::bench
