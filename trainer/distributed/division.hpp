// How the work of a step is divided among ranks: the rows of a batch, and the cost model that chooses between ways to
// send.  The ways differ in time only: all give the bits of one rank.
#pragma once

#include "trainer/distributed/link.hpp"
#include "trainer/distributed/ranks.hpp"
#include "trainer/network/network.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

namespace lanefold::trainer {

// The rows of a batch, divided among ranks.  Ranks without rows are the last ones.
struct Division {
  int64_t batch_rows;
  int ranks, rank;

  Share share(int of) const { return share_of(batch_rows, ranks, of); }
  Share mine() const { return share(rank); }
  int active() const { return static_cast<int>(std::min<int64_t>(ranks, batch_rows)); } // ranks that have rows
  int last() const { return active() - 1; }
  int rank_of(int64_t row) const {
    const int64_t least = batch_rows / ranks, more = batch_rows % ranks, split = more * (least + 1);
    return static_cast<int>(row < split ? row / (least + 1) : more + (row - split) / least);
  }
};

// How the moments of blocks are merged.  With `carry`, each rank merges its own, and passes the result on to the next.
// With `gather`, the last rank gets all moments, and merges them.
enum class Merging { carry, gather };

// The seconds that each way of merging takes.
struct MergingCosts {
  double carry, gather;
  Merging cheaper() const { return carry <= gather ? Merging::carry : Merging::gather; }
};
// bytes: the moments of one block.  A carry crosses each rank in turn.  If blocks are gathered, their messages overlap:
// the cost is one latency, and an assumed quarter of a latency for each sender.
inline MergingCosts merging_costs(const Division &division, int64_t bytes, const Link &link) {
  const double senders = division.last(), size = static_cast<double>(bytes),
               blocks = std::ceil(static_cast<double>(division.batch_rows) / 256);
  return {senders * link.seconds(size), link.latency + senders * link.latency / 4 + blocks * size / link.bandwidth};
}

// The number of rows of dw in a panel: a multiple of `unit`, but at most `inputs`.  More outputs give fewer rows.
inline int64_t rows_of_panel(int64_t inputs, int64_t outputs, int64_t unit) {
  const int64_t floats = 16384 * unit / 48;
  const int64_t rows = std::max<int64_t>(1, floats / std::max<int64_t>(1, outputs) / unit) * unit;
  return std::min(inputs, rows);
}
// The unit that takes the least time.  The larger it is, the longer the last rank waits for its first panel, but the
// smaller it is, the less of its registers a kernel uses.
int64_t unit_of_panels(const Division &division, const Network &network, const Link &link);

// The number of slices into which the part of dw that a rank owns is cut.  The owner sends a slice to the others as soon
// as it arrives.  The latency of very small messages would cost more than this saves.
inline size_t slices_of_rank(size_t floats, int ranks) {
  constexpr size_t least = 4096, most = 8;
  return std::clamp<size_t>(floats / (least * static_cast<size_t>(ranks)), 1, most);
}

// Whether ranks divide the rows of a batch, or the columns of each layer.
enum class DividedBy { rows, columns };

// The seconds of a step, and the bytes that a rank sends.
struct StepCosts {
  double rows, columns, rows_bytes, columns_bytes;
  bool columns_send_much() const { return columns_bytes > 1.1 * rows_bytes; }
  DividedBy cheaper() const { return rows <= columns || columns_send_much() ? DividedBy::rows : DividedBy::columns; }
};
StepCosts step_costs(const Division &division, const Network &network, const Link &link);

// How ranks divide a training.  What is not given is measured, or chosen by the costs.
struct DivisionOptions {
  std::optional<DividedBy> by;
  std::optional<Link> link;
};

// One line that says how a network is trained, and why.
std::string explain(const Division &division, DividedBy by, const Network &network, const Link &link);

} // namespace lanefold::trainer
