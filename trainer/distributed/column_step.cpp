// dx of a layer needs the weights of all its units, but only the rows of those below it that this rank has.  A rank
// updates these rows by itself, and computes a few weights twice for that.
#include "trainer/distributed/column_step.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace lanefold::trainer {
namespace {

DenseLayer layer_like(const DenseLayer &layer, int64_t inputs, int64_t outputs) {
  DenseLayer part(inputs, outputs, layer.activation, layer.batch_norm.has_value());
  part.bias.resize(layer.bias.empty() ? 0 : static_cast<size_t>(outputs));
  if (!layer.batch_norm) return part;
  part.batch_norm->eps = layer.batch_norm->eps, part.batch_norm->momentum = layer.batch_norm->momentum;
  part.batch_norm->flags = layer.batch_norm->flags;
  return part;
}

Network columns_of(const Network &network, const Ranks &ranks) {
  std::vector<DenseLayer> layers;
  for (const DenseLayer &layer : network.layers)
    layers.push_back(layer_like(layer, layer.inputs, share_of(layer.outputs, ranks.count(), ranks.rank()).size()));
  return {network.description, std::move(layers)};
}

Network rows_of(const Network &network, const Ranks &ranks) {
  std::vector<DenseLayer> layers;
  for (const DenseLayer &layer : network.layers) {
    const int64_t inputs = layers.empty() ? 0 : share_of(layer.inputs, ranks.count(), ranks.rank()).size();
    layers.emplace_back(inputs, layer.outputs).bias.clear();
  }
  return {network.description, std::move(layers)};
}

// Copies columns first..first + columns - 1 of rows x n elements, to or from an array of these columns.
void take_columns(const float *all, int64_t n, int64_t rows, int64_t first, int64_t columns, float *part) {
  for (int64_t i = 0; i < rows; ++i) std::copy_n(all + i * n + first, columns, part + i * columns);
}
void put_columns(float *all, int64_t n, int64_t rows, int64_t first, int64_t columns, const float *part) {
  for (int64_t i = 0; i < rows; ++i) std::copy_n(part + i * columns, columns, all + i * n + first);
}

} // namespace

ColumnStep::ColumnStep(const Context &context, Network &network, const Optimizer &optimizer, int64_t batch_size,
                       Objective objective, Ranks &ranks)
    : Step(context, network, optimizer, batch_size, std::move(objective), false), ranks_(ranks),
      columns_(context, columns_of(network, ranks), optimizer, batch_size),
      rows_(context, rows_of(network, ranks), optimizer, batch_size), h_(buffers_.size()),
      received_(static_cast<size_t>(ranks.count())) {
  for (size_t i = 0; i < buffers_.size(); ++i)
    if (network.layers[i].batch_norm && LF_DERIVES_FROM_INPUT(network.layers[i].activation.code))
      h_[i].resize(columns_.buffers_[i].y.size());
}

template <class Visit> void ColumnStep::for_arrays(size_t i, const Visit &visit) {
  DenseLayer &all = network_.layers[i], &mine = columns_.network.layers[i];
  visit(all.w, mine.w, all.inputs);
  visit(all.bias, mine.bias, 1);
  if (all.batch_norm)
    for (std::vector<float> BatchNorm::*array : {&BatchNorm::gamma, &BatchNorm::beta, &BatchNorm::running_mean,
                                                 &BatchNorm::running_var, &BatchNorm::mean, &BatchNorm::inv_std})
      visit((*all.batch_norm).*array, (*mine.batch_norm).*array, 1);
  for (size_t j = 4 * i; j < 4 * (i + 1); ++j)
    for (std::vector<float> State::*array : {&State::m, &State::v})
      visit(state_[j].*array, columns_.state_[j].*array, j == 4 * i ? all.inputs : 1);
}

void ColumnStep::cut() {
  for (size_t i = 0; i < buffers_.size(); ++i) {
    const int64_t n = network_.layers[i].outputs;
    const Share mine = units(i);
    for_arrays(i, [&](const std::vector<float> &all, std::vector<float> &part, int64_t rows) {
      if (!all.empty()) take_columns(all.data(), n, rows, mine.begin, mine.size(), part.data());
    });
    if (i == 0) continue;
    const Share below = units(i - 1);
    const auto take_rows = [&](const std::vector<float> &all, std::vector<float> &part) {
      if (!all.empty()) std::copy_n(all.data() + below.begin * n, below.size() * n, part.data());
    };
    take_rows(network_.layers[i].w, rows_.network.layers[i].w);
    take_rows(state_[4 * i].m, rows_.state_[4 * i].m);
    take_rows(state_[4 * i].v, rows_.state_[4 * i].v);
  }
  is_cut_ = true;
}

