// The border between the tests of plans, which are compiled for every CPU, and a product that follows a plan, which is
// compiled for one instruction set.
#pragma once

#include <lanefold/plugin.h>

#include <cstdint>

namespace lanefold::test {

// Decisions in place of the cost model's.  A number of 0 leaves the decision to the cost model.
struct Knobs {
  bool transposes_problem; // vectors run along the rows of C
  bool packs_a, packs_b;   // instead of reading directly, where that is possible
  bool packs_b_on_the_fly; // instead of reading directly
  int64_t kc, mc, nc_panels;
};

// lf_sgemm with these decisions.  Where packs_b is false, columns of B along k are transposed in registers if there are
// few rows.
lf_status multiply_as(const lf_host *host, const lf_sgemm_args *args, const Knobs &knobs);

} // namespace lanefold::test
