// Every one of the 2^32 floats through every function of one instruction set.  Without a file of digests, it compares
// the results with the exact values, and writes their digests.  With one, the results must have the same bits, and so
// are as good.
#include "functions.hpp"

#include <lanefold/lanefold.hpp>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cfloat>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

using namespace lanefold;
using namespace lanefold::test;

namespace {

struct Subject {
  const char *name;
  Function function;
  double allowed;           // distance from the exact value, in ulps
  double (*exact)(double);  // in double, whose error counts for nothing here
  bool (*defined)(float x); // where the kernels use it
};

// exp is asked for x <= 0 only, expm1 for x < 0 or where the sign of the result is not kept, log for normal numbers.  The
// product of a target and an infinite logit may be NaN.
constexpr bool anywhere(float) { return true; }
bool nonpositive(float x) { return !(x > 0); }
bool negative(float x) { return !(x >= 0); }
bool normal(float x) { return !(x < FLT_MIN); }
bool not_infinite(float x) { return !std::isinf(x); }

double softplus(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))); }

constexpr Subject subjects[] = {
    {"exp", Function::exp, 1, std::exp, nonpositive},
    {"expm1", Function::expm1, 1, std::expm1, negative},
    {"elu", Function::elu, 1, [](double x) { return x < 0 ? std::expm1(x) : x; }, anywhere},
    {"selu", Function::selu, 2,
     [](double x) { return 1.0507009873554804934 * (x < 0 ? 1.6732632423543772848 * std::expm1(x) : x); }, anywhere},
    {"tanh", Function::tanh, 2, std::tanh, anywhere},
    {"logistic", Function::logistic, 2, [](double x) { return 1 / (1 + std::exp(-x)); }, anywhere},
    {"log", Function::log, 2, std::log, normal},
    {"softplus", Function::softplus, 2, softplus, anywhere},
    {"silu", Function::silu, 2, [](double x) { return x < -800 ? -0.0 : x / (1 + std::exp(-x)); }, anywhere},
    {"hard-swish", Function::hard_swish, 2, [](double x) { return x >= 3    ? x
                                                                  : x <= -3 ? -0.0
                                                                            : x * (x + 3) / 6; },
     anywhere},
    {"gelu", Function::gelu, 4, [](double x) { return x < -50 ? -0.0 : x * std::erfc(-x * std::sqrt(0.5)) / 2; },
     anywhere},
    {"gelu-tanh", Function::gelu_tanh, 4,
     [](double x) {
       constexpr double c = 1.5957691216057307;
       return x < -30 ? -0.0 : x / (1 + std::exp(-c * (x + 0.044715 * x * x * x)));
     },
     anywhere},
    {"cross-entropy-0", Function::cross_entropy_0, 2, softplus, not_infinite},
    {"cross-entropy-1", Function::cross_entropy_1, 2, [](double x) { return softplus(-x); }, not_infinite},
};

// One unit in the last place of a result of this size.
double ulp(double exact) {
  if (exact == 0) return 0x1p-149;
  int exponent;
  std::frexp(exact, &exponent);
  return std::ldexp(1.0, std::max(exponent - 24, -149));
}

// How far y is from the exact value; infinite where only one is NaN, or where only the exact value is infinite.
double distance(float y, double exact) {
  if (std::isnan(exact) || std::isnan(y)) return std::isnan(exact) && std::isnan(y) ? 0 : INFINITY;
  if (std::isinf(static_cast<float>(exact)) || std::isinf(exact)) return y == static_cast<float>(exact) ? 0 : INFINITY;
  if (std::isinf(y))
    return std::abs(std::copysign(0x1p128, y) - exact) / ulp(exact); // what it was rounded from, at least
  if (exact == 0 && std::signbit(exact) != std::signbit(y)) return INFINITY;
  return std::abs(static_cast<double>(y) - exact) / ulp(exact);
}

struct Distances {
  double distance = 0; // the largest
  float where = 0;
  uint64_t digest = 0; // of all results, in any order of blocks
};

constexpr int64_t block = 1 << 16, blocks = int64_t{1} << 16;

void run_block(const Subject &subject, bool against_exact, int64_t index, Distances &result) {
  static thread_local std::vector<float> x(block), y(block);
  for (int64_t j = 0; j < block; ++j)
    x[static_cast<size_t>(j)] = std::bit_cast<float>(static_cast<uint32_t>(index * block + j));
  apply(subject.function, x.data(), y.data(), block);
  constexpr uint64_t prime = 0x100000001b3; // of FNV-1a
  uint64_t digest = 0xcbf29ce484222325 ^ static_cast<uint64_t>(index);
  for (size_t j = 0; j < x.size(); ++j) {
    if (!subject.defined(x[j])) continue;
    digest = (digest ^ (std::isnan(y[j]) ? 0x7fc00000u : std::bit_cast<uint32_t>(y[j]))) * prime;
    if (!against_exact) continue;
    const double d = distance(y[j], subject.exact(static_cast<double>(x[j])));
    if (d > result.distance) result.distance = d, result.where = x[j];
  }
  result.digest += digest;
}

Distances run(const Subject &subject, bool against_exact) {
  const unsigned threads = std::max(1u, std::thread::hardware_concurrency());
  std::atomic<int64_t> next = 0;
  std::vector<Distances> each(threads);
  std::vector<std::thread> workers;
  for (Distances &result : each)
    workers.emplace_back([&] {
      for (int64_t index; (index = next++) < blocks;) run_block(subject, against_exact, index, result);
    });
  for (std::thread &worker : workers) worker.join();
  Distances all;
  for (const Distances &result : each) {
    if (result.distance > all.distance) all.distance = result.distance, all.where = result.where;
    all.digest += result.digest;
  }
  return all;
}

} // namespace

int main(int argc, char **argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s DIGESTS\n", argv[0]);
    return 2;
  }
  auto options = args<lf_context_options>();
  options.isa = LANEFOLD_TESTED_ISA;
  try {
    const Context context(options);
  } catch (const Error &error) {
    std::printf("SKIPPED %s: %s\n", LANEFOLD_TESTED_ISA, error.what());
    return 77;
  }
  std::ifstream known(argv[1]);
  const bool against_exact = !known;
  std::ofstream made;
  if (against_exact) made.open(argv[1]);
  bool good = true;
  for (const Subject &subject : subjects) {
    const Distances result = run(subject, against_exact);
    uint64_t expected = result.digest;
    if (against_exact) made << result.digest << '\n';
    else known >> expected;
    const bool holds = result.distance <= subject.allowed && result.digest == expected;
    good = good && holds;
    if (against_exact)
      std::printf("%-8s %-10s at most %.4f ulp, at %a (allowed %g): %s\n", LANEFOLD_TESTED_ISA, subject.name,
                  result.distance, static_cast<double>(result.where), subject.allowed, holds ? "ok" : "FAILED");
    else
      std::printf("%-8s %-10s %s\n", LANEFOLD_TESTED_ISA, subject.name,
                  holds ? "the same bits: ok" : "other bits: FAILED");
    std::fflush(stdout);
  }
  if (against_exact) {
    made.close();
    good = good && made.good();
  }
  return good ? 0 : 1;
}
