// A case compares several variants that do the same work.  Their repetitions run interleaved in random order, so that
// frequency drift and noisy neighbours affect all variants alike.
#pragma once

#include "../peers/peer.hpp"
#include "calibration.hpp"
#include "statistics.hpp"

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
  std::function<void()> clear;           // fills the outputs with NaN, so that no variant passes with another's result
  std::function<std::string()> mismatch; // after a call: describes the first wrong value, or returns ""
};

struct Variant {
  std::string label; // unique within its case: "fused"
  std::string name;  // unique in a run: "dense/forward_fused_bn_elu/isa:avx512/m:200/n:300/k:784/threads:1"
  Work work;
  Operation operation;
  Verification verification;
  std::string group; // a ratio may name this group; it then uses the group's fastest variant: "peers"
};

// All variants of one case, made on one placement of memory.
struct CaseInstance {
  std::vector<Variant> variants;
  std::shared_ptr<void> memory;
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
  std::string name;
  Kind kind = times;
  std::string numerator, denominator; // labels or groups of variants
  Sense sense = Sense::none;
  double target = 0, scale = 1;
};

// Runs every variant once.  Throws std::runtime_error if a result is wrong.
void verify(const std::vector<CaseInstance> &instances);

// How long to measure, and how precisely.
struct Effort {
  double max_seconds;                 // for one round, without the warm-up
  double interval_width = 0.02;       // stop when every interval is narrower than this, relative to its value
  double repetition_seconds = 100e-6; // minimum for one repetition of one variant
  int min_samples = 9, max_samples = 120;
};

struct CaseSetting {
  int threads;
  bool cold; // evict the caches before each repetition, which then is a single call
  std::vector<Ratio> ratios;
};

struct MeasuredRatio {
  Ratio ratio;
  Interval interval;
  std::string numerator, denominator; // names of the variants that it compares
};

// One repetition of one variant: a timed loop of calls.
struct Repetition {
  double seconds = 0, cpu_seconds = 0; // of one call
  int64_t iterations = 0;              // calls
};

// One repetition of every variant on every placement of memory.
struct Sample {
  double drift;                                     // the larger drift of the calibrations before and after
  int round;                                        // in which it was taken
  std::vector<std::vector<Repetition>> repetitions; // by placement and variant
};

// The mean over the placements of a sample.
Repetition mean_repetition(const Sample &sample, size_t variant);

struct CaseResult {
  std::vector<Variant> variants;     // without their operations
  std::vector<Sample> samples;       // those that the medians use
  std::vector<MeasuredRatio> ratios; // those whose variants exist here
  int noisy = 0;          // samples that are used although they are noisy, because there are too few quiet ones
  int discarded = 0;      // noisy samples that are not used
  bool converged = false; // no noisy sample is used, and every interval is narrow enough
  Interval seconds(size_t variant) const; // of one call
};

// Measures a case in one or more rounds.  Each round has new memory and begins minutes after the one before.  Some
// effects stay the same within a round, such as which physical pages share a cache set.  Several rounds bring them into
// the intervals.
class CaseRun {
public:
  explicit CaseRun(CaseSetting setting) : setting_(std::move(setting)) {}

  // Measures one round.  `instances` has one instance for each placement of memory, with the same variants.  `drift`
  // returns what Calibration::drift() does.  Throws std::runtime_error if a result is wrong.
  void measure_round(std::vector<CaseInstance> &instances, const Effort &effort, const std::function<double()> &drift);
  // From all rounds so far.
  CaseResult result(const Effort &effort) const;

private:
  CaseSetting setting_;
  std::vector<Variant> variants_; // without operations, which hold memory
  std::vector<Sample> samples_;   // all of them, noisy ones too
  int rounds_ = 0;
};

} // namespace lanefold::bench
