// The limits of this machine on one thread: as cases of their own, and as variants of other cases.
#include "suites.hpp"

#include "../limits.hpp"
#include "../method/machine.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace lanefold::bench {
namespace {

constexpr int64_t peak_steps = 2000;

int64_t floats_of(const Level &level, int buffers) { return level.bytes / 4 / buffers / 128 * 128; }

std::string level_sizes(const Level &level, int64_t floats) {
  return std::string("n:") + std::to_string(floats) + "/level:" + level.name;
}

// Verifies that the first `count` floats have this value.
Verification verify_filled(const std::shared_ptr<Floats> &data, int64_t count, float value) {
  return verification({data.get()}, [=]() -> std::string {
    for (int64_t i = 0; i < count; ++i)
      if ((*data)[static_cast<size_t>(i)] != value) return "float " + std::to_string(i) + " was not written";
    return "";
  });
}

CaseInstance make_level(const Setting &setting, const Level &level) {
  const MemoryLoops loops = memory_loops(setting.isa);
  const int64_t one = floats_of(level, 1), two = floats_of(level, 2);
  // A small level needs several passes, so that the loop takes much longer than its call.
  const int64_t passes = std::max<int64_t>(1, (256 << 10) / level.bytes);
  const auto data = std::make_shared<Floats>(static_cast<size_t>(one), 1.0f);
  CaseBuilder builder(setting, data);
  float *const at = data->data();
  const auto add = [&](const std::string &label, int64_t floats, double bytes, auto pass, Verification check) {
    const auto run = [=] {
      for (int64_t i = 0; i < passes; ++i) pass();
    };
    builder.add(label, "limit/" + label, level_sizes(level, floats), {0, static_cast<double>(passes) * bytes, 0}, run,
                std::move(check));
  };
  const auto mix = std::make_shared<int32_t>(0);
  add("read", one, 4 * static_cast<double>(one), [=] { *mix = loops.read(at, one); },
      {[=] { *mix = 0, std::fill(data->begin(), data->end(), 1.0f); },
       [=]() -> std::string { return *mix == 0x3f800000 ? "" : "not all floats were read"; }});
  add(
      "write", one, 4 * static_cast<double>(one), [=] { loops.write(at, one, 2); }, verify_filled(data, one, 2));
  // The source half keeps its value, and the target half gets it.
  Verification copied = verify_filled(data, 2 * two, 2);
  copied.clear = [=] { std::fill(at + two, at + 2 * two, NAN); };
  add(
      "copy", two, 8 * static_cast<double>(two), [=] { loops.copy(at, at + two, two); }, copied);
  if (loops.copy_streaming && std::strcmp(level.name, "memory") == 0)
    add(
        "copy_streaming", two, 8 * static_cast<double>(two), [=] { loops.copy_streaming(at, at + two, two); }, copied);
  return builder.take();
}

} // namespace

void CaseBuilder::add_peak() {
  const FmaLoop loop = fma_loop(setting_.isa);
  const auto sum = std::make_shared<float>(0);
  const auto run = [=] { *sum = loop.run(peak_steps, 0.5f, 1.0f); };
  // x = x / 2 + 1 converges to 2.
  const auto mismatch = [=]() -> std::string {
    return *sum == 2.0f * static_cast<float>(loop.lanes) ? "" : "the chains did not converge to 2";
  };
  instance_.variants.push_back({"peak",
                                "limit/fma/isa:" + setting_.isa + "/threads:1",
                                {2.0 * static_cast<double>(peak_steps * loop.lanes), 0, 0},
                                {run, {}},
                                {[=] { *sum = NAN; }, mismatch},
                                ""});
}

void CaseBuilder::add_copies(int64_t count) {
  const MemoryLoops loops = memory_loops(setting_.isa);
  const auto memory = std::make_shared<Floats>(static_cast<size_t>(2 * count), 1.0f);
  float *const at = memory->data();
  const Work work{0, 8 * static_cast<double>(count), static_cast<double>(count)};
  const std::string n = "n:" + std::to_string(count);
  add("copy", "limit/copy", n, work, [=] { loops.copy(memory->data(), at + count, count); });
  instance_.variants.back().group = "copies";
  if (!loops.copy_streaming) return;
  // Streaming stores need a cache line.  Every placement is a multiple of the size of a float.
  float *const on_line = at + count - reinterpret_cast<uintptr_t>(at + count) % 64 / 4;
  add("copy_streaming", "limit/copy_streaming", n, work, [=] { loops.copy_streaming(memory->data(), on_line, count); });
  instance_.variants.back().group = "copies";
}

void CaseBuilder::add_read(int64_t count) {
  const MemoryLoops loops = memory_loops(setting_.isa);
  const auto memory = std::make_shared<Floats>(static_cast<size_t>(count), 1.0f);
  add("read", "limit/read", "n:" + std::to_string(count), {0, 4 * static_cast<double>(count), 0}, [=] {
    int32_t mix = loops.read(memory->data(), count);
    asm volatile("" : "+r"(mix));
  });
}

void add_limits(List &list) {
  list.cases.push_back({"limit/fma", "", Extent::quick, {}, [](const Setting &setting) {
                          CaseBuilder builder(setting, nullptr);
                          builder.add_peak();
                          return builder.take();
                        }});
  for (const Level &level : levels())
    list.cases.push_back({"limit/memory",
                          std::string("level:") + level.name,
                          Extent::quick,
                          {},
                          [&level](const Setting &setting) { return make_level(setting, level); },
                          false,
                          1,
                          1,
                          {"limit/read", "limit/write", "limit/copy"}});
}

} // namespace lanefold::bench
