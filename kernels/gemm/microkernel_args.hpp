// What a microkernel is called with, and what it is called.  No instruction set is named here, so that tests and
// benchmarks compiled for every CPU can call the microkernels of a plugin.
#pragma once

#include <kernels/gemm/product.hpp>

#include <cstddef>
#include <cstdint>

namespace lanefold::gemm {

// One or more tiles of the same height, one below the other.
struct TileArgs {
  int64_t tiles;
  int64_t kc;
  const float *a; // a[i * a_line + p * a_k]
  int64_t a_line, a_k;
  const float *b; // b[p * b_k + j] for the columns of one panel; the next panels lie panel_stride apart
  int64_t b_k, panel_stride;
  float *packed; // panel[kc][NR] to which the packing microkernels copy B
  float *c;      // the first element of the first tile
  int64_t ldc;
  const float *bias;            // of the first column; read for Start::bias
  float beta;                   // read for Start::scaled
  float alpha = 0;              // of ELU, where the microkernel applies it
  float *column_sums = nullptr; // of the first column: the tile's rows are added to it in ascending order; or NULL
  bool sums_begin = false;      // the first tile starts its column sums from 0
  Start start;
  int lanes; // lanes of the last vector that lie inside the matrix
};

using TileFunction = void (*)(const TileArgs &);

// How the last vector of each row is read and computed.
enum class Tail : uint8_t {
  whole,   // all lanes of B may be read
  partial, // only `lanes` lanes of B may be read
  half,    // the same, and they fit half a vector
};

// How B is read.
enum class BLoad : uint8_t {
  plain,      // from L1, or from panels, whose next rows are contiguous
  prefetched, // the line some rows ahead is prefetched: no hardware prefetcher follows rows that change page every few
  packing,    // prefetched, and copied to a panel for the tiles that follow
  transposed, // along k, transposed in registers: column j lies at b[j * b_k + p] (thin.hpp)
};

// Rows, vectors per row, and how the operands are read.  A is always read by a_line and a_k, packed or not.
// elu: the results pass through ELU in registers.
struct MicrokernelName {
  int rows, vectors;
  Tail tail;
  BLoad b_load;
  bool elu;
};

// The list of a plugin, with the names in the order of the functions.
struct MicrokernelList {
  const MicrokernelName *names;
  const TileFunction *functions;
  size_t count;
  int width;      // lanes of a vector
  int thin_width; // lanes of a vector where b_load is transposed
  int columns;    // NR
};
MicrokernelList list_microkernels();

} // namespace lanefold::gemm
