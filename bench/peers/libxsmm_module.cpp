// The matrix products of libxsmm, as a module, because Debian has libxsmm as a static library.  libxsmm.cpp opens it.
// libxsmm compiles kernels for small column-major products.  A larger product is a loop over tiles, and a row-major
// product C = A B is the column-major product C^T = B^T A^T: its first operand is B and its second one A.
#include <libxsmm.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <compare>
#include <cstdint>
#include <memory>
#include <set>
#include <vector>

#define LANEFOLD_EXPORT extern "C" __attribute__((visibility("default")))

namespace {

struct Problem {
  bool transposed_a, transposed_b;
  int m, n, k, threads;
  const float *a, *b;
  float *c;
};

// How a product is computed.  Packing copies B into panels of nb columns, and A into rows that do not map to one L1 set.
struct Way {
  int mb, nb, kb;
  bool packs_a, packs_b;
  int threads; // 1 is faster for a tiny product
  auto operator<=>(const Way &) const = default;
};

using Vector = std::unique_ptr<float[], decltype(&libxsmm_free)>;

Vector aligned(size_t count) {
  return {static_cast<float *>(libxsmm_aligned_malloc(std::max<size_t>(count, 1) * sizeof(float), 64)), libxsmm_free};
}

constexpr unsigned element = sizeof(float);

class Product {
public:
  // With constant_b, B is packed now, else in each run.
  Product(const Problem &problem, const Way &way, bool constant_b)
      : p_(problem), way_(way), constant_b_(constant_b), packs_a_(way.packs_a || p_.transposed_a),
        packs_b_(way.packs_b || p_.transposed_b || constant_b), stride_a_(packs_a_ ? p_.k + padding : p_.k),
        panels_((p_.n + way.nb - 1) / way.nb), rows_((p_.m + way.mb - 1) / way.mb),
        packed_a_(aligned(packs_a_ ? static_cast<size_t>(p_.m) * static_cast<size_t>(stride_a_) : 0)),
        packed_b_(aligned(packs_b_ ? static_cast<size_t>(panels_) * panel_size() : 0)) {
    const int ldb = packs_b_ ? way.nb : p_.n;
    const std::array sizes_n = {way.nb, p_.n % way.nb}, sizes_m = {way.mb, p_.m % way.mb};
    const std::array sizes_k = {way.kb, p_.k % way.kb};
    const float one = 1, zero = 0;
    for (size_t i = 0; i < kernels_.size(); ++i) {
      const int n = sizes_n[i & 1], m = sizes_m[i >> 1 & 1], k = sizes_k[i >> 2 & 1];
      if (n == 0 || m == 0 || k == 0) continue;
      kernels_[i] = libxsmm_smmdispatch(n, m, k, &ldb, &stride_a_, &p_.n, &one, i & 8 ? &one : &zero, nullptr, nullptr);
      works_ = works_ && kernels_[i];
    }
    if (constant_b)
      for (int panel = 0; panel < panels_; ++panel) pack_b(panel);
  }

  bool works() const { return works_; }

  void run() {
    if (way_.threads == 1) {
      if (packs_a_)
        for (int row = 0; row < rows_; ++row) pack_a(row);
      for (int panel = 0; panel < panels_; ++panel) {
        if (packs_b_ && !constant_b_) pack_b(panel);
        for (int row = 0; row < rows_; ++row) compute(panel, row);
      }
      return;
    }
#pragma omp parallel num_threads(way_.threads)
    {
      if (packs_a_) {
#pragma omp for
        for (int row = 0; row < rows_; ++row) pack_a(row);
      }
      if (packs_b_ && !constant_b_) {
#pragma omp for
        for (int panel = 0; panel < panels_; ++panel) pack_b(panel);
      }
#pragma omp for collapse(2)
      for (int panel = 0; panel < panels_; ++panel)
        for (int row = 0; row < rows_; ++row) compute(panel, row);
    }
  }

private:
  static constexpr int padding = 16; // floats: one cache line

  size_t panel_size() const { return static_cast<size_t>(p_.k) * static_cast<size_t>(way_.nb); }
  float *panel_at(int panel) { return packed_b_.get() + static_cast<size_t>(panel) * panel_size(); }
  static ptrdiff_t offset(int row, int stride) { return static_cast<ptrdiff_t>(row) * stride; }

  void pack_a(int row) {
    const int from = row * way_.mb, count = std::min(way_.mb, p_.m - from);
    float *to = packed_a_.get() + offset(from, stride_a_);
    if (p_.transposed_a) libxsmm_otrans(to, p_.a + from, element, count, p_.k, p_.m, stride_a_);
    else libxsmm_matcopy(to, p_.a + offset(from, p_.k), element, p_.k, count, p_.k, stride_a_);
  }

  void pack_b(int panel) {
    const int from = panel * way_.nb, count = std::min(way_.nb, p_.n - from);
    if (p_.transposed_b)
      libxsmm_otrans(panel_at(panel), p_.b + offset(from, p_.k), element, p_.k, count, p_.k, way_.nb);
    else libxsmm_matcopy(panel_at(panel), p_.b + from, element, count, p_.k, p_.n, way_.nb);
  }

