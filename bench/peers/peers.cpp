// Which peers there are, and how they are held to an instruction set and a number of threads.
#include "factories.hpp"

#include <algorithm>
#include <cstdlib>
#include <stdexcept>
#include <utility>

namespace lanefold::bench {
namespace {

using Factory = std::unique_ptr<Peer>(const PeerOptions &);
constexpr std::pair<const char *, Factory *> factories[] = {
    {"openblas", open_openblas}, {"blis", open_blis},       {"onednn", open_onednn},
    {"eigen", open_eigen},       {"pytorch", open_pytorch}, {"onnxruntime", open_onnxruntime},
};

// What the user has set stays.
void set(const char *name, const std::string &value) { setenv(name, value.c_str(), 0); }

// Each library reads these once, when it is opened or first called.
void hold_to(const std::string &isa) {
  if (isa != "avx512" && isa != "avx2") return;
  const bool wide = isa == "avx512";
  set("OPENBLAS_CORETYPE", wide ? "SkylakeX" : "Haswell"); // it takes a newer CPU for an older one
  set("DNNL_MAX_CPU_ISA", wide ? "DEFAULT" : "AVX2");      // oneDNN before 3, and in PyTorch
  set("ONEDNN_MAX_CPU_ISA", wide ? "DEFAULT" : "AVX2");
  set("MKL_ENABLE_INSTRUCTIONS", wide ? "AVX512" : "AVX2"); // in PyTorch
  set("ATEN_CPU_CAPABILITY", isa);                          // PyTorch's own loops
  // BLIS_ARCH_TYPE: its numbers differ between versions, so blas.cpp sets it.
}

void hold_to(int threads) {
  for (const char *name : {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "BLIS_NUM_THREADS", "MKL_NUM_THREADS"})
    set(name, std::to_string(threads));
  // Threads that wait for more work spin for up to 30 ms, and would slow down whoever comes next.  Half a millisecond
  // is enough from one call to the next.  pytorch.py knows this number.
  set("GOMP_SPINCOUNT", "20000");
  set("OPENBLAS_THREAD_TIMEOUT", "20");
}

Factory *factory_of(const std::string &name) {
  for (const auto &[known, factory] : factories)
    if (name == known) return factory;
  throw std::runtime_error("no peer has the name " + name);
}

} // namespace

// A second time the peers obey the new number of threads, those of the first opening too; the instruction set stays.
std::vector<std::unique_ptr<Peer>> open_peers(const PeerOptions &options, std::vector<MissingPeer> &missing) {
  static std::string held_isa;
  if (!held_isa.empty() && held_isa != options.isa)
    throw std::runtime_error("the peers of this process are held to " + held_isa + ", and cannot go to " + options.isa);
  held_isa = options.isa;
  hold_to(options.isa);
  hold_to(options.threads);
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
