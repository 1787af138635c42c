// A case compares several variants that do the same work, on memory that is made anew for each instance of the case.
#pragma once

#include "../cases/fields.hpp"
#include "../peers/peer.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace lanefold::bench {

// What one call of an operation does.  0 means that this amount is not reported.
struct Work {
  double flops = 0, bytes = 0, elements = 0;
};

// Verifies the result of an operation.
struct Verification {
  std::vector<Floats *> outputs;         // filled with NaN before, so that no variant passes with another's result
  std::function<void()> clear;           // the same for other outputs
  std::function<std::string()> mismatch; // after a call: describes the first wrong value, or returns ""
};

// One way to do the work of a case.
struct Variant {
  std::string label; // unique within its case: "fused"
  Fields fields;     // unique in a run
  Work work;
  std::string group; // a ratio may name this group; it then uses the group's fastest variant: "peers"

  std::string name() const { return name_of(fields); }
};

// A variant on memory of its own.
struct VariantInstance {
  Variant variant;
  Operation operation;
  Verification verification;
};

// All variants of a case, made on one placement of memory.
struct CaseInstance {
  std::vector<VariantInstance> variants;
  std::shared_ptr<void> operands;
};

enum class Sense { none, at_least, at_most };

// A number that a case yields, and its target.
struct Ratio {
  enum Kind {
    times,       // time of the numerator / time of the denominator
    flops_share, // FLOP/s of the numerator / (threads * FLOP/s of the denominator)
    bytes_share, // bytes/s of the numerator / bytes/s of the denominator
    time,        // time of the numerator in seconds, times scale
    excess       // time of the numerator - time of the denominator, in seconds, times scale
  };
  std::string quantity; // what the number is: "against-peers", "of-peak", "over-alone"...
  Kind kind = times;
  std::string numerator, denominator; // labels or groups of variants
  Sense sense = Sense::none;
  double target = 0, scale = 1;
};

} // namespace lanefold::bench
