// The matrix products of Eigen, as a module for each instruction set.  eigen.cpp opens it.
#include <Eigen/Core>

#include <cstdint>

#define LANEFOLD_EXPORT extern "C" __attribute__((visibility("default")))

namespace {

using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Operand = Eigen::Map<const Matrix>;

} // namespace

LANEFOLD_EXPORT const char *lanefold_eigen_version() {
#define LANEFOLD_TEXT(x) #x
#define LANEFOLD_VERSION(world, major, minor) LANEFOLD_TEXT(world) "." LANEFOLD_TEXT(major) "." LANEFOLD_TEXT(minor)
  return LANEFOLD_VERSION(EIGEN_WORLD_VERSION, EIGEN_MAJOR_VERSION, EIGEN_MINOR_VERSION);
}

LANEFOLD_EXPORT const char *lanefold_eigen_instructions() {
#if defined(EIGEN_VECTORIZE_AVX512) && defined(EIGEN_VECTORIZE_FMA)
  return "AVX-512 with FMA";
#elif defined(EIGEN_VECTORIZE_AVX2) && defined(EIGEN_VECTORIZE_FMA)
  return "AVX2 with FMA";
#else
  return Eigen::SimdInstructionSetsInUse();
#endif
}

LANEFOLD_EXPORT void lanefold_eigen_set_threads(int threads) { Eigen::setNbThreads(threads); }

// c = op(a) op(b), row-major and contiguous.  A transposed a is stored k x m, a transposed b n x k.
LANEFOLD_EXPORT void lanefold_eigen_product(int transposed_a, int transposed_b, int64_t m, int64_t n, int64_t k,
                                            const float *a, const float *b, float *c) {
  Eigen::Map<Matrix> result(c, m, n);
  if (transposed_a && transposed_b) result.noalias() = Operand(a, k, m).transpose() * Operand(b, n, k).transpose();
  else if (transposed_a) result.noalias() = Operand(a, k, m).transpose() * Operand(b, k, n);
  else if (transposed_b) result.noalias() = Operand(a, m, k) * Operand(b, n, k).transpose();
  else result.noalias() = Operand(a, m, k) * Operand(b, k, n);
}
