// Builds a network layer by layer.
#ifndef LANEFOLD_CPP_NETWORK_BUILDER_HPP
#define LANEFOLD_CPP_NETWORK_BUILDER_HPP

#include <lanefold/cpp/calls.hpp>
#include <lanefold/cpp/errors.hpp>
#include <lanefold/cpp/layers.hpp>
#include <lanefold/cpp/macros.hpp>
#include <lanefold/status.h>

#include <cinttypes>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <utility>
#include <vector>

namespace lanefold {
inline namespace LANEFOLD_NAMESPACE {

/// Builds a network layer by layer.  It owns the layers, so that they can be filled or trained before build().
class NetworkBuilder {
public:
  /// Begins a network whose first layer takes this number of inputs.
  explicit NetworkBuilder(Count<int64_t> inputs) : inputs_(inputs) {}

  /// Appends y = activation(x w + bias).
  NetworkBuilder &dense(Count<int64_t> outputs, Activation activation = {}) LANEFOLD_LIFETIMEBOUND {
    return append(DenseLayer(next_inputs(), outputs, activation));
  }
  /// Appends y = activation(bn(x w)).
  NetworkBuilder &normalized(Count<int64_t> outputs, Activation activation = {}) LANEFOLD_LIFETIMEBOUND {
    return append(DenseLayer(next_inputs(), outputs, activation, true));
  }
  /// Appends a layer.  If it does not take the outputs of the one before it, build() fails.
  NetworkBuilder &append(DenseLayer layer) LANEFOLD_LIFETIMEBOUND {
    layers_.push_back(std::move(layer));
    return *this;
  }

  /// The layers.  Appending a layer invalidates references to layers.
  [[nodiscard]] std::vector<DenseLayer> &layers() LANEFOLD_LIFETIMEBOUND { return layers_; }
  /// The layers.
  [[nodiscard]] const std::vector<DenseLayer> &layers() const LANEFOLD_LIFETIMEBOUND { return layers_; }

  /// Folds and packs copies of the layers.  Reports errors as the context does.
  template <class Errors>
  typename Errors::template Returned<InferenceNetwork> build(const ContextCalls<Errors> &context) const {
    int64_t expected = inputs_;
    for (size_t i = 0; i < layers_.size(); expected = layers_[i++].outputs) {
      if (layers_[i].inputs == expected) continue;
      char text[detail::message_size];
      std::snprintf(text, sizeof text, "layer %zu: inputs is %" PRId64 "; expected %" PRId64 ", the %s", i,
                    layers_[i].inputs, expected, i == 0 ? "inputs of the network" : "outputs of the layer before");
      return Errors::template refuse<InferenceNetwork>(LF_INVALID_ARGUMENT, text);
    }
    return context.make_network(std::vector<InferenceLayer>(layers_.begin(), layers_.end()));
  }

private:
  int64_t next_inputs() const { return layers_.empty() ? inputs_ : layers_.back().outputs; }

  int64_t inputs_; // of the first layer
  std::vector<DenseLayer> layers_;
};

} // namespace LANEFOLD_NAMESPACE
} // namespace lanefold

#endif
