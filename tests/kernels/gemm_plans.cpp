// The kernels are those of the plugin: its object is linked, and nothing of it is compiled again.
#include LANEFOLD_PLUGIN_TILE

#include "gemm_plans.hpp"

#include <kernels/gemm/sgemm.hpp>

extern template lf_status lanefold::gemm::multiply<lanefold::PluginTile, lanefold::gemm::Leave>(
    const lf_host *, const lanefold::gemm::Product &, const lanefold::gemm::Plan &, const lanefold::gemm::Leave &);

namespace lanefold::test {

using Tile = PluginTile;

lf_status multiply_as(const lf_host *host, const lf_sgemm_args *args, const Knobs &knobs) {
  using gemm::Place;
  gemm::Product x = gemm::sgemm_product(args);
  if (knobs.turned && x.alpha == 1.0f) turn(x);
  gemm::Plan plan = gemm::choose<Tile>(x, host->threads);
  if (x.k > 0) {
    plan.place_a = knobs.packs_a || x.alpha != 1.0f ? Place::packed : Place::in_place;
    if (x.b.along_k) plan.place_b = knobs.packs_b || x.m > gemm::most_skinny_rows ? Place::packed : Place::transposed;
    else plan.place_b = knobs.packs_b ? Place::packed : knobs.copies_b ? Place::in_passing : Place::in_place;
  }
  if (knobs.k_block > 0) plan.k_block = smaller(knobs.k_block, gemm::most_pass_depth);
  if (knobs.chunk_rows > 0) {
    plan.chunk_rows = knobs.chunk_rows;
    plan.chunks = ceil_div(x.m, plan.chunk_rows);
  }
  if (knobs.group_panels > 0) {
    plan.group_panels = knobs.group_panels;
    plan.groups = larger(1, ceil_div(ceil_div(x.n, Tile::columns), plan.group_panels));
  }
  return gemm::multiply<Tile>(host, x, plan);
}

} // namespace lanefold::test
