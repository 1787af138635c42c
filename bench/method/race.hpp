// Several ways to do one thing, measured in one go: by turns in random order, so that drift and noisy neighbours meet
// all alike.
#pragma once

#include "../peers/peer.hpp"
#include "calibration.hpp"
#include "statistics.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace lanefold::bench {

// What one run does; 0: not counted.
struct Work {
  double flops = 0, bytes = 0, elements = 0;
};

// How a run's result is verified.
struct Check {
  std::function<void()> spoil; // fills with NaN what the run is to write: nobody is to pass with another's result
  std::function<std::string()> fault; // after a run: what is wrong, "" if nothing is
};

struct Entrant {
  std::string label; // in its race: "fused"
  std::string name;  // everywhere: "dense/forward_fused_bn_elu/isa:avx512/m:200/n:300/k:784/threads:1"
  Work work;
  Operation operation;
  Check check;
  std::string group; // that it may stand for, where it is the fastest: "peers"
};

// All entrants of one race, on memory of their own.
struct Field {
  std::vector<Entrant> entrants;
  std::shared_ptr<void> memory;
};

enum class Sense { none, at_least, at_most };

// A figure that a race gives, and what it should be.
struct Ratio {
  enum Kind {
    times,       // over's time / under's
    flops_share, // over's FLOP/s / (threads * under's)
    bytes_share, // over's bytes/s / under's
    time         // over's, times scale
  };
  std::string name;
  Kind kind = times;
  std::string over, under; // labels, or groups: the fastest of them
  Sense sense = Sense::none;
  double target = 0, scale = 1;
};

struct Effort {
  double seconds;       // at most, the first batches not counted
  double width = 0.02;  // of every interval: enough is known
  double turn = 100e-6; // seconds of one entrant, at least
  int least = 9, most = 120;
};

struct RaceSetting {
  int threads;
  bool cold; // nothing in any cache before a run, which is then a turn
  std::vector<Ratio> ratios;
};

struct Measured {
  Ratio ratio;
  Interval interval;
  std::string over, under; // names of the entrants that it compares
};

// Of an entrant in one turn.
struct Turn {
  double seconds = 0, cpu_seconds = 0; // of one run
  int64_t runs = 0;
};

// One turn of every entrant on every placement.
struct Batch {
  double drift;                         // of the calibration before and after, the larger
  int sitting;                          // in which it was measured
  std::vector<std::vector<Turn>> turns; // by placement and entrant
};

// Of an entrant in a batch: the mean over its placements.
Turn run_of(const Batch &batch, size_t entrant);

struct Outcome {
  std::vector<Entrant> entrants;          // without their operations
  std::vector<Batch> batches;             // that count
  std::vector<Measured> ratios;           // those whose entrants are there
  int disturbed = 0;                      // of those: there were too few others
  int spoiled = 0;                        // batches that do not count: disturbed
  bool settled = false;                   // undisturbed, and every interval is as narrow as was asked
  Interval seconds(size_t entrant) const; // of one run
};

// A race, in one sitting or several: other memory, another minute.  What speed depends on without being seen, such as
// which physical pages lie in a cache together, changes from sitting to sitting, and intervals cover it.
class Contest {
public:
  explicit Contest(RaceSetting setting) : setting_(std::move(setting)) {}

  // Takes a sitting; one field for each placement of memory, alike otherwise.  Throws std::runtime_error if a result is
  // wrong.
  void sit(std::vector<Field> &fields, const Effort &effort, Calibration &calibration);
  // From all sittings so far.
  Outcome outcome(const Effort &effort) const;

private:
  RaceSetting setting_;
  std::vector<Entrant> entrants_; // without operations, which hold memory
  std::vector<Batch> batches_;    // all, disturbed ones too
  int sittings_ = 0;
};

} // namespace lanefold::bench
