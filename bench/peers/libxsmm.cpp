// libxsmm, through the module that was linked with it.
#include "factories.hpp"
#include "kernels.hpp"
#include "library.hpp"

#include <array>
#include <map>
#include <stdexcept>

namespace lanefold::bench {
namespace {

using Create = void *(int transposed_a, int transposed_b, int constant_b, int m, int n, int k, int threads,
                      const float *a, const float *b, float *c, int *way);
using Run = void(void *product);

class Libxsmm : public Peer {
public:
  Libxsmm(const Library &module, std::string kernels, const PeerOptions &options)
      : create_(module.find<Create>("lanefold_libxsmm_create")), run_(module.find<Run>("lanefold_libxsmm_run")),
        destroy_(module.find<Run>("lanefold_libxsmm_destroy")),
        version_(module.find<const char *()>("lanefold_libxsmm_version")()), kernels_(std::move(kernels)),
        thread_sentence_(
            threads_of(options, "OpenMP, which divide the tiles, or on the calling one where that is faster")),
        threads_(options.threads) {}
  std::string name() const override { return "libxsmm"; }
  std::string version() const override { return version_; }
  std::string how() const override {
    return "A product is a loop over tiles, each computed by a kernel of libxsmm_smmdispatch for column-major "
           "matrices. "
           "The size of the tiles, and whether the call copies A and B with libxsmm_matcopy, are the fastest for each "
           "shape. The call transposes operands with libxsmm_otrans. Kernels are compiled, and constant weights copied "
           "into panels, before the call. libxsmm is made for small products. The kernels are those of " +
           kernels_ + ". " + thread_sentence_;
  }

  Operation product(const Product &p, const float *a, const float *b, float *c) override {
    return made(p, false, a, b, c);
  }
  Operation packed_product(const Shape &shape, const float *x, const float *w, float *y) override {
    return made({shape, nn}, true, x, w, y);
  }

private:
  Operation made(const Product &p, bool constant_b, const float *a, const float *b, float *c) {
    const auto [m, n, k] = p.shape;
    std::array<int, 6> &way = ways_[{m, n, k, constant_b ? -1 : static_cast<int64_t>(p.flags)}];
    const std::shared_ptr<void> product(create_(p.flags & LF_TRANSPOSE_A ? 1 : 0, p.flags & LF_TRANSPOSE_B ? 1 : 0,
                                                constant_b, static_cast<int>(m), static_cast<int>(n),
                                                static_cast<int>(k), threads_, a, b, c, way.data()),
                                        destroy_);
    if (!product) throw std::runtime_error("libxsmm has no kernels for " + name_of(p));
    return {[=, run = run_] { run(product.get()); }, {}};
  }

  Create *const create_;
  Run *const run_, *const destroy_;
  const std::string version_, kernels_, thread_sentence_;
  const int threads_;
  std::map<std::array<int64_t, 4>, std::array<int, 6>> ways_; // by m, n, k and flags; chosen at the first product
};

} // namespace

std::unique_ptr<Peer> open_libxsmm([[maybe_unused]] const PeerOptions &options) {
#ifdef LANEFOLD_PEERS_WITH_LIBXSMM
  const Library module({options.folder + "/libxsmm.so"});
  module.check_fresh();
  const std::string kernels = module.find<const char *()>("lanefold_libxsmm_kernels")();
  check_kernels("libxsmm", options.isa, kernels);
  return std::make_unique<Libxsmm>(module, kernels, options);
#else
  throw std::runtime_error("this program was built without libxsmm (libxsmm-dev)");
#endif
}

} // namespace lanefold::bench
