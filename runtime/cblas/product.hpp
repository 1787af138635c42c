// lf_sgemm for callers who get no status.
#pragma once

#include <lanefold/gemm.h>

namespace lanefold::cblas {

// C = alpha * op(A) * op(B) + beta * C on the context of this process, which the first call makes with default options.
// Returns when it is done.  BLAS cannot tell its caller of a failure (no memory; $LANEFOLD_ISA names what cannot run; a
// C that overlaps an operand), and to go on would be to go on with wrong numbers: so a failure prints why, and aborts.
void multiply(lf_sgemm_args product);

} // namespace lanefold::cblas
