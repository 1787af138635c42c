// The limits of this machine on one thread, and their parts in other races.
#include "suites.hpp"

#include "../limits.hpp"
#include "../method/machine.hpp"

#include <cstring>

namespace lanefold::bench {
namespace {

constexpr int64_t peak_steps = 2000;

int64_t floats_of(const Level &level, int buffers) { return level.bytes / 4 / buffers / 128 * 128; }

std::string level_sizes(const Level &level, int64_t floats) {
  return std::string("n:") + std::to_string(floats) + "/level:" + level.name;
}

Field make_level(const Setting &setting, const Level &level) {
  const MemoryLoops loops = memory_loops(setting.isa);
  const int64_t one = floats_of(level, 1), two = floats_of(level, 2);
  const auto data = std::make_shared<Floats>(static_cast<size_t>(one), 1.0f);
  Entrants entrants(setting, data);
  const double bytes = 4 * static_cast<double>(one);
  float *const at = data->data();
  entrants.add("read", "limit/read", level_sizes(level, one), {0, bytes, 0}, [=] {
    int32_t mix = loops.read(at, one);
    asm volatile("" : "+r"(mix));
  });
  entrants.add("write", "limit/write", level_sizes(level, one), {0, bytes, 0}, [=] { loops.write(at, one, 1); });
  // Both halves: what is read and what is written.
  entrants.add("copy", "limit/copy", level_sizes(level, two), {0, 8 * static_cast<double>(two), 0},
               [=] { loops.copy(at, at + two, two); });
  if (loops.copy_streaming && std::strcmp(level.name, "memory") == 0)
    entrants.add("copy_streaming", "limit/copy_streaming", level_sizes(level, two),
                 {0, 8 * static_cast<double>(two), 0}, [=] { loops.copy_streaming(at, at + two, two); });
  return entrants.take();
}

} // namespace

void Entrants::add_peak() {
  const FmaLoop loop = fma_loop(setting_.isa);
  const auto sum = std::make_shared<float>(0);
  const auto run = [=] { *sum = loop.run(peak_steps, 0.5f, 1.0f); };
  // x = x / 2 + 1 ends at 2.
  const auto fault = [=]() -> std::string {
    return *sum == 2.0f * static_cast<float>(loop.lanes) ? "" : "the chains went astray";
  };
  field_.entrants.push_back({"peak",
                             "limit/fma/isa:" + setting_.isa + "/threads:1",
                             {2.0 * static_cast<double>(peak_steps * loop.lanes), 0, 0},
                             {run, {}},
                             fault,
                             ""});
}

void Entrants::add_copies(int64_t floats) {
  const MemoryLoops loops = memory_loops(setting_.isa);
  const auto memory = std::make_shared<Floats>(static_cast<size_t>(2 * floats), 1.0f);
  float *const at = memory->data(); // its placement is a multiple of a float's size
  const Work work{0, 8 * static_cast<double>(floats), static_cast<double>(floats)};
  const std::string n = "n:" + std::to_string(floats);
  add("copy", "limit/copy", n, work, [=] { loops.copy(memory->data(), at + floats, floats); });
  regroup("copies");
  if (!loops.copy_streaming) return;
  float *const on_line = at + floats - reinterpret_cast<uintptr_t>(at + floats) % 64 / 4;
  add("copy_streaming", "limit/copy_streaming", n, work,
      [=] { loops.copy_streaming(memory->data(), on_line, floats); });
  regroup("copies");
}

void Entrants::add_read(int64_t floats) {
  const MemoryLoops loops = memory_loops(setting_.isa);
  const auto memory = std::make_shared<Floats>(static_cast<size_t>(floats), 1.0f);
  add("read", "limit/read", "n:" + std::to_string(floats), {0, 4 * static_cast<double>(floats), 0}, [=] {
    int32_t mix = loops.read(memory->data(), floats);
    asm volatile("" : "+r"(mix));
  });
}

void add_limits(List &list, const std::string &, int) {
  list.races.push_back({"limit/fma", "", Part::quick, {}, [](const Setting &setting) {
                          Entrants entrants(setting, nullptr);
                          entrants.add_peak();
                          return entrants.take();
                        }});
  for (const Level &level : levels())
    list.races.push_back({"limit/memory",
                          std::string("level:") + level.name,
                          Part::quick,
                          {},
                          [&level](const Setting &setting) { return make_level(setting, level); },
                          false,
                          1});
}

} // namespace lanefold::bench
