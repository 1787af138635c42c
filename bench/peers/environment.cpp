// One table has the variables that are removed.  A prefix also covers the variables of future versions.
#include "environment.hpp"

#include <algorithm>
#include <cstdlib>
#include <set>
#include <string_view>
#include <vector>

#include <link.h>
#include <unistd.h>

namespace lanefold::bench {
namespace {

constexpr std::string_view prefixes[] = {"OPENBLAS_",
                                         "GOTO_",
                                         "BLIS_",
                                         "AOCL_",
                                         "FLEXIBLAS",
                                         "MKL_",
                                         "MKLDNN_",
                                         "DNNL_",
                                         "ONEDNN_",
                                         "LIBXSMM_",
                                         "ATEN_",
                                         "TORCH_",
                                         "PYTORCH_",
                                         "NPY_",
                                         "NUMPY_",
                                         "ORT_", // packages
                                         "OMP_",
                                         "GOMP_",
                                         "KMP_",
                                         "LIBOMP_", // threads
                                         "LD_PRELOAD",
                                         "LD_AUDIT",
                                         "GLIBC_TUNABLES",
                                         "MALLOC_", // what a Python process would inherit
                                         "PYTHONMALLOC",
                                         "PYTHONTRACEMALLOC",
                                         "PYTHONDEVMODE",
                                         "PYTHONPERFSUPPORT",
                                         "PYTHONPROFILEIMPORTTIME"};

bool is_removed(std::string_view variable) {
  return std::any_of(std::begin(prefixes), std::end(prefixes),
                     [&](std::string_view prefix) { return variable.starts_with(prefix); });
}

void clean() {
  std::vector<std::string> names;
  for (char **variable = environ; *variable; ++variable)
    if (is_removed(*variable)) names.emplace_back(*variable, std::string_view(*variable).find('='));
  for (const std::string &name : names) unsetenv(name.c_str());
}

void set(const char *name, const std::string &value) { setenv(name, value.c_str(), 1); }

// kernels.cpp sets OPENBLAS_CORETYPE and BLIS_ARCH_TYPE, and python_peer.cpp ATEN_CPU_CAPABILITY, after a trial.
void restrict_to(const std::string &isa) {
  if (isa != "avx512" && isa != "avx2") return;
  const bool wide = isa == "avx512";
  set("DNNL_MAX_CPU_ISA", wide ? "DEFAULT" : "AVX2"); // oneDNN before 3, and in PyTorch
  set("ONEDNN_MAX_CPU_ISA", wide ? "DEFAULT" : "AVX2");
  set("MKL_ENABLE_INSTRUCTIONS", wide ? "AVX512" : "AVX2"); // in PyTorch
  set("LIBXSMM_TARGET", wide ? "skx" : "hsw");
  // NumPy's own loops.
  if (!wide) set("NPY_DISABLE_CPU_FEATURES", "AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL");
}

void restrict_to(int threads) {
  for (const char *name : {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "BLIS_NUM_THREADS", "MKL_NUM_THREADS"})
    set(name, std::to_string(threads));
  // Threads that wait for work spin for up to 30 ms, which would slow down the next variant.  Half a millisecond is
  // enough between two calls.
  set("GOMP_SPINCOUNT", "20000");
  set("OPENBLAS_THREAD_TIMEOUT", "20");
}

std::set<std::string> loaded_libraries() {
  std::set<std::string> paths;
  const auto add = [](dl_phdr_info *info, size_t, void *to) {
    static_cast<std::set<std::string> *>(to)->insert(info->dlpi_name);
    return 0;
  };
  dl_iterate_phdr(add, &paths);
  return paths;
}

const std::set<std::string> &libraries_before() {
  static const std::set<std::string> paths = loaded_libraries();
  return paths;
}

} // namespace

void prepare_environment(const std::string &isa, int threads) {
  libraries_before();
  clean();
  restrict_to(isa);
  restrict_to(threads);
}

bool was_loaded_before(const std::string &path) { return libraries_before().contains(path); }

} // namespace lanefold::bench
