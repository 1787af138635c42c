// Variants whose times are made up.
#pragma once

#include "timing/case_run.hpp"

#include <string>
#include <vector>

namespace lanefold::bench {

inline Fields fields_of_test(const std::string &form) {
  Fields fields;
  fields.family = fields.op = "test", fields.form = form, fields.threads = 1;
  return fields;
}

// A variant that reports `seconds` for each call.
inline VariantInstance timed(const std::string &label, double seconds, const std::string &group = "",
                             std::vector<std::string> *calls = nullptr) {
  VariantInstance own;
  own.variant = {label, fields_of_test(label), {100, 40, 10}, group};
  own.operation.run = [] {};
  own.operation.time_calls = [=](int64_t iterations) {
    if (calls) calls->push_back(label);
    return TimedCalls{seconds * static_cast<double>(iterations)};
  };
  return own;
}

inline CaseResult run(const std::vector<VariantInstance> &variants, std::vector<Ratio> ratios, int rounds = 1) {
  CaseRun case_run(1, std::move(ratios));
  for (int i = 0; i < rounds; ++i) {
    CaseInstance instance{variants, nullptr};
    case_run.measure_round(instance);
  }
  return case_run.result();
}

} // namespace lanefold::bench
