// Names of files, functions and environment variables are those of the projects' own documentation.
#include "peers.hpp"

#include <cstdlib>
#include <dlfcn.h>
#include <initializer_list>

namespace lanefold::bench {
namespace {

void *open_first(std::initializer_list<const char *> names) {
  for (const char *name : names)
    if (void *library = dlopen(name, RTLD_NOW | RTLD_LOCAL)) return library;
  return nullptr;
}

template <class Function> Function *find(void *library, const char *name) {
  return library ? reinterpret_cast<Function *>(dlsym(library, name)) : nullptr;
}

int64_t lda_of(const Product &p) { return p.flags & LF_TRANSPOSE_A ? p.shape.m : p.shape.k; }
int64_t ldb_of(const Product &p) { return p.flags & LF_TRANSPOSE_B ? p.shape.k : p.shape.n; }

// 101: row-major; 111, 112: not transposed, transposed.
using CblasSgemm = void(int order, int ta, int tb, int m, int n, int k, float alpha, const float *a, int lda,
                        const float *b, int ldb, float beta, float *c, int ldc);

Sgemm through_cblas(CblasSgemm *call) {
  return [=](const Product &p, const float *a, const float *b, float *c) {
    const auto [m, n, k] = p.shape;
    call(101, p.flags & LF_TRANSPOSE_A ? 112 : 111, p.flags & LF_TRANSPOSE_B ? 112 : 111, static_cast<int>(m),
         static_cast<int>(n), static_cast<int>(k), 1.0f, a, static_cast<int>(lda_of(p)), b, static_cast<int>(ldb_of(p)),
         0.0f, c, static_cast<int>(n));
  };
}

// Row-major, unlike the Fortran function whose arguments it has.
using DnnlSgemm = int(char ta, char tb, int64_t m, int64_t n, int64_t k, float alpha, const float *a, int64_t lda,
                      const float *b, int64_t ldb, float beta, float *c, int64_t ldc);

Sgemm through_onednn(DnnlSgemm *call) {
  return [=](const Product &p, const float *a, const float *b, float *c) {
    const auto [m, n, k] = p.shape;
    call(p.flags & LF_TRANSPOSE_A ? 'T' : 'N', p.flags & LF_TRANSPOSE_B ? 'T' : 'N', m, n, k, 1.0f, a, lda_of(p), b,
         ldb_of(p), 0.0f, c, n);
  };
}

} // namespace

void hold_peers_to(const std::string &isa) {
  const bool wide = isa == "avx512";
  setenv("OPENBLAS_CORETYPE", wide ? "SkylakeX" : "Haswell", 0); // it takes a newer CPU for an older one
  setenv("BLIS_ARCH_TYPE", wide ? "0" : "3", 0);                 // SkylakeX, Haswell: 0.9 knows no names
  setenv("DNNL_MAX_CPU_ISA", wide ? "DEFAULT" : "AVX2", 0);      // oneDNN before 3
  setenv("ONEDNN_MAX_CPU_ISA", wide ? "DEFAULT" : "AVX2", 0);
}

std::vector<Peer> open_peers(std::vector<std::string> &missing) {
  std::vector<Peer> peers;
  const auto add = [&](const char *name, bool found, const Sgemm &sgemm, const std::function<void(int)> &set_threads) {
    if (found) peers.push_back({name, sgemm, set_threads});
    else missing.emplace_back(name);
  };
  {
    void *library = open_first({"libopenblas.so.0"});
    const auto call = find<CblasSgemm>(library, "cblas_sgemm");
    const auto threads = find<void(int)>(library, "openblas_set_num_threads");
    add("openblas", call && threads, through_cblas(call), threads);
  }
  {
    void *library = open_first({"libblis.so.4", "libblis.so.5"});
    const auto call = find<CblasSgemm>(library, "cblas_sgemm");
    const auto threads = find<void(int64_t)>(library, "bli_thread_set_num_threads");
    add("blis", call && threads, through_cblas(call), threads);
  }
  {
    // Debian's version 3 has another name with each release, so the development package's comes first.
    void *library = open_first({"libdnnl.so", "libdnnl.so.3", "libdnnl.so.2"});
    const auto call = find<DnnlSgemm>(library, "dnnl_sgemm");
    const auto threads = find<void(int)>(library, "omp_set_num_threads"); // of the OpenMP library that it links
    add("onednn", call && threads, through_onednn(call), threads);
  }
  return peers;
}

} // namespace lanefold::bench
