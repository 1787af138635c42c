// Measures a case in rounds.  Each round has new memory and begins at another time than the one before.  Some effects
// stay the same within a round, such as which physical pages share a cache set.  A sample is one repetition of every
// variant, one right after the other, in random order.  A repetition is a timed loop of calls of one variant.
#pragma once

#include "case.hpp"
#include "estimate.hpp"
#include "fixture.hpp"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace lanefold::bench {

// The results of variants that were found right: hashes of their outputs, by the name of the variant.
using Verified = std::map<std::string, std::vector<size_t>>;

// Runs every variant once.  Results with the bits of a verified one are right; the others are compared with a reference
// and become verified.  Throws std::runtime_error if a result is wrong.
void verify(CaseInstance &instance, Verified &verified);

struct MeasuredRatio {
  Ratio ratio;
  Interval interval;
  std::string numerator, denominator; // names of the variants that it compares; a time has no denominator
};

// One variant in one round, for the files of other tools.
struct RoundTime {
  double seconds = 0, cpu_seconds = 0; // of one call
  int64_t iterations = 0;              // calls that were timed
  double waited = 0;                   // the share of the time that threads waited for a CPU
  bool shared_core = false;            // the other thread of the core was at work
};

struct CaseResult {
  std::vector<Variant> variants;
  std::vector<Interval> seconds;              // of one call of each variant
  std::vector<MeasuredRatio> ratios;          // those whose variants exist here
  std::vector<std::vector<RoundTime>> rounds; // by round and variant
  int samples = 0;
  int discarded = 0; // rounds in which all repetitions of a variant were disturbed
  // In which share of the repetitions the other thread of the core was at work.  Absent if nothing tells.
  std::optional<double> shared_core;
};

class CaseRun {
public:
  // threads: of the process.
  CaseRun(int threads, std::vector<Ratio> ratios, IsCoreShared is_core_shared = {})
      : threads_(threads), ratios_(std::move(ratios)), is_core_shared_(std::move(is_core_shared)) {}

  // Measures a round on a new instance, whose variants are those of the instances before.  Throws std::runtime_error if a
  // result is wrong.
  void measure_round(CaseInstance &instance);
  // Of the rounds that count.  Throws std::logic_error if there is none.
  CaseResult result() const;
  size_t rounds() const { return rounds_.size(); }                     // that count
  size_t discarded() const { return static_cast<size_t>(discarded_); } // rounds

private:
  class RegisteredInstance;
  void prepare(const CaseInstance &first);
  bool is_disturbed(const RoundTime &time, size_t variant);
  void drop_slow_peers();
  std::vector<size_t> contenders(const std::string &label) const; // with this label or in this group, and not dropped
  Interval interval_of(const Ratio &ratio, size_t numerator, size_t denominator) const;
  MeasuredRatio measured(const Ratio &ratio, const std::vector<size_t> &numerators,
                         const std::vector<size_t> &denominators, const std::vector<Interval> &seconds) const;

  int threads_;
  std::vector<Ratio> ratios_;
  IsCoreShared is_core_shared_;
  std::vector<Variant> variants_;
  std::vector<int64_t> iterations_; // of each variant, in one repetition
  std::optional<FastestTimes> times_;
  std::vector<double> least_waited_; // by variant, a share of the time
  std::vector<bool> dropped_;        // by variant
  std::vector<std::vector<RoundTime>> rounds_;
  int samples_ = 0, discarded_ = 0;
  int repetitions_ = 0, on_shared_core_ = 0; // repetitions
  Verified verified_;
};

} // namespace lanefold::bench
