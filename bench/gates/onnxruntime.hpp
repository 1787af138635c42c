// ONNX Runtime, opened at run time if it is installed: the same network in another's hands.
#pragma once

#include "../network.hpp"

#include <functional>

namespace lanefold::bench {

// Runs dense layers with ELU or nothing behind each, on one thread: logits = network(x), row-major, without gaps
// between rows.  x and logits must outlive it.  Throws where ONNX Runtime refuses the network.  Empty if ONNX Runtime is not installed.
std::function<void()> onnxruntime_network(const std::vector<Dense> &layers, const Floats &x, int64_t samples,
                                          Floats &logits);

} // namespace lanefold::bench
