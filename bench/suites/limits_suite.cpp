// The limits of this machine on one thread, and their parts in other races.
#include "suites.hpp"

#include "../limits.hpp"
#include "../method/machine.hpp"

#include <algorithm>
#include <cstring>

namespace lanefold::bench {
namespace {

constexpr int64_t peak_steps = 2000;

int64_t floats_of(const Level &level, int buffers) { return level.bytes / 4 / buffers / 128 * 128; }

std::string level_sizes(const Level &level, int64_t floats) {
  return std::string("n:") + std::to_string(floats) + "/level:" + level.name;
}

// That the first floats have this value.
Check check_all(const std::shared_ptr<Floats> &data, int64_t floats, float value) {
  return check({data.get()}, [=]() -> std::string {
    for (int64_t i = 0; i < floats; ++i)
      if ((*data)[static_cast<size_t>(i)] != value) return "float " + std::to_string(i) + " was left out";
    return "";
  });
}

Field make_level(const Setting &setting, const Level &level) {
  const MemoryLoops loops = memory_loops(setting.isa);
  const int64_t one = floats_of(level, 1), two = floats_of(level, 2);
  // Of a small level several passes: a run is to be longer than its call.
  const int64_t passes = std::max<int64_t>(1, (256 << 10) / level.bytes);
  const auto data = std::make_shared<Floats>(static_cast<size_t>(one), 1.0f);
  Entrants entrants(setting, data);
  float *const at = data->data();
  const auto add = [&](const std::string &label, int64_t floats, double bytes, auto pass, Check check) {
    const auto run = [=] {
      for (int64_t i = 0; i < passes; ++i) pass();
    };
    entrants.add(label, "limit/" + label, level_sizes(level, floats), {0, static_cast<double>(passes) * bytes, 0}, run,
                 std::move(check));
  };
  const auto mix = std::make_shared<int32_t>(0);
  add("read", one, 4 * static_cast<double>(one), [=] { *mix = loops.read(at, one); },
      {[=] { *mix = 0, std::fill(data->begin(), data->end(), 1.0f); },
       [=]() -> std::string { return *mix == 0x3f800000 ? "" : "not everything was read"; }});
  add(
      "write", one, 4 * static_cast<double>(one), [=] { loops.write(at, one, 2); }, check_all(data, one, 2));
  // Both halves: what is read and what is written.
  Check copied = check_all(data, 2 * two, 2);
  copied.spoil = [=] { std::fill(at + two, at + 2 * two, NAN); };
  add(
      "copy", two, 8 * static_cast<double>(two), [=] { loops.copy(at, at + two, two); }, copied);
  if (loops.copy_streaming && std::strcmp(level.name, "memory") == 0)
    add(
        "copy_streaming", two, 8 * static_cast<double>(two), [=] { loops.copy_streaming(at, at + two, two); }, copied);
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
                             {[=] { *sum = NAN; }, fault},
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

void add_limits(List &list) {
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
                          1,
                          1,
                          {"limit/read", "limit/write", "limit/copy"}});
}

} // namespace lanefold::bench
