// OpenBLAS and BLIS.  Files, functions and environment variables are named as in the documentation of these projects.
#include "factories.hpp"
#include "library.hpp"

#include <cstdlib>

namespace lanefold::bench {
namespace {

// order: 101 is row-major.  ta, tb: 111 is not transposed, 112 is transposed.
using CblasSgemm = void(int order, int ta, int tb, int m, int n, int k, float alpha, const float *a, int lda,
                        const float *b, int ldb, float beta, float *c, int ldc);

class Blas : public Peer {
public:
  Blas(std::string name, std::string version, CblasSgemm *sgemm)
      : name_(std::move(name)), version_(std::move(version)), sgemm_(sgemm) {}
  std::string name() const override { return name_; }
  std::string version() const override { return version_; }

  Operation product(const Product &product, const float *a, const float *b, float *c) override {
    const auto transpose = [&](uint32_t flag) { return product.flags & flag ? 112 : 111; };
    const int m = static_cast<int>(product.shape.m), n = static_cast<int>(product.shape.n);
    const int k = static_cast<int>(product.shape.k), ta = transpose(LF_TRANSPOSE_A), tb = transpose(LF_TRANSPOSE_B);
    const int lda = static_cast<int>(stride_of_a(product)), ldb = static_cast<int>(stride_of_b(product));
    return {[=, sgemm = sgemm_] { sgemm(101, ta, tb, m, n, k, 1.0f, a, lda, b, ldb, 0.0f, c, n); }, {}};
  }

private:
  const std::string name_, version_;
  CblasSgemm *const sgemm_;
};

// The version in "OpenBLAS 0.3.21 NO_LAPACKE DYNAMIC_ARCH ...".
std::string second_word(const std::string &text) {
  const size_t begin = text.find(' ') + 1; // 0 if there is only one word
  return text.substr(begin, text.find(' ', begin) - begin);
}

} // namespace

std::unique_ptr<Peer> open_openblas(const PeerOptions &options) {
  const Library library({"libopenblas.so.0"});
  const auto sgemm = library.find<CblasSgemm>("cblas_sgemm");
  library.find<void(int)>("openblas_set_num_threads")(options.threads);
  const std::string config = library.find<const char *()>("openblas_get_config")();
  const std::string core = library.find<const char *()>("openblas_get_corename")();
  return std::make_unique<Blas>("openblas", second_word(config) + " (" + core + ")", sgemm);
}

std::unique_ptr<Peer> open_blis(const PeerOptions &options) {
  const Library library({"libblis.so.4", "libblis.so.5"});
  const auto sgemm = library.find<CblasSgemm>("cblas_sgemm");
  library.check_own("sgemm_"); // cblas_sgemm of BLIS calls it
  const std::string version = library.find<const char *()>("bli_info_get_version_str")();
  // bli_arch_string returns the name of each architecture number.  BLIS reads the variable at its first computation.
  const auto name_of = library.find<const char *(int)>("bli_arch_string");
  const std::string wanted = options.isa == "avx512" ? "skx" : options.isa == "avx2" ? "haswell" : "";
  for (int number = 0; !wanted.empty() && number < 8; ++number)
    if (name_of(number) == wanted) setenv("BLIS_ARCH_TYPE", std::to_string(number).c_str(), 0);
  library.find<void(int64_t)>("bli_thread_set_num_threads")(options.threads);
  const std::string core = name_of(library.find<int()>("bli_arch_query_id")());
  return std::make_unique<Blas>("blis", version + " (" + core + ")", sgemm);
}

} // namespace lanefold::bench
