// What a division means for a network, in words.
#include "trainer/distributed/division.hpp"

#include <cstdio>

namespace lanefold::trainer {

std::string explain(const Division &division, const Network &network, const Link &link) {
  int64_t panels = 0, columns = 0;
  for (const DenseLayer &layer : network.layers) {
    const int64_t rows = rows_of_panel(layer.inputs, layer.outputs);
    panels += (layer.inputs + rows - 1) / rows;
    if (layer.batch_norm) columns = std::max(columns, layer.outputs);
  }
  const int64_t most = division.share(0).size(), least = division.share(division.ranks - 1).size();
  std::string text = std::to_string(division.ranks) + " ranks: " +
                     (most == least ? std::to_string(most) : std::to_string(least) + " or " + std::to_string(most)) +
                     " rows of a batch each; gradients are carried in " + std::to_string(panels) + " panels";
  if (columns == 0) return text;
  const MergingCosts costs = merging_costs(division, columns, link);
  const bool are_carried = costs.cheaper() == Merging::carry;
  char words[240];
  std::snprintf(words, sizeof words,
                "; a message takes %.1f us and goes on with %.1f GB/s, so moments of %lld columns are %s (%.1f us, and "
                "%s %.1f us)",
                1e6 * link.latency, 1e-9 * link.bandwidth, static_cast<long long>(columns),
                are_carried ? "carried" : "gathered", 1e6 * std::min(costs.carry, costs.gather),
                are_carried ? "gathered" : "carried", 1e6 * std::max(costs.carry, costs.gather));
  return text + words;
}

} // namespace lanefold::trainer
