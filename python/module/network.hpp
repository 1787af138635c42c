// Networks for inference, and lists of layers as the library takes them.
#pragma once

#include "layer.hpp"

#include <deque>
#include <optional>
#include <vector>

namespace lanefold::python {

class Network {
public:
  Network(std::shared_ptr<lf_network> network, int64_t inputs, int64_t outputs, double operations)
      : inputs(inputs), outputs(outputs), operations(operations), network_(std::move(network)) {}

  std::shared_ptr<lf_network> live(const char *call) const {
    if (closed()) refuse_value(call, "the network is closed; expected an open lanefold.Network");
    return network_;
  }
  void close() { network_.reset(); }
  bool closed() const { return network_ == nullptr; }

  const int64_t inputs, outputs;
  const double operations; // for one row

private:
  std::shared_ptr<lf_network> network_;
};

// What one layer's arrays need until the library has copied them.
struct LayerMemory {
  py::object w, bias;
  std::string w_name, bias_name;
  std::optional<Memory> w_memory, bias_memory;
  std::optional<BatchNorm> batch_norm;
};

// The layers of a call.  It holds their arrays until the call has ended.
class LayerList {
public:
  LayerList(const char *call, const py::object &layers);
  LayerList(const LayerList &) = delete;
  LayerList &operator=(const LayerList &) = delete;

  int64_t inputs() const { return structs_.front().k; }
  int64_t outputs() const { return structs_.back().n; }

  lf_network_args args;
  double operations = 0; // for one row

private:
  std::deque<LayerMemory> memories_;
  std::vector<lf_network_layer> structs_;
};

} // namespace lanefold::python
