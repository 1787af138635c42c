// Other libraries' single-precision GEMM, each opened at run time if it is installed, in a scope of its own.
#pragma once

#include "../products.hpp"

#include <functional>
#include <string>
#include <vector>

namespace lanefold::bench {

// C = op(A) op(B), row-major, without gaps between rows.
using Sgemm = std::function<void(const Product &, const float *a, const float *b, float *c)>;

struct Peer {
  std::string name;
  Sgemm sgemm;
  std::function<void(int)> set_threads; // of all calls that follow
};

// Holds every peer to an instruction set, through the environment: before any is opened.  What the user has set stays.
void hold_peers_to(const std::string &isa);

// Those that are installed; `missing` gets the names of the others.
std::vector<Peer> open_peers(std::vector<std::string> &missing);

} // namespace lanefold::bench
