// The list of peers.
#include "environment.hpp"
#include "factories.hpp"

#include <stdexcept>
#include <utility>

namespace lanefold::bench {
namespace {

using Factory = std::unique_ptr<Peer>(const PeerOptions &);
constexpr std::pair<const char *, Factory *> factories[] = {
    {"openblas", open_openblas}, {"blis", open_blis},   {"onednn", open_onednn},   {"libxsmm", open_libxsmm},
    {"eigen", open_eigen},       {"numpy", open_numpy}, {"pytorch", open_pytorch}, {"onnxruntime", open_onnxruntime},
};

Factory *factory_of(const std::string &name) {
  for (const auto &[known, factory] : factories)
    if (name == known) return factory;
  throw std::runtime_error("'" + name + "' is not a peer");
}

} // namespace

// A second call changes the number of threads, also for peers that are already open.  It cannot change the instruction
// set.
std::vector<std::unique_ptr<Peer>> open_peers(const PeerOptions &options, std::vector<MissingPeer> &missing) {
  static std::string process_isa;
  if (!process_isa.empty() && process_isa != options.isa)
    throw std::runtime_error("the peers of this process are restricted to " + process_isa + " and cannot change to " +
                             options.isa);
  prepare_environment(options.isa, options.threads);
  if (!options.names.empty()) choose_blas_kernels(options.isa);
  process_isa = options.isa;
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
