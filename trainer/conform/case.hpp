// A call of one operation as data: named numbers and named arrays.  Random cases and golden vectors have this form, so
// one function fills the argument structs of both, and one computes the expected results.
#pragma once

#include "trainer/data/random.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace lanefold::trainer::conform {

enum class Element { float32, int32, uint32, uint8, int64 };

struct Array {
  std::string name; // as in the argument struct: "x", "w", "gamma"
  int64_t rows, columns;
  bool is_read, is_written;
  Element element = Element::float32;
  std::vector<double> values = {}; // before the call, row by row; empty: not a number, or 0 for integers
  std::string in_place_of = "";    // the array whose memory this one shares

  double at(int64_t i, int64_t j) const { return values[static_cast<size_t>(i * columns + j)]; }
};

// The interval in which a result must lie.
struct Interval {
  double low, high; // both NaN: the result must be NaN
  bool contains(double value) const;
};

using Expected = std::map<std::string, std::vector<Interval>>; // of each array that is written

// Expected results, once they are known.  A copy of a case begins without them, because copies are made to be changed.
struct KnownResults {
  std::optional<Expected> value;
  KnownResults() = default;
  KnownResults(const KnownResults &) {}
  KnownResults &operator=(const KnownResults &) { return value.reset(), *this; }
};

struct Case {
  int32_t op; // LF_OP_SGEMM, for example
  std::map<std::string, double> numbers;
  std::vector<Array> arrays;
  mutable KnownResults known = {};

  double number(const std::string &name, double otherwise = 0) const;
  int64_t size(const std::string &name) const { return static_cast<int64_t>(number(name)); }
  const Array *find(const std::string &name) const; // NULL if there is none
  Array *find(const std::string &name) { return const_cast<Array *>(std::as_const(*this).find(name)); }
  const Array &array(const std::string &name) const; // must exist
  std::string text() const;                          // "sgemm, a 3 x 5, b 5 x 4, c 3 x 4, alpha 1"
};

// The names of the operations, as in the kernel table.
const char *operation_name(int32_t op);

// Which cases a check makes of each operation.
enum class Choice {
  small, // one size, each way to call
  few,
  many,
  large, // thousands of rows, columns or terms; products have exact results
  apart, // every matrix has several rows
};

// Cases with random sizes, options and values.  They are made once, and live as long as the process.
const std::vector<Case> &some_cases(int32_t op, Choice choice);

// The cases of docs/golden_vectors.json, with their expected results.
struct GoldenCase {
  Case given;
  std::map<std::string, std::vector<double>> results;
};
std::vector<GoldenCase> golden_cases_of(int32_t op);

// The results of a case, computed in double, with a bound on the rounding errors of any reasonable order of operations.
// They are computed once for each case.
const Expected &expected_results(const Case &given);

} // namespace lanefold::trainer::conform