void ColumnStep::assemble() {
  if (!is_cut_) return;
  is_cut_ = false;
  ranks_.transferring([&] { exchange_parameters(); });
  compare();
}

void ColumnStep::exchange_parameters() {
  for (size_t i = 0; i < buffers_.size(); ++i) {
    const int64_t n = network_.layers[i].outputs;
    for_arrays(i, [&](std::vector<float> &all, const std::vector<float> &part, int64_t rows) {
      if (!all.empty()) exchange(part.data(), all.data(), rows, n);
    });
  }
}

// A rank has the same weights as each other one.  One that is broken differs from all others.
void ColumnStep::compare() {
  std::string others; // the ranks that have other weights than this one
  for (size_t i = 1; i < buffers_.size(); ++i) {
    const int64_t n = network_.layers[i].outputs;
    const std::vector<float> &mine = rows_.network.layers[i].w;
    const float *const theirs = network_.layers[i].w.data() + units(i - 1).begin * n;
    for (int rank = 0; rank < ranks_.count(); ++rank) {
      const Share columns = share_of(n, ranks_.count(), rank);
      for (int64_t row = 0; row < units(i - 1).size(); ++row)
        if (std::memcmp(mine.data() + row * n + columns.begin, theirs + row * n + columns.begin,
                        static_cast<size_t>(columns.size()) * sizeof(float)) != 0) {
          others.append(reinterpret_cast<const char *>(&rank), sizeof rank);
          break;
        }
    }
  }
  const std::vector<std::string> all = gather(ranks_, others);
  std::vector<int> differences(all.size());
  for (size_t rank = 0; rank < all.size(); ++rank)
    for (size_t at = 0; at < all[rank].size(); at += sizeof(int)) {
      int other;
      std::memcpy(&other, all[rank].data() + at, sizeof other);
      ++differences[rank], ++differences[static_cast<size_t>(other)];
    }
  const int most = *std::max_element(differences.begin(), differences.end());
  if (most == 0) return;
  std::string names;
  int count = 0;
  for (int rank = 0; rank < ranks_.count(); ++rank)
    if (differences[static_cast<size_t>(rank)] == most) names += (count++ > 0 ? " and " : "") + ranks_.name_of(rank);
  throw std::runtime_error(names +
                           (count > 1 ? " have different parameters" : " has other parameters than the other ranks"));
}

void ColumnStep::exchange(const float *mine, float *all, int64_t rows, int64_t n, bool *flag) {
  const size_t more = flag != nullptr ? 1 : 0;
  const auto share = [&](int rank) { return share_of(n, ranks_.count(), rank); };
  const auto floats = [&](int rank) { return static_cast<size_t>(rows * share(rank).size()); };
  const int self = ranks_.rank();
  if (flag != nullptr) {
    sent_.assign(mine, mine + floats(self));
    sent_.push_back(*flag ? 1.0f : 0.0f);
    mine = sent_.data();
  }
  Transfers transfers(ranks_);
  for (int distance = 1; distance < ranks_.count(); ++distance) {
    const int from = (self + ranks_.count() - distance) % ranks_.count();
    std::vector<float> &received = received_[static_cast<size_t>(from)];
    received.resize(floats(from) + more);
    if (!received.empty())
      transfers.add(ranks_.receive(from, Channel::result, received.data(), received.size() * sizeof(float)));
  }
  for (int distance = 1; distance < ranks_.count(); ++distance)
    if (floats(self) + more > 0)
      transfers.add(ranks_.send((self + distance) % ranks_.count(), Channel::result, mine,
                                (floats(self) + more) * sizeof(float)));
  put_columns(all, n, rows, share(self).begin, share(self).size(), mine);
  transfers.wait();
  for (int from = 0; from < ranks_.count(); ++from) {
    if (from == self) continue;
    const std::vector<float> &received = received_[static_cast<size_t>(from)];
    put_columns(all, n, rows, share(from).begin, share(from).size(), received.data());
    if (flag != nullptr) *flag = *flag || received.back() != 0;
  }
}

void ColumnStep::forward(size_t i, ConstMatrix x) {
  DenseLayer &layer = columns_.network.layers[i];
  Buffers &b = columns_.buffers_[i];
  const int64_t m = x.rows;
  const Matrix z = columns_.matrix(b.z, i, m), y = columns_.matrix(b.y, i, m);
  if (layer.outputs == 0) return;
  if (h_[i].empty()) return context_.dense_forward(x, layer.view(), y, needs_z(layer) ? z : Matrix(), LF_TRAINING);
  ConstLayerView product = std::as_const(layer).view();
  product.batch_norm.reset(), product.activation = {};
  context_.dense_forward(x, product, z);
  const Matrix h = columns_.matrix(h_[i], i, m);
  context_.batch_norm_forward(z, layer.batch_norm->view(), h, LF_TRAINING);
  context_.activation_forward(layer.activation, h, y);
}

