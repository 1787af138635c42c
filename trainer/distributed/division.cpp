// The cost model of a division, and the line that explains the choice.
#include "trainer/distributed/division.hpp"

#include <cstdio>

namespace lanefold::trainer {

namespace {

constexpr double multiply_adds_per_second = 1e11; // an assumption about one rank

int64_t panels_of(const Network &network, int64_t unit) {
  int64_t panels = 0;
  for (const DenseLayer &layer : network.layers) {
    const int64_t rows = rows_of_panel(layer.inputs, layer.outputs, unit);
    panels += (layer.inputs + rows - 1) / rows;
  }
  return panels;
}

// The seconds that the chain adds to the products at their best speed: products of few rows take longer, each panel
// takes two messages, and the last rank waits until the first panel has passed the other ranks.
double seconds_of_chain(const Division &division, const Network &network, const Link &link, int64_t unit) {
  const double excess = unit >= 48 ? 0 : unit >= 32 ? 0.05 : 0.12; // of instructions, by `lanefold bench cost`
  double weights = 0, panel = 0;
  for (const DenseLayer &layer : network.layers) {
    weights += static_cast<double>(layer.inputs) * static_cast<double>(layer.outputs);
    const int64_t rows = rows_of_panel(layer.inputs, layer.outputs, unit);
    panel = std::max(panel, static_cast<double>(rows) * static_cast<double>(layer.outputs));
  }
  const double second_for_weight = static_cast<double>(division.batch_rows) / division.ranks / multiply_adds_per_second;
  return second_for_weight * weights * excess + 2 * static_cast<double>(panels_of(network, unit)) * link.overhead +
         (division.ranks - 1) * (second_for_weight * panel + link.seconds(4 * panel));
}

} // namespace

int64_t unit_of_panels(const Division &division, const Network &network, const Link &link) {
  int64_t best = 48;
  for (const int64_t unit : {32, 16})
    if (seconds_of_chain(division, network, link, unit) < seconds_of_chain(division, network, link, best)) best = unit;
  return best;
}

// By rows: each rank computes its share.  Then it waits for the chain to fill, sends the gradients and the weights once,
// and waits for a few messages of each layer.  By columns: vectors of a share of columns are not full, the weights above
// the first layer are computed twice, and outputs and gradients of each layer are sent.
StepCosts step_costs(const Division &division, const Network &network, const Link &link) {
  constexpr int64_t lanes = 16;
  const auto m = static_cast<double>(division.batch_rows);
  const double n = division.ranks, others = (n - 1) / n;
  double weights = 0, outputs = 0, by_rows = 0, by_columns = 0; // multiply-adds for a row
  for (size_t i = 0; i < network.layers.size(); ++i) {
    const DenseLayer &layer = network.layers[i];
    const double size = static_cast<double>(layer.inputs) * static_cast<double>(layer.outputs);
    const int64_t mine = share_of(layer.outputs, division.ranks, 0).size();
    const double columns = static_cast<double>((mine + lanes - 1) / lanes * lanes) / static_cast<double>(layer.outputs);
    weights += size;
    by_rows += size / n * (i == 0 ? 2 : 3); // product, dw, and dx above the first layer
    by_columns += size * columns * (i == 0 ? 2 : 4);
    outputs += static_cast<double>(layer.outputs) * (i == 0 ? 1 : 2);
  }
  const double chain = seconds_of_chain(division, network, link, unit_of_panels(division, network, link));
  const auto layers = static_cast<double>(network.layers.size());
  return {m * by_rows / multiply_adds_per_second + chain + 8 * weights * others / link.bandwidth +
              layers * 4 * (1 + std::log2(n)) * link.latency,
          m * by_columns / multiply_adds_per_second + 4 * m * outputs * others / link.bandwidth +
              (2 * layers - 1) * (1 + (n - 1) / 4) * link.latency,
          8 * weights * others, 4 * m * outputs * others};
}

std::string explain(const Division &division, DividedBy by, const Network &network, const Link &link) {
  const StepCosts costs = step_costs(division, network, link);
  const auto text_of = [](const char *format, auto... values) {
    char text[240];
    std::snprintf(text, sizeof text, format, values...);
    return std::string(text);
  };
  const std::string link_text =
      text_of("latency %.1f us, bandwidth %.1f GB/s", 1e6 * link.latency, 1e-9 * link.bandwidth);
  if (by == DividedBy::columns)
    return std::to_string(division.ranks) + " ranks: columns of each layer are divided " +
           text_of("(estimate %.2f ms for a step; rows %.2f ms); ", 1e3 * costs.columns, 1e3 * costs.rows) + link_text;
  const int64_t panels = panels_of(network, unit_of_panels(division, network, link));
  int64_t columns = 0;
  for (const DenseLayer &layer : network.layers)
    if (layer.batch_norm) columns = std::max(columns, layer.outputs);
  const int64_t most = division.share(0).size(), least = division.share(division.ranks - 1).size();
  std::string text =
      std::to_string(division.ranks) +
      " ranks: " + (most == least ? std::to_string(most) : std::to_string(least) + " or " + std::to_string(most)) +
      " rows of a batch each " +
      text_of("(estimate %.2f ms for a step; columns of each layer %.2f ms%s); ", 1e3 * costs.rows, 1e3 * costs.columns,
              costs.columns < costs.rows && costs.columns_send_much() ? ", but they send more" : "") +
      link_text + "; gradients are carried in " + std::to_string(panels) + " panels";
  if (columns == 0) return text;
  const MergingCosts merging = merging_costs(division, 12 * columns, link);
  const bool are_carried = merging.cheaper() == Merging::carry;
  return text + text_of("; moments of %lld columns are %s (estimate %.1f us; %s %.1f us)",
                        static_cast<long long>(columns), are_carried ? "carried" : "gathered",
                        1e6 * std::min(merging.carry, merging.gather), are_carried ? "gathered" : "carried",
                        1e6 * std::max(merging.carry, merging.gather));
}

} // namespace lanefold::trainer
