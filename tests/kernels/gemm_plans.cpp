// The kernels are those of the plugin: its objects are linked, and none of them is compiled again.
#include LANEFOLD_PLUGIN_TILE

#include "gemm_plans.hpp"

#include <kernels/gemm/sgemm.hpp>

namespace lanefold::test {

using Tile = PluginTile;

lf_status multiply_as(const lf_host *host, const lf_sgemm_args *args, const Knobs &knobs) {
  using gemm::Reading;
  gemm::Product x = gemm::sgemm_product(args);
  if (knobs.transposes_problem && x.alpha == 1.0f) transpose_problem(x);
  gemm::Plan plan = gemm::make_plan<Tile>(x, host->threads);
  if (x.k > 0) {
    plan.a = knobs.packs_a || x.alpha != 1.0f ? Reading::packed : Reading::direct;
    if (x.b.along_k) plan.b = knobs.packs_b || x.m > gemm::most_thin_rows ? Reading::packed : Reading::transposed;
    else plan.b = knobs.packs_b ? Reading::packed : knobs.packs_b_on_the_fly ? Reading::on_the_fly : Reading::direct;
  }
  if (knobs.kc > 0) plan.kc = smaller(knobs.kc, gemm::most_kc);
  if (knobs.mc > 0) {
    plan.mc = knobs.mc;
    plan.row_blocks = ceil_div(x.m, plan.mc);
  }
  if (knobs.nc_panels > 0) {
    plan.nc_panels = knobs.nc_panels;
    plan.column_blocks = larger(1, ceil_div(ceil_div(x.n, Tile::columns), plan.nc_panels));
  }
  return gemm::multiply<Tile>(host, x, plan);
}

} // namespace lanefold::test