void ColumnStep::make_dz(size_t i, int64_t m) {
  const DenseLayer &layer = columns_.network.layers[i];
  Buffers &b = columns_.buffers_[i];
  if (layer.outputs == 0) return;
  const Matrix z = columns_.matrix(b.z, i, m), y = columns_.matrix(b.y, i, m), dy = columns_.matrix(b.dy, i, m);
  if (layer.activation.code != LF_IDENTITY) {
    const bool from_input = LF_DERIVES_FROM_INPUT(layer.activation.code);
    const ConstMatrix input = !from_input     ? ConstMatrix()
                              : h_[i].empty() ? ConstMatrix(z)
                                              : columns_.matrix(h_[i], i, m);
    context_.activation_backward(layer.activation, from_input ? ConstMatrix() : ConstMatrix(y), dy, dy, input);
  }
  if (layer.batch_norm) return context_.batch_norm_backward(z, layer.batch_norm->view(), dy, dy, b.dgamma, b.dbeta);
  sums_.resize(static_cast<size_t>(2 * layer.outputs));
  context_.column_sums({0, m}, dy, sums_);
  std::copy_n(sums_.data(), layer.outputs, b.dbias.begin());
}

Step::Result ColumnStep::run(const Batch &batch, int64_t m, bool stops) {
  return ranks_.transferring([&] { return take(batch, m, stops); });
}

Step::Result ColumnStep::take(const Batch &batch, int64_t m, bool stops) {
  if (!is_cut_) cut();
  const size_t layers = buffers_.size(), last = layers - 1;
  const ConstMatrix features = features_of(batch.x.data(), m);
  for (size_t i = 0; i < layers; ++i) {
    forward(i, input_of(i, features));
    exchange(columns_.buffers_[i].y.data(), buffers_[i].y.data(), m, network_.layers[i].outputs,
             i == last ? &stops : nullptr);
    if (has_dropout(i)) apply_dropout(i, matrix(buffers_[i].y, i, m), matrix(buffers_[i].after_dropout, i, m), 0);
  }
  // Every rank has all outputs, and computes the same loss.
  Result result = loss_of(matrix(buffers_[last].y, last, m), batch.labels.data(), batch.targets.data(), m);
  result.stops = stops;
  take_columns(buffers_[last].dy.data(), network_.outputs(), m, units(last).begin, units(last).size(),
               columns_.buffers_[last].dy.data());
  for (size_t i = layers; i-- > 0;) {
    make_dz(i, m);
    Buffers &mine = columns_.buffers_[i];
    const ConstMatrix x = input_of(i, features), dz = columns_.matrix(mine.dy, i, m);
    const int64_t n = network_.layers[i].outputs;
    if (dz.columns > 0) context_.sgemm(transpose(x), dz, {mine.dw.data(), x.columns, dz.columns});
    if (i == 0) continue;
    exchange(mine.dy.data(), buffers_[i].dy.data(), m, n);
    const Share below = units(i - 1);
    if (below.size() == 0) continue;
    const ConstMatrix all = matrix(buffers_[i].dy, i, m);
    Buffers &under = columns_.buffers_[i - 1];
    context_.sgemm(all, transpose(std::as_const(rows_.network.layers[i]).weights()),
                   {under.dy.data(), m, below.size()});
    context_.sgemm(transpose(ConstMatrix(x.data + below.begin, m, below.size(), x.stride)), all,
                   {rows_.buffers_[i].dw.data(), below.size(), n});
    if (!has_dropout(i - 1)) continue;
    const int64_t width = network_.layers[i - 1].outputs;
    const Matrix dx = matrix(buffers_[i - 1].dy, i - 1, m);
    put_columns(dx.data, width, m, below.begin, below.size(), under.dy.data());
    apply_dropout(i - 1, dx, dx, 0); // of all units, because it numbers them
    take_columns(dx.data, width, m, below.begin, below.size(), under.dy.data());
  }
  ++steps_;
  for (Part *part : {&columns_, &rows_}) {
    part->set_learning_rate(optimizer_.learning_rate), part->restart_after(steps_);
    for (size_t i = 0; i < layers; ++i) {
      std::vector<float> &w = part->network.layers[i].w;
      if (!w.empty()) part->update(i, 0, w, part->buffers_[i].dw.data(), 0, w.size());
    }
  }
  for (size_t i = 0; i < layers; ++i)
    if (units(i).size() > 0) columns_.update_vectors(i);
  return result;
}

} // namespace lanefold::trainer
