// lf_sgemm for callers who get no status.
#pragma once

#include <lanefold/gemm.h>

namespace lanefold::cblas {

// C = alpha * op(A) * op(B) + beta * C on the context of this process, which the first call makes with default options.
// Returns when it is done.  BLAS cannot report a failure to its caller, and continuing would give wrong numbers.  A
// failure therefore prints the reason and aborts.  Examples are a lack of memory, a plugin of $LANEFOLD_ISA that cannot
// run, and a C that overlaps an operand.
void multiply(lf_sgemm_args product);

} // namespace lanefold::cblas
