// Each microkernel of the plugin's list alone, against the documented chain: every height, width and tail, every way to
// read B, every initial value.  Operands end at a page that must not be touched.
#include "support/gemm.hpp"
#include "support/guarded.hpp"

#include <kernels/gemm/microkernel_args.hpp>

#include <cmath>
#include <set>
#include <string>
#include <tuple>

using namespace lanefold;
using namespace lanefold::test;
using namespace lanefold::gemm;

namespace {

std::string text_of(const MicrokernelName &name) {
  static const char *const tails[] = {"whole", "partial", "half"}, *const loads[] = {"plain", "prefetched", "packing",
                                                                                     "transposed"};
  return std::to_string(name.rows) + "x" + std::to_string(name.vectors) + "/" + tails[static_cast<int>(name.tail)] +
         "/" + loads[static_cast<int>(name.b_load)] + (name.elu ? "/elu" : "");
}

// The least and most lanes of the last vector that a microkernel can have.
std::pair<int, int> lanes_of(const MicrokernelList &list, const MicrokernelName &name) {
  if (name.b_load == BLoad::transposed) return {1, list.thin_width};
  switch (name.tail) {
  case Tail::whole: return {1, list.width};
  case Tail::partial: return {1, list.width - 1};
  default: return {1, list.width / 2};
  }
}

struct Run {
  int lanes;
  int64_t tiles, kc;
  Start start;
};

// B lies in panels of NR columns, or, if the tail forbids to read beyond the matrix, in rows that end at a guard page.
void check(const MicrokernelList &list, size_t index, const Run &run, Random &random) {
  const MicrokernelName &name = list.names[index];
  INFO(text_of(name) << ", lanes " << run.lanes << ", tiles " << run.tiles << ", kc " << run.kc << ", start "
                     << static_cast<int>(run.start));
  const bool thin = name.b_load == BLoad::transposed, packs = name.b_load == BLoad::packing;
  const int64_t columns = (name.vectors - 1) * (thin ? list.thin_width : list.width) + run.lanes;
  const int64_t m = name.rows * run.tiles;
  // Whole vectors of B may be read only where the operand is readable: in panels.
  const bool in_panels = !thin && name.tail == Tail::whole && run.lanes < list.width;
  const int64_t panels = (columns + list.columns - 1) / list.columns;
  Guarded a(m, run.kc, run.kc + 3, Side::ends);
  Guarded direct(thin ? columns : run.kc, thin ? run.kc : columns, thin ? run.kc : columns, Side::ends);
  Guarded panel_memory(panels * run.kc, list.columns, list.columns, Side::ends);
  Guarded packed(run.kc, list.columns, list.columns, Side::ends);
  Guarded bias(1, columns, columns, Side::ends), sums(1, columns, columns, Side::ends);
  PaddedMatrix c(m, columns, 3, 5);
  for (Guarded *x : {&a, &direct, &panel_memory, &bias})
    x->fill([&](int64_t, int64_t) { return random.uniform(-1, 1); });
  const auto b = [&](int64_t p, int64_t j) {
    return in_panels ? panel_memory(j / list.columns * run.kc + p, j % list.columns)
           : thin    ? direct(j, p)
                     : direct(p, j);
  };
  if (run.start == Start::carry || run.start == Start::scaled) c.random(random);
  else c.nan();
  const float beta = 0.3f, alpha = 0.7f;
  PaddedMatrix expected = c;
  expected.fill([&](int64_t i, int64_t j) {
    float x = run.start == Start::zero    ? 0.0f
              : run.start == Start::bias  ? bias(0, j)
              : run.start == Start::carry ? c(i, j)
                                          : beta * c(i, j);
    for (int64_t p = 0; p < run.kc; ++p) x = std::fma(a(i, p), b(p, j), x);
    return x;
  });

  TileArgs t{};
  t.tiles = run.tiles, t.kc = run.kc;
  t.a = a.data(), t.a_line = run.kc + 3, t.a_k = 1;
  t.b = in_panels ? panel_memory.data() : direct.data();
  t.b_k = in_panels ? list.columns : thin ? run.kc : columns;
  t.panel_stride = in_panels ? list.columns * run.kc : list.columns;
  t.packed = packed.data();
  t.c = c.data(), t.ldc = c.stride();
  t.bias = bias.data(), t.beta = beta, t.alpha = alpha;
  t.column_sums = name.elu || thin ? nullptr : sums.data(), t.sums_begin = true;
  t.start = run.start, t.lanes = run.lanes;
  list.functions[index](t);

  if (name.elu) {
    // The activation is tested elsewhere; here, ELU must reach every element, and leave positive ones alone.
    for (int64_t i = 0; i < m; ++i)
      for (int64_t j = 0; j < columns; ++j) {
        const float x = expected(i, j), y = c(i, j);
        const double exact = x < 0 ? alpha * std::expm1(static_cast<double>(x)) : x;
        REQUIRE(std::fabs(y - exact) <= 2e-7 * std::fabs(exact));
      }
  } else {
    REQUIRE(differing(c, expected) == 0);
    for (int64_t j = 0; t.column_sums && j < columns; ++j) {
      float sum = 0;
      for (int64_t i = 0; i < m; ++i) sum += expected(i, j);
      REQUIRE(sums(0, j) == sum);
    }
  }
  REQUIRE(c.gaps_untouched());
  if (packs)
    for (int64_t p = 0; p < run.kc; ++p)
      for (int64_t j = 0; j < columns; ++j) REQUIRE(packed(p, j) == b(p, j));
}

} // namespace

TEST_CASE("the list names each microkernel once, and has a function for it") {
  const MicrokernelList list = list_microkernels();
  REQUIRE(list.count > 0);
  std::set<std::tuple<int, int, Tail, BLoad, bool>> names;
  for (size_t i = 0; i < list.count; ++i) {
    const MicrokernelName &n = list.names[i];
    CHECK((list.functions[i] != nullptr));
    CHECK_MESSAGE(names.emplace(n.rows, n.vectors, n.tail, n.b_load, n.elu).second, text_of(n));
  }
}

TEST_CASE("each microkernel alone gives the chain, for every tail and initial value") {
  const MicrokernelList list = list_microkernels();
  Random random(17);
  for (size_t i = 0; i < list.count; ++i) {
    const auto [low, high] = lanes_of(list, list.names[i]);
    const bool one = list.names[i].b_load == BLoad::packing || list.names[i].b_load == BLoad::transposed;
    for (const int lanes : std::set<int>{low, (low + high) / 2, high}) {
      for (const Start start : {Start::zero, Start::bias, Start::carry, Start::scaled})
        check(list, i, {lanes, one ? 1 : 1 + random.below(3), random.below(20), start}, random);
    }
  }
}
