// Whether the other thread of this core is at work.  Two threads that share a core (SMT) share its execution units and
// its L1 and L2, so each runs at half its speed or so.  On a virtual machine, the other thread may belong to another
// machine, and then no counter tells.
#pragma once

#include <functional>
#include <limits>

namespace lanefold::bench {

class Sibling {
public:
  // Seconds of two short loops.  The wide one fills the execution units, so it is slower when the core is shared.  The
  // chain waits for its own results, so its time shows the frequency.
  struct LoopTimes {
    double wide, chain;
  };
  static LoopTimes time_loops(); // 5 microseconds

  explicit Sibling(std::function<LoopTimes()> time = time_loops) : time_(std::move(time)) {}

  // Whether the other thread was at work just now.  It was if the wide loop, in units of the chain, takes clearly
  // longer than its shortest time so far.  Until its first idle moment, a sibling counts as idle.
  bool is_busy();

private:
  std::function<LoopTimes()> time_;
  double least_chain_ = std::numeric_limits<double>::infinity();
  double least_ = least_chain_; // wide / chain, where the chain was undisturbed
};

} // namespace lanefold::bench
