// The list of peers, and how they are restricted to an instruction set and a number of threads.
#include "factories.hpp"

#include <algorithm>
#include <cstdlib>
#include <stdexcept>
#include <utility>

namespace lanefold::bench {
namespace {

using Factory = std::unique_ptr<Peer>(const PeerOptions &);
constexpr std::pair<const char *, Factory *> factories[] = {
    {"openblas", open_openblas}, {"blis", open_blis},       {"onednn", open_onednn},           {"eigen", open_eigen},
    {"numpy", open_numpy},       {"pytorch", open_pytorch}, {"onnxruntime", open_onnxruntime},
};

// Sets an environment variable unless the user has set it.
void set(const char *name, const std::string &value) { setenv(name, value.c_str(), 0); }

// Each library reads these variables once, when it is opened or first called.
void restrict_to(const std::string &isa) {
  // OpenBLAS obeys these even if they make it slow, so a peer would lose for a reason that is not its own.
  unsetenv("OPENBLAS_CORETYPE");
  unsetenv("OPENBLAS_L2_SIZE");
  if (isa != "avx512" && isa != "avx2") return;
  const bool wide = isa == "avx512";
  set("OPENBLAS_CORETYPE", wide ? "SkylakeX" : "Haswell"); // OpenBLAS mistakes a new CPU for an older one
  set("DNNL_MAX_CPU_ISA", wide ? "DEFAULT" : "AVX2");      // oneDNN before 3, and in PyTorch
  set("ONEDNN_MAX_CPU_ISA", wide ? "DEFAULT" : "AVX2");
  set("MKL_ENABLE_INSTRUCTIONS", wide ? "AVX512" : "AVX2"); // in PyTorch
  set("ATEN_CPU_CAPABILITY", isa);                          // PyTorch's own loops
  // NumPy's own loops.
  if (!wide) set("NPY_DISABLE_CPU_FEATURES", "AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL");
  // blas.cpp sets BLIS_ARCH_TYPE, because its numbers differ between versions.
}

void restrict_to(int threads) {
  for (const char *name : {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "BLIS_NUM_THREADS", "MKL_NUM_THREADS"})
    set(name, std::to_string(threads));
  // Threads that wait for work spin for up to 30 ms, which would slow down the next variant.  Half a millisecond is
  // enough between two calls.  pytorch.py knows this number.
  set("GOMP_SPINCOUNT", "20000");
  set("OPENBLAS_THREAD_TIMEOUT", "20");
}

Factory *factory_of(const std::string &name) {
  for (const auto &[known, factory] : factories)
    if (name == known) return factory;
  throw std::runtime_error("there is no peer named " + name);
}

} // namespace

// A second call changes the number of threads, also for peers that are already open.  It cannot change the instruction
// set.
std::vector<std::unique_ptr<Peer>> open_peers(const PeerOptions &options, std::vector<MissingPeer> &missing) {
  static std::string process_isa;
  if (!process_isa.empty() && process_isa != options.isa)
    throw std::runtime_error("the peers of this process are restricted to " + process_isa + " and cannot change to " +
                             options.isa);
  process_isa = options.isa;
  restrict_to(options.isa);
  restrict_to(options.threads);
  std::vector<std::unique_ptr<Peer>> peers;
  for (const std::string &name : options.names) {
    Factory *factory = factory_of(name);
    try {
      peers.push_back(factory(options));
    } catch (const std::exception &error) {
      missing.push_back({name, error.what()});
    }
  }
  return peers;
}

} // namespace lanefold::bench
