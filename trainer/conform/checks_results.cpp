// Checks of numbers, and of the memory around them.
#include "trainer/conform/conform.hpp"
#include "trainer/conform/process_state.hpp"

#include <lanefold/lanefold.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <utility>

namespace lanefold::trainer::conform {
namespace {

std::string text_of(double value) {
  if (std::isnan(value)) return "NaN";
  char text[40];
  std::snprintf(text, sizeof text, "%.9g", value);
  return text;
}

std::string text_of(const Interval &expected) {
  const std::string low = text_of(expected.low), high = text_of(expected.high);
  return low == high ? low : low + " to " + high;
}

void all_right(Opened &module, const Cases &cases, const CallOptions &options, unsigned facets,
               const std::string &where, Findings &findings) {
  for (const Case &given : cases) {
    expect_right(module.subject, given, options, facets, where, findings);
    if (findings.full()) return;
  }
}

bool is_in_place(const Case &given) {
  for (const Array &array : given.arrays)
    if (!array.in_place_of.empty()) return true;
  return false;
}

Cases cases_where(Opened &module, Choice choice, bool (*wanted)(const Case &)) {
  Cases cases;
  for (const Case &given : cases_of(module.subject, choice))
    if (wanted(given)) cases.push_back(given);
  return cases;
}

void within_bounds(Opened &module, Findings &findings) {
  const auto plain = [](const Case &given) { return !is_in_place(given); };
  all_right(module, cases_where(module, Choice::many, plain), {}, results, "", findings);
}

void in_place(Opened &module, Findings &findings) {
  all_right(module, cases_where(module, Choice::many, is_in_place), {}, results, "", findings);
}

// Calls whose input is -0, and whose formula gives -0.  The comparison with bounds does not see the sign of a zero.
std::vector<Case> negative_zeros() {
  const Array zeros{"x", 3, 21, true, false, Element::float32, std::vector<double>(63, -0.0)};
  std::vector<Case> cases;
  for (const int32_t activation :
       {LF_IDENTITY, LF_LEAKY_RELU, LF_ELU, LF_SELU, LF_TANH, LF_SILU, LF_HARD_SWISH, LF_GELU, LF_GELU_TANH})
    for (const double alpha : {1.0, 0.25})
      cases.push_back({LF_OP_ACTIVATION_FORWARD,
                       {{"activation", activation}, {"alpha", alpha}},
                       {zeros, {"y", 3, 21, false, true}}});
  cases.push_back({LF_OP_UNPACK_WEIGHTS, {}, {zeros, {"unpacked", 3, 21, false, true}}});
  cases.back().arrays[0].name = "w";
  return cases;
}

void keep_negative_zeros(const Subject &subject, Findings &findings) {
  for (const Case &given : negative_zeros()) {
    if (!subject.serves(given)) continue;
    const std::string where = ", where " + given.arrays[0].name + " is -0";
    const Outcome outcome = expect_right(subject, given, {}, results, where, findings);
    if (outcome.status != LF_OK) continue;
    for (const auto &[name, values] : outcome.results)
      if (!std::all_of(values.begin(), values.end(), [](double value) { return std::signbit(value); }))
        findings.add(name + " is 0; expected -0: " + given.text() + where);
  }
}

// Whether the results have useful bounds if one input is special.  Sums and squares of huge numbers have none, nor
// do differences of infinities.
bool has_bounds(const Case &given, double special) {
  if (std::isnan(special) || given.op == LF_OP_ACTIVATION_FORWARD) return true;
  // The derivative of softplus is 1 - exp(-y), for y as softplus gives it: never below 0.
  if (given.op == LF_OP_ACTIVATION_BACKWARD && given.number("activation") == LF_SOFTPLUS && special < 0) return false;
  const bool is_linear = given.find("gamma") == nullptr && given.op != LF_OP_DENSE_BACKWARD &&
                         given.op != LF_OP_SOFTMAX_CROSS_ENTROPY && given.op != LF_OP_OPTIMIZER_STEP;
  return is_linear && (std::isinf(special) || std::abs(special) < 1);
}

// Puts special values into the first array of floats that the case reads.
void special_values(Opened &module, Findings &findings) {
  keep_negative_zeros(module.subject, findings);
  for (const Case &given : cases_of(module.subject, Choice::few))
    for (const double special : {double{NAN}, double{INFINITY}, -double{INFINITY}, -0.0, 0x1p-140, 0x1.cp127}) {
      Case changed = given;
      std::erase_if(changed.arrays, [](const Array &array) { return array.name == "error_bound"; }); // no bound exists
      const auto first = std::find_if(changed.arrays.begin(), changed.arrays.end(), [](const Array &array) {
        return array.element == Element::float32 && !array.values.empty();
      });
      if (first == changed.arrays.end() || !has_bounds(given, special)) continue;
      first->values[first->values.size() / 2] = special;
      expect_right(module.subject, changed, {}, results, ", with " + text_of(special) + " in " + first->name, findings);
      if (findings.full()) return;
    }
}

// A zero times infinity is NaN: no product may be left out, and no padding may be multiplied.
void zeros_and_infinities(Opened &module, Findings &findings) {
  for (const Case &given : cases_of(module.subject, Choice::few))
    for (const auto &[zeros, infinities] :
         {std::pair("a", "b"), std::pair("b", "a"), std::pair("x", "w"), std::pair("w", "x")}) {
      Case changed = given;
      Array *zero = changed.find(zeros), *infinite = changed.find(infinities);
      const bool is_product =
          given.op == LF_OP_SGEMM || given.op == LF_OP_DENSE_INFER || given.op == LF_OP_DENSE_FORWARD;
      if (!is_product || given.find("gamma") != nullptr || zero == nullptr || infinite == nullptr) continue;
      for (double &value : zero->values) value = 0;
      for (size_t i = 0; i < infinite->values.size(); i += 7) infinite->values[i] = INFINITY;
      expect_right(module.subject, changed, {}, results,
                   ", where " + std::string(zeros) + " is 0 and " + infinities + " has infinities", findings);
      if (findings.full()) return;
    }
}

// The empty matrices to which calls give a meaning: a sum over nothing is 0.
std::vector<Case> empty_cases() {
  const auto input = [](const char *name, int64_t rows, int64_t columns) {
    return Array{name,
                 rows,
                 columns,
                 true,
                 false,
                 Element::float32,
                 std::vector<double>(static_cast<size_t>(rows * columns), 0.5)};
  };
  const auto output = [](const char *name, int64_t rows, int64_t columns) {
    return Array{name, rows, columns, false, true};
  };
  Case scaled{LF_OP_SGEMM, {{"alpha", 1}, {"beta", -2}}, {input("a", 3, 0), input("b", 0, 5), input("c", 3, 5)}};
  scaled.find("c")->is_written = true;
  return {
      scaled,
      {LF_OP_SGEMM, {{"alpha", 1}}, {input("a", 3, 0), input("b", 0, 5), output("c", 3, 5)}},
      {LF_OP_DENSE_FORWARD, {}, {input("x", 3, 0), input("w", 0, 5), input("bias", 1, 5), output("y", 3, 5)}},
      {LF_OP_DENSE_BACKWARD,
       {},
       {input("x", 0, 4), input("w", 4, 5), input("y", 0, 5), input("dy", 0, 5), output("dw", 4, 5),
        output("dbias", 1, 5)}},
      {LF_OP_BATCH_NORM_BACKWARD,
       {},
       {input("x", 0, 5), input("dy", 0, 5), input("gamma", 1, 5), input("mean", 1, 5), input("inv_std", 1, 5),
        output("dgamma", 1, 5), output("dbeta", 1, 5)}},
  };
}

void empty_matrices(Opened &module, Findings &findings) {
  CallOptions options;
  options.placement.nan = true;
  for (const Case &given : empty_cases())
    if (module.subject.serves(given)) expect_right(module.subject, given, options, results | damage, "", findings);
}

void outputs_begin_as_nan(Opened &module, Findings &findings) {
  CallOptions options;
  options.placement.nan = true;
  all_right(module, cases_of(module.subject, Choice::many), options, results, ", where outputs begin as NaN", findings);
}

void guarded(Opened &module, Findings &findings) {
  CallOptions options;
  for (const Side side : {Side::ends, Side::begins}) {
    options.placement.side = side;
    all_right(module, cases_of(module.subject, Choice::many), options, damage, "", findings);
  }
}

void strides(Opened &module, Findings &findings) {
  CallOptions options;
  for (const int64_t gap : {1, 3, 16}) {
    options.placement.gap = gap;
    all_right(module, cases_of(module.subject, Choice::few), options, results | damage,
              ", with " + std::to_string(gap) + " elements between rows", findings);
  }
}

void alignments(Opened &module, Findings &findings) {
  CallOptions options;
  options.placement.side = Side::begins;
  for (int64_t shift = 1; shift < 16; ++shift) {
    options.placement.shift = shift, options.placement.gap = shift % 3;
    all_right(module, cases_of(module.subject, Choice::few), options, results | damage,
              ", " + std::to_string(4 * shift) + " bytes past a multiple of 64", findings);
  }
}

// Between two rows lie pages that cannot be written.
void between_rows(Opened &module, Findings &findings) {
  CallOptions options;
  options.placement.apart = 1 << 16; // whole pages: an element has at least 1 byte, and a page at most 64 KB
  for (const Side side : {Side::ends, Side::begins}) {
    options.placement.side = side;
    all_right(module, cases_of(module.subject, Choice::few), options, results | damage, ", with rows that lie apart",
              findings);
  }
}

// With the first stride, only the last rows lie 2^31 elements or more from the first one.
void far_rows(Opened &module, Findings &findings) {
  CallOptions options;
  for (const int64_t stride : {int64_t{1} << 27, (int64_t{1} << 31) + (1 << 16)}) {
    options.placement.apart = stride;
    all_right(module, cases_of(module.subject, Choice::apart), options, results | damage,
              ", with " + std::to_string(stride) + " elements from one row to the next", findings);
  }
}

void large_sizes(Opened &module, Findings &findings) {
  all_right(module, cases_of(module.subject, Choice::large), {}, results, "", findings);
}

void heap(Opened &module, Findings &findings) {
  CallOptions options;
  options.watches_heap = true;
  all_right(module, cases_of(module.subject, Choice::few), options, damage, "", findings);
}

// Memory that grows in every round is never freed.  The first rounds do not count: in them, a plugin may allocate what
// it keeps, and conform makes its own mappings.
void leaks(Opened &module, Findings &findings) {
  constexpr int first_rounds = 3, rounds = 4;
  for (const int32_t op : module.subject.operations) {
    int heap_grew = 0, addresses_grew = 0;
    Allocated before = {};
    for (int round = 0; round <= first_rounds + rounds; ++round) {
      for (const Case &given : some_cases(op, Choice::few))
        if (module.subject.serves(given)) call(module.subject, given);
      const Allocated now = allocated();
      if (round > first_rounds) heap_grew += now.heap > before.heap, addresses_grew += now.addresses > before.addresses;
      before = now;
    }
    if (heap_grew == rounds || addresses_grew == rounds)
      findings.add(std::string(operation_name(op)) +
                   (heap_grew == rounds ? " does not free what it allocates" : " does not unmap what it maps"));
  }
}

void scratch(Opened &module, Findings &findings) {
  CallOptions options;
  options.host.order = Order::shuffled;
  for (const Side side : {Side::ends, Side::begins}) {
    options.host.scratch_side = side;
    all_right(module, cases_of(module.subject, Choice::few), options, misuse, "", findings);
  }
}

void no_scratch(Opened &module, Findings &findings) {
  for (const Case &given : cases_of(module.subject, Choice::few))
    for (const int64_t acquisitions : {0, 1, 2}) {
      CallOptions options;
      options.host.acquisitions = acquisitions, options.placement.nan = true;
      const Outcome outcome = call(module.subject, given, options);
      const std::string where = " when there is no scratch memory: " + given.text();
      if (outcome.status == LF_OK) {
        if (outcome.refused_scratch)
          if (const std::string wrong = wrong_result(given, outcome); !wrong.empty())
            findings.add_wrong_results(given.op, wrong + where);
      } else if (outcome.status != LF_OUT_OF_MEMORY && outcome.status != LF_UNSUPPORTED) {
        findings.add("it returns " + std::string(lf_status_name(outcome.status)) + where);
      } else if (!outcome.outputs_untouched) {
        findings.add("it changes outputs" + where);
      }
      if (!outcome.misuse.empty()) findings.add(outcome.misuse + where);
      if (!outcome.refused_scratch || findings.full()) break;
    }
}

} // namespace

std::string wrong_result(const Case &given, const Outcome &outcome) {
  for (const auto &[name, intervals] : expected_results(given)) {
    const std::vector<double> &values = outcome.results.at(name);
    const int64_t columns = given.array(name).columns;
    for (size_t i = 0; i < intervals.size(); ++i) {
      if (intervals[i].contains(values[i])) continue;
      const auto at = static_cast<int64_t>(i);
      return name + "[" + std::to_string(at / columns) + "][" + std::to_string(at % columns) + "] is " +
             text_of(values[i]) + "; expected " + text_of(intervals[i]);
    }
  }
  return "";
}

Outcome expect_right(const Subject &subject, const Case &given, const CallOptions &options, unsigned facets,
                     const std::string &where, Findings &findings) {
  Outcome outcome = call(subject, given, options);
  const std::string in = ": " + given.text() + where;
  if ((facets & results) != 0) {
    if (outcome.status != LF_OK && outcome.status != LF_UNSUPPORTED)
      findings.add_wrong_results(given.op, "it returns " + std::string(lf_status_name(outcome.status)) +
                                               (outcome.message.empty() ? "" : " (" + outcome.message + ")") + in);
    if (outcome.status == LF_OK)
      if (const std::string wrong = wrong_result(given, outcome); !wrong.empty())
        findings.add_wrong_results(given.op, wrong + in);
  }
  if ((facets & damage) != 0 && !outcome.damage.empty()) findings.add(outcome.damage + in);
  if ((facets & misuse) != 0 && !outcome.misuse.empty()) findings.add(outcome.misuse + in);
  if ((facets & changes) != 0 && !outcome.changed.empty()) findings.add("it changes " + outcome.changed + in);
  return outcome;
}

Cases cases_of(const Subject &subject, Choice choice) {
  Cases cases;
  for (const int32_t op : subject.operations)
    for (const Case &given : some_cases(op, choice))
      if (subject.serves(given)) cases.push_back(given);
  return cases;
}

std::vector<Check> result_checks() {
  return {
      {"numbers", "error-bounds", "Results lie within the rounding errors of their formula.", Check::calls,
       within_bounds},
      {"numbers", "in-place", "An output may be its input where the call says so.", Check::calls, in_place},
      {"numbers", "special-values", "NaN, infinities and -0 give what the formula gives.", Check::calls,
       special_values},
      {"numbers", "zeros", "No product is left out: zero times infinity is NaN.", Check::calls, zeros_and_infinities},
      {"numbers", "empty", "A sum over nothing is 0.", Check::calls, empty_matrices},
      {"numbers", "large-sizes", "Sums of thousands of small integers are exact, and large matrices keep the bounds.",
       Check::calls, large_sizes},
      {"memory", "nan-outputs", "What an output held before has no effect.", Check::calls, outputs_begin_as_nan},
      {"memory", "guard-pages", "The plugin stays within the matrices, and changes no input.", Check::calls, guarded},
      {"memory", "strides", "Rows may lie apart, and nothing between them changes.", Check::calls, strides},
      {"memory", "between-rows", "Nothing is written between rows, not even the old values.", Check::calls,
       between_rows},
      {"memory", "far-rows", "Rows may lie more than 2^31 elements apart.", Check::calls, far_rows},
      {"memory", "alignment", "Matrices need only the alignment of a float.", Check::calls, alignments},
      {"memory", "heap", "The plugin writes only within the blocks that it allocates.", Check::calls, heap},
      {"memory", "leaks", "Calls free what they allocate.", Check::calls, leaks},
      {"memory", "scratch", "The plugin uses the host as plugin.h says.", Check::calls, scratch},
      {"memory", "no-scratch", "Without scratch memory, a call works or returns LF_OUT_OF_MEMORY.", Check::calls,
       no_scratch},
  };
}

} // namespace lanefold::trainer::conform
