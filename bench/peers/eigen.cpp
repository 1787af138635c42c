// Eigen consists of headers, so this opens the module that was compiled from them for the instruction set.
#include "factories.hpp"
#include "library.hpp"

namespace lanefold::bench {
namespace {

using EigenProduct = void(int transposed_a, int transposed_b, int64_t m, int64_t n, int64_t k, const float *a,
                          const float *b, float *c);

class EigenPeer : public Peer {
public:
  EigenPeer(std::string version, std::string how, EigenProduct *product)
      : version_(std::move(version)), how_(std::move(how)), product_(product) {}
  std::string name() const override { return "eigen"; }
  std::string version() const override { return version_; }
  std::string how() const override { return how_; }

  Operation product(const Product &product, const float *a, const float *b, float *c) override {
    const bool ta = product.flags & LF_TRANSPOSE_A, tb = product.flags & LF_TRANSPOSE_B;
    const Shape s = product.shape;
    return {[=, call = product_] { call(ta, tb, s.m, s.n, s.k, a, b, c); }, {}};
  }

private:
  const std::string version_, how_;
  EigenProduct *const product_;
};

} // namespace

std::unique_ptr<Peer> open_eigen([[maybe_unused]] const PeerOptions &options) {
#ifdef LANEFOLD_PEERS_WITH_EIGEN
  const Library module({options.folder + "/eigen-" + options.isa + ".so"});
  module.check_fresh();
  module.find<void(int)>("lanefold_eigen_set_threads")(options.threads);
  const std::string instructions = module.find<const char *()>("lanefold_eigen_instructions")();
  const std::string how = "We compile c.noalias() = a * b, on maps of row-major memory, with -O3 and -DNDEBUG for " +
                          instructions + ". Nothing is packed before the call. " + threads_of(options, "OpenMP");
  return std::make_unique<EigenPeer>(module.find<const char *()>("lanefold_eigen_version")(), how,
                                     module.find<EigenProduct>("lanefold_eigen_product"));
#else
  throw std::runtime_error("this program was built without the headers of Eigen (libeigen3-dev)");
#endif
}

} // namespace lanefold::bench