  void compute(int panel, int row) {
    const int n = panel * way_.nb, m = row * way_.mb;
    const float *b = packs_b_ ? panel_at(panel) : p_.b + n;
    const float *a = (packs_a_ ? packed_a_.get() : p_.a) + offset(m, stride_a_);
    const size_t edges = static_cast<size_t>(n + way_.nb > p_.n) | static_cast<size_t>(m + way_.mb > p_.m) << 1;
    for (int k = 0; k < p_.k; k += way_.kb)
      kernels_[edges | static_cast<size_t>(k + way_.kb > p_.k) << 2 | static_cast<size_t>(k > 0) << 3](
          b + offset(k, packs_b_ ? way_.nb : p_.n), a + k, p_.c + offset(m, p_.n) + n);
  }

  const Problem p_;
  const Way way_;
  const bool constant_b_, packs_a_, packs_b_;
  const int stride_a_, panels_, rows_;
  bool works_ = true;
  const Vector packed_a_, packed_b_;
  // Bits of the index: the last columns, the last rows, the last part of k, the result is added to C.
  std::array<libxsmm_smmfunction, 16> kernels_{};
};

// The most promising ways first, because the trial has a limit.
std::vector<Way> ways_for(const Problem &p) {
  const double volume = 1.0 * p.m * p.n * p.k;
  constexpr double small = 64.0 * 64 * 64, large = 512.0 * 512 * 512;
  std::set<Way> known;
  std::vector<Way> ways;
  for (const int nb : {64, 48, p.n, 32})
    for (const int mb : {64, 24, p.m})
      for (const int kb : {p.k, 256})
        for (const int packed : {0, 1, 2})
          for (const int threads : {1, p.threads}) {
            if (volume > large && packed < 2) continue;
            if (volume > small && threads < p.threads) continue;
            const Way way{std::min(mb, p.m), std::min(nb, p.n), std::min(kb, p.k), packed == 2, packed > 0, threads};
            if (known.insert(way).second) ways.push_back(way);
          }
  return ways;
}

// The way with the fastest call.
Way fastest_way(const Problem &problem, bool constant_b) {
  using Clock = std::chrono::steady_clock;
  using Time = std::chrono::duration<double>;
  constexpr int most_trials = 12;
  constexpr Time limit{0.3}, enough{10e-6}; // of all trials; of one trial
  const auto time = [](Product &product, int64_t calls) {
    const Clock::time_point begin = Clock::now();
    for (int64_t call = 0; call < calls; ++call) product.run();
    return Time(Clock::now() - begin) / calls;
  };
  const Clock::time_point begin = Clock::now();
  const std::vector<Way> ways = ways_for(problem);
  Way best = ways.front();
  Time least = Time::max();
  for (const Way &way : ways) {
    if (least < Time::max() && Clock::now() - begin > limit) break;
    Product product(problem, way, constant_b);
    if (!product.works()) continue;
    product.run(); // warms the caches
    Time own = time(product, 1);
    const int64_t calls = 1 + static_cast<int64_t>(enough / std::max(own, Time(1e-8)));
    for (int i = 0; i < most_trials && (i == 0 || own < 1.25 * least); ++i) own = std::min(own, time(product, calls));
    if (own < least) least = own, best = way;
  }
  return best;
}

} // namespace

LANEFOLD_EXPORT const char *lanefold_libxsmm_version() { return LIBXSMM_VERSION; }

LANEFOLD_EXPORT const char *lanefold_libxsmm_kernels() {
  libxsmm_init();
  return libxsmm_get_target_arch();
}

// c = op(a) op(b), row-major and contiguous.  way: six numbers that this chooses if the first one is 0; they serve any
// later product of this shape.  Returns NULL if libxsmm has no kernels for it.
LANEFOLD_EXPORT void *lanefold_libxsmm_create(int transposed_a, int transposed_b, int constant_b, int m, int n, int k,
                                              int threads, const float *a, const float *b, float *c, int *way) {
  const Problem problem{transposed_a != 0, transposed_b != 0, m, n, k, threads, a, b, c};
  if (way[0] == 0) {
    const Way best = fastest_way(problem, constant_b != 0);
    const std::array numbers = {
        best.mb, best.nb, best.kb, static_cast<int>(best.packs_a), static_cast<int>(best.packs_b), best.threads};
    std::copy(numbers.begin(), numbers.end(), way);
  }
  auto product = std::make_unique<Product>(problem, Way{way[0], way[1], way[2], way[3] != 0, way[4] != 0, way[5]},
                                           constant_b != 0);
  return product->works() ? product.release() : nullptr;
}

LANEFOLD_EXPORT void lanefold_libxsmm_run(void *product) { static_cast<Product *>(product)->run(); }

LANEFOLD_EXPORT void lanefold_libxsmm_destroy(void *product) { delete static_cast<Product *>(product); }
