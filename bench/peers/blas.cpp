// OpenBLAS and BLIS.  Files, functions and environment variables are named as in the documentation of these projects.
#include "factories.hpp"
#include "kernels.hpp"
#include "library.hpp"

#include <algorithm>
#include <cmath>
#include <ctime>
#include <limits>

namespace lanefold::bench {
namespace {

// order: 101 is row-major.  ta, tb: 111 is not transposed, 112 is transposed.
using CblasSgemm = void(int order, int ta, int tb, int m, int n, int k, float alpha, const float *a, int lda,
                        const float *b, int ldb, float beta, float *c, int ldc);
using CblasSgemv = void(int order, int ta, int m, int n, float alpha, const float *a, int lda, const float *x, int incx,
                        float beta, float *y, int incy);
constexpr int row_major = 101, plain = 111, transposed = 112;

struct Functions {
  CblasSgemm *sgemm;
  CblasSgemv *sgemv;
};

struct Description {
  std::string name, version, how;
};

class Blas : public Peer {
public:
  Blas(Description description, Functions functions) : description_(std::move(description)), functions_(functions) {}
  std::string name() const override { return description_.name; }
  std::string version() const override { return description_.version; }
  std::string how() const override { return description_.how; }

  Operation product(const Product &product, const float *a, const float *b, float *c) override {
    const auto flag = [&](uint32_t operand) { return product.flags & operand ? transposed : plain; };
    const int m = static_cast<int>(product.shape.m), n = static_cast<int>(product.shape.n);
    const int k = static_cast<int>(product.shape.k), ta = flag(LF_TRANSPOSE_A), tb = flag(LF_TRANSPOSE_B);
    const int lda = static_cast<int>(stride_of_a(product)), ldb = static_cast<int>(stride_of_b(product));
    std::function<void()> gemm = [=, sgemm = functions_.sgemm] {
      sgemm(row_major, ta, tb, m, n, k, 1.0f, a, lda, b, ldb, 0.0f, c, n);
    };
    if (m != 1 && n != 1) return {gemm, {}};
    // The matrix is B if the result is a row, and its transpose gives that row.
    const bool row = m == 1;
    const float *matrix = row ? b : a, *vector = row ? a : b;
    const bool as_stored = row ? tb == transposed : ta == plain;
    const int stride = row ? ldb : lda, size = row ? n : m;
    const int rows = as_stored ? size : k, columns = as_stored ? k : size, flip = as_stored ? plain : transposed;
    std::function<void()> gemv = [=, sgemv = functions_.sgemv] {
      sgemv(row_major, flip, rows, columns, 1.0f, matrix, stride, vector, 1, 0.0f, c, 1);
    };
    return {fastest_of({gemm, gemv}) == 0 ? gemm : gemv, {}};
  }

private:
  const Description description_;
  const Functions functions_;
};

// The version in "OpenBLAS 0.3.21 NO_LAPACKE DYNAMIC_ARCH ...".
std::string second_word(const std::string &text) {
  const size_t begin = text.find(' ') + 1; // 0 if there is only one word
  return text.substr(begin, text.find(' ', begin) - begin);
}

std::string joined(const std::vector<std::string> &names) {
  std::string text;
  for (const std::string &name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

// The processor time of three products of several sizes, as a product of seconds.
double trial(CblasSgemm *sgemm) {
  double all = 1;
  for (const auto &[m, n, k] : {Shape{64, 64, 64}, Shape{200, 300, 784}, Shape{512, 512, 512}}) {
    const Floats a(static_cast<size_t>(m * k), 0.5f), b(static_cast<size_t>(k * n), 0.25f);
    Floats c(static_cast<size_t>(m * n));
    const int rows = static_cast<int>(m), columns = static_cast<int>(n), depth = static_cast<int>(k);
    const int calls = m < 100 ? 100 : 10;
    clock_t best = std::numeric_limits<clock_t>::max();
    for (int i = 0; i < 5; ++i) {
      const clock_t begin = std::clock();
      for (int call = 0; call < calls; ++call)
        sgemm(row_major, plain, plain, rows, columns, depth, 1.0f, a.data(), depth, b.data(), columns, 0.0f, c.data(),
              columns);
      best = std::min(best, std::clock() - begin);
    }
    all *= static_cast<double>(best);
  }
  return std::cbrt(all);
}

// owner: whose threads they are.
std::string how_blas(const std::string &library, const PeerOptions &options, const std::string &kernels,
                     const std::string &owner) {
  const std::vector<std::string> names = kernels_for(library, options.isa);
  return "We call cblas_sgemm on row-major operands, or cblas_sgemv for a single row or column if that is faster. "
         "Nothing is packed before the call. The kernels are " +
         kernels + (names.size() > 1 ? ", the fastest that it has of " + joined(names) : "") + ". " +
         threads_of(options, owner);
}

// The build with threads has a name of its own in Fedora.  In Debian, an alternative is libopenblas.so.0.
Library openblas() { return Library({"libopenblasp.so.0", "libopenblas.so.0"}); }

std::string corename(const Library &library) { return library.find<const char *()>("openblas_get_corename")(); }

// The build with OpenMP comes first, because that with pthreads starts new threads in each call.
Library blis() {
  return Library(
      {"/usr/lib/" LANEFOLD_TRIPLET "/blis-openmp/libblis.so.4", "libbliso.so.4", "libblis.so.5", "libblis.so.4"});
}

std::string arch(const Library &library) {
  return library.find<const char *(int)>("bli_arch_string")(library.find<int()>("bli_arch_query_id")());
}

// The numbers of these kernels, which differ between versions.
std::vector<std::string> numbers_of(const Library &library, const std::vector<std::string> &names) {
  const auto name_of = library.find<const char *(int)>("bli_arch_string");
  std::vector<std::string> all; // by number
  while (all.empty() || all.back() != "generic") all.push_back(name_of(static_cast<int>(all.size())));
  std::vector<std::string> numbers;
  for (const std::string &name : names)
    if (const auto at = std::find(all.begin(), all.end(), name); at != all.end())
      numbers.push_back(std::to_string(at - all.begin()));
  return numbers;
}

void check_threads(const PeerOptions &options, const Library &library, bool has_threads) {
  if (options.threads > 1 && !has_threads) throw std::runtime_error(library.path() + " was built without threads");
}

} // namespace

void choose_blas_kernels(const std::string &isa) {
  set_fastest("OPENBLAS_CORETYPE", kernels_for("OpenBLAS", isa), [&] {
    const Library library = openblas();
    check_kernels("OpenBLAS", isa, corename(library));
    library.find<void(int)>("openblas_set_num_threads")(1);
    return trial(library.find<CblasSgemm>("cblas_sgemm"));
  });
  std::vector<std::string> numbers;
  try {
    numbers = numbers_of(blis(), kernels_for("BLIS", isa));
  } catch (const std::exception &) { // open_blis says what is missing
  }
  set_fastest("BLIS_ARCH_TYPE", numbers, [&] {
    const Library library = blis();
    library.find<void(int64_t)>("bli_thread_set_num_threads")(1);
    check_kernels("BLIS", isa, arch(library));
    return trial(library.find<CblasSgemm>("cblas_sgemm"));
  });
}

std::unique_ptr<Peer> open_openblas(const PeerOptions &options) {
  const Library library = openblas();
  library.check_fresh();
  const Functions functions{library.find<CblasSgemm>("cblas_sgemm"), library.find<CblasSgemv>("cblas_sgemv")};
  library.find<void(int)>("openblas_set_num_threads")(options.threads);
  const std::string config = library.find<const char *()>("openblas_get_config")(), core = corename(library);
  check_kernels("OpenBLAS", options.isa, core);
  const int build = library.find<int()>("openblas_get_parallel")(); // 0: no threads, 1: pthreads, 2: OpenMP
  check_threads(options, library, build != 0);
  const std::string how = how_blas("OpenBLAS", options, core, build == 2 ? "OpenMP" : "OpenBLAS");
  return std::make_unique<Blas>(Description{"openblas", second_word(config) + " (" + core + ")", how}, functions);
}

std::unique_ptr<Peer> open_blis(const PeerOptions &options) {
  const Library library = blis();
  library.check_fresh();
  const Functions functions{library.find<CblasSgemm>("cblas_sgemm"), library.find<CblasSgemv>("cblas_sgemv")};
  for (const char *called : {"sgemm_", "sgemv_"}) library.check_own(called); // cblas_sgemm of BLIS calls sgemm_
  const std::string version = library.find<const char *()>("bli_info_get_version_str")();
  library.find<void(int64_t)>("bli_thread_set_num_threads")(options.threads);
  const std::string core = arch(library);
  check_kernels("BLIS", options.isa, core);
  const bool openmp = library.find<int64_t()>("bli_info_get_enable_openmp")() != 0;
  check_threads(options, library, openmp || library.find<int64_t()>("bli_info_get_enable_pthreads")() != 0);
  const std::string how = how_blas("BLIS", options, core, openmp ? "OpenMP" : "BLIS, which it starts in each call");
  return std::make_unique<Blas>(Description{"blis", version + " (" + core + ")", how}, functions);
}

} // namespace lanefold::bench
