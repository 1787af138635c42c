// The border between the tests of plans, compiled for every CPU, and a product as a plan says, compiled for one.
#pragma once

#include <lanefold/plugin.h>

#include <cstdint>

namespace lanefold::test {

// How the cost model might decide.  0: as it does.
struct Knobs {
  bool turned;           // vectors run along the rows of C
  bool packs_a, packs_b; // else in place, where that is possible
  bool copies_b;         // in passing, where it could be in place
  int64_t k_block, chunk_rows, group_panels;
};

// lf_sgemm with these knobs.  Columns of B along k are transposed in registers where packs_b is not set and rows are
// few.
lf_status multiply_as(const lf_host *host, const lf_sgemm_args *args, const Knobs &knobs);

} // namespace lanefold::test
