// Exports the list of microkernels of a plugin.  This source is linked with the objects of the plugin.
#include "microkernels.hpp"

#include <kernels/gemm/microkernel_args.hpp>

#define LANEFOLD_EXPORT extern "C" __attribute__((visibility("default")))

namespace {

using namespace lanefold;

const gemm::MicrokernelList &list() {
  static const gemm::MicrokernelList all = gemm::list_microkernels();
  return all;
}

bench::Microkernel describe(const gemm::MicrokernelName &name) {
  static constexpr const char *tails[] = {"whole", "partial", "half"};
  static constexpr const char *loads[] = {"plain", "prefetched", "packing", "transposed"};
  const bool transposed = name.b_load == gemm::BLoad::transposed;
  const int width = transposed ? list().thin_width : list().width;
  // The most lanes that the last vector may have.
  const int lanes = name.tail == gemm::Tail::whole ? width : name.tail == gemm::Tail::partial ? width - 1 : width / 2;
  bench::Microkernel all{};
  all.rows = name.rows, all.columns = (name.vectors - 1) * width + lanes, all.vectors = name.vectors;
  // A plain microkernel that reads whole vectors reads packed panels.
  const bool packed = name.b_load == gemm::BLoad::plain && name.tail == gemm::Tail::whole;
  all.panel_columns = packed ? list().columns : 0;
  all.b_transposed = transposed, all.elu = name.elu;
  all.tail = tails[static_cast<int>(name.tail)], all.b_load = loads[static_cast<int>(name.b_load)];
  return all;
}

} // namespace

LANEFOLD_EXPORT int64_t lanefold_microkernel_count() { return static_cast<int64_t>(list().count); }

LANEFOLD_EXPORT void lanefold_describe_microkernel(int64_t index, bench::Microkernel *microkernel) {
  *microkernel = describe(list().names[index]);
}

LANEFOLD_EXPORT void lanefold_call_microkernel(int64_t index, const bench::MicrokernelCall *call, int64_t iterations) {
  const bench::Microkernel name = describe(list().names[index]);
  const int width = name.b_transposed ? list().thin_width : list().width;
  const int panel = list().columns;
  gemm::TileArgs t{};
  t.tiles = 1, t.kc = call->k;
  t.a = call->a, t.a_line = call->k, t.a_k = 1;
  t.b = call->b;
  t.b_k = name.b_transposed ? call->k : name.panel_columns ? panel : name.columns;
  t.panel_stride = name.panel_columns ? panel * call->k : panel;
  t.packed = call->packed;
  t.c = call->c, t.ldc = name.columns;
  t.alpha = 1, t.start = gemm::Start::zero;
  t.lanes = static_cast<int>(name.columns) - (name.vectors - 1) * width;
  const gemm::TileFunction function = list().functions[index];
  for (int64_t i = 0; i < iterations; ++i) function(t);
}
