// The interface between `lanefold bench kernels` and the modules with the microkernels of one plugin.  It consists of C
// types, because module and program are compiled for different instruction sets.
#pragma once

#include <cstdint>

namespace lanefold::bench {

// C = A B with a C of `rows` x `columns`, and perhaps ELU with alpha 1.
struct Microkernel {
  int64_t rows, columns;
  int32_t vectors;       // of each row
  int32_t panel_columns; // B is packed in panels of this many columns: panel[k][panel_columns].  0 if B is not packed
  int32_t b_transposed;  // B is stored as [columns][k]
  int32_t elu;
  const char *tail, *b_load; // how it reads the last vector of a row, and B: "whole", "plain"
};

// A[rows][k], B as the microkernel reads it, C[rows][columns].
struct MicrokernelCall {
  int64_t k;
  const float *a, *b;
  float *packed; // memory of k * 256 floats, for microkernels that pack B
  float *c;
};

// Exported by each module.
inline constexpr const char *microkernel_count_symbol = "lanefold_microkernel_count";
using MicrokernelCount = int64_t();
inline constexpr const char *describe_microkernel_symbol = "lanefold_describe_microkernel";
using DescribeMicrokernel = void(int64_t index, Microkernel *microkernel);
inline constexpr const char *call_microkernel_symbol = "lanefold_call_microkernel";
using CallMicrokernel = void(int64_t index, const MicrokernelCall *call, int64_t iterations);

} // namespace lanefold::bench
