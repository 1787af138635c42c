// One function for each peer.  It opens the peer, or throws an exception that says what is missing.
#pragma once

#include "peer.hpp"

namespace lanefold::bench {

std::unique_ptr<Peer> open_openblas(const PeerOptions &options);
std::unique_ptr<Peer> open_blis(const PeerOptions &options);
std::unique_ptr<Peer> open_onednn(const PeerOptions &options);
std::unique_ptr<Peer> open_libxsmm(const PeerOptions &options);
std::unique_ptr<Peer> open_eigen(const PeerOptions &options);
std::unique_ptr<Peer> open_numpy(const PeerOptions &options);
std::unique_ptr<Peer> open_pytorch(const PeerOptions &options);
std::unique_ptr<Peer> open_onnxruntime(const PeerOptions &options);

// Sets the variables that choose the kernels of OpenBLAS and BLIS, also for those inside of NumPy and PyTorch.
void choose_blas_kernels(const std::string &isa);

// A sentence for Peer::how: the threads that compute.
inline std::string threads_of(const PeerOptions &options, const std::string &owner) {
  if (options.threads == 1) return "It runs on the thread that calls it.";
  return "It runs on " + std::to_string(options.threads) + " threads of " + owner + ".";
}

// Row strides of the stored operands of a matrix product.
inline int64_t stride_of_a(const Product &p) { return p.flags & LF_TRANSPOSE_A ? p.shape.m : p.shape.k; }
inline int64_t stride_of_b(const Product &p) { return p.flags & LF_TRANSPOSE_B ? p.shape.k : p.shape.n; }

} // namespace lanefold::bench
