// The gradients of the weights travel as panels, so that all ranks work at once: while a rank adds its rows to one panel,
// the next rank adds its own to the panel before.  The last rank has the results.  It sends each piece of them to the
// piece's owner, which hands it on, so that all ranks send alike: 2 (N - 1) / N of the parameters.
#include "trainer/distributed/divided_step.hpp"

#include <utility>

namespace lanefold::trainer {

DividedStep::DividedStep(const Context &context, Network &network, const Optimizer &optimizer, int64_t batch_size,
                         Objective objective, Ranks &ranks, const Link &link)
    : Step(context, network, optimizer, share_of(batch_size, ranks.count(), 0).size(), std::move(objective), true),
      ranks_(ranks), statistics_(context, ranks, link), h_(buffers_.size()) {
  losses_.resize(static_cast<size_t>(share_of(batch_size, ranks.count(), 0).size()));
  for (size_t i = 0; i < buffers_.size(); ++i)
    if (network.layers[i].batch_norm && LF_DERIVES_FROM_INPUT(network.layers[i].activation.code))
      h_[i].resize(buffers_[i].y.size());
  divide_gradients(unit_of_panels({batch_size, ranks.count(), ranks.rank()}, network, link));
}

// Owners take turns in slices of one length, which end without regard to panels.
void DividedStep::divide_gradients(int64_t unit) {
  size_t floats = 0;
  for (const DenseLayer &layer : network_.layers) floats += layer.w.size();
  const auto ranks = static_cast<size_t>(ranks_.count()), slices = ranks * slices_of_rank(floats, ranks_.count());
  size_t slice = 0, begin = 0; // of the floats in the order of the panels
  for (size_t i = buffers_.size(); i-- > 0;) {
    const DenseLayer &layer = network_.layers[i];
    const int64_t rows = rows_of_panel(layer.inputs, layer.outputs, unit);
    for (int64_t first = 0; first < layer.inputs; first += rows) {
      Panel panel{i, first, std::min(rows, layer.inputs - first), {}};
      const auto at = static_cast<size_t>(first * layer.outputs);
      const size_t end = begin + static_cast<size_t>(panel.rows * layer.outputs), offset = begin - at;
      while (begin < end) {
        const size_t slice_end = floats * (slice + 1) / slices, piece_end = std::min(end, slice_end);
        panel.pieces.push_back({i, begin - offset, piece_end - offset, static_cast<int>(slice % ranks)});
        begin = piece_end;
        if (begin == slice_end) ++slice;
      }
      panels_.push_back(std::move(panel));
    }
  }
}

Step::Result DividedStep::run(const Batch &mine, int64_t batch_rows, bool stops) {
  return ranks_.transferring([&] { return take(mine, batch_rows, stops); });
}

Step::Result DividedStep::take(const Batch &mine, int64_t batch_rows, bool stops) {
  const Division division{batch_rows, ranks_.count(), ranks_.rank()};
  const int64_t m = mine.rows, first_row = division.mine().begin;
  const size_t layers = buffers_.size();
  ConstMatrix features;
  BatchTotals totals;
  totals.stops = stops;
  if (m > 0) features = features_of(mine.x.data(), m);
  for (size_t i = 0; i < layers; ++i) {
    forward(i, m > 0 ? input_of(i, features) : ConstMatrix(), division);
    if (m > 0 && has_dropout(i))
      ranks_.run({StepTask::dropout, i, m}, [&] {
        apply_dropout(i, matrix(buffers_[i].y, i, m), matrix(buffers_[i].after_dropout, i, m), first_row);
      });
  }
  if (m > 0)
    ranks_.run({StepTask::loss, layers - 1, m}, [&] {
      const Matrix outputs = matrix(buffers_.back().y, layers - 1, m);
      const Vector losses(losses_.data(), m);
      totals.correct = loss_of(outputs, mine.labels.data(), mine.targets.data(), batch_rows, losses).correct;
    });
  for (size_t i = layers; i-- > 0;) {
    make_dz(i, division, i + 1 == layers ? &totals : nullptr);
    if (i == 0 || m == 0) continue;
    const Matrix dx = matrix(buffers_[i - 1].dy, i - 1, m);
    ranks_.run({StepTask::dx, i, m}, [&] {
      context_.sgemm(matrix(buffers_[i].dy, i, m), transpose(std::as_const(network_.layers[i]).weights()), dx);
    });
    if (has_dropout(i - 1)) ranks_.run({StepTask::dropout, i - 1, m}, [&] { apply_dropout(i - 1, dx, dx, first_row); });
  }
  ++steps_;
  exchange_gradients(features, division);
  for (size_t i = 0; i < layers; ++i)
    ranks_.run({StepTask::update, i, network_.layers[i].outputs}, [&] { update_vectors(i); });
  const int64_t outputs = objective_.kind == Objective::regression ? network_.outputs() : 1;
  return {totals.loss / static_cast<float>(batch_rows * outputs), totals.correct, totals.stops != 0};
}

void DividedStep::forward(size_t i, ConstMatrix x, const Division &division) {
  DenseLayer &layer = network_.layers[i];
  Buffers &b = buffers_[i];
  const int64_t m = division.mine().size();
  const Matrix z = matrix(b.z, i, m), y = matrix(b.y, i, m);
  if (m > 0)
    ranks_.run({StepTask::product, i, m}, [&] {
      if (!layer.batch_norm)
        return context_.dense_forward(x, layer.view(), y, needs_z(layer) ? z : Matrix(), LF_TRAINING);
      ConstLayerView product = std::as_const(layer).view();
      product.batch_norm.reset(), product.activation = {};
      context_.dense_forward(x, product, z);
    });
  if (!layer.batch_norm) return;
  statistics_.take(division, i, z, *layer.batch_norm);
  if (m == 0) return;
  ranks_.run({StepTask::normalize, i, m}, [&] {
    if (h_[i].empty())
      return context_.batch_norm_forward(z, layer.batch_norm->view(), y, LF_BATCH_STATISTICS, layer.activation);
    const Matrix h = matrix(h_[i], i, m);
    context_.batch_norm_forward(z, layer.batch_norm->view(), h, LF_BATCH_STATISTICS);
    context_.activation_forward(layer.activation, h, y);
  });
}

void DividedStep::make_dz(size_t i, const Division &division, BatchTotals *totals) {
  DenseLayer &layer = network_.layers[i];
  Buffers &b = buffers_[i];
  const int64_t m = division.mine().size();
  const Matrix z = matrix(b.z, i, m), y = matrix(b.y, i, m), dy = matrix(b.dy, i, m);
  if (m > 0 && layer.activation.code != LF_IDENTITY)
    ranks_.run({StepTask::derivative, i, m}, [&] {
      const bool from_input = LF_DERIVES_FROM_INPUT(layer.activation.code);
      const ConstMatrix input = !from_input ? ConstMatrix() : h_[i].empty() ? ConstMatrix(z) : matrix(h_[i], i, m);
      context_.activation_backward(layer.activation, from_input ? ConstMatrix() : ConstMatrix(y), dy, dy, input);
    });
  const ConstVector losses(losses_.data(), m);
  if (!layer.batch_norm) return statistics_.sum(division, i, {dy, {}, nullptr, b.dbias, b.dgamma, totals, losses});
  const BatchNorm &norm = *layer.batch_norm;
  statistics_.sum(division, i, {dy, z, &norm, b.dbeta, b.dgamma, totals, losses});
  if (m > 0)
    ranks_.run({StepTask::norm_gradient, i, m},
               [&] { context_.batch_norm_backward(z, norm.view(), dy, dy, b.dgamma, b.dbeta, division.batch_rows); });
}

float *DividedStep::values_of(const Panel &panel) {
  return buffers_[panel.layer].dw.data() + panel.first_row * network_.layers[panel.layer].outputs;
}

size_t DividedStep::bytes_of(const Panel &panel) const {
  return static_cast<size_t>(panel.rows * network_.layers[panel.layer].outputs) * sizeof(float);
}

void DividedStep::send(int to, const Piece &piece) {
  const float *from = buffers_[piece.layer].dw.data() + piece.begin;
  sends_.add(ranks_.send(to, Channel::result, from, (piece.end - piece.begin) * sizeof(float)));
}

void DividedStep::update(const Piece &piece) {
  ranks_.run({StepTask::update, piece.layer, static_cast<int64_t>(piece.end - piece.begin)}, [&] {
    Step::update(piece.layer, 0, network_.layers[piece.layer].w, buffers_[piece.layer].dw.data(), piece.begin,
                 piece.end);
  });
}

void DividedStep::expect(const Panel &panel) {
  for (const Piece &piece : panel.pieces) {
    const bool is_mine = piece.owner == ranks_.rank();
    float *to = buffers_[piece.layer].dw.data() + piece.begin;
    const Ranks::Transfer transfer =
        ranks_.receive(is_mine ? last_ : piece.owner, Channel::result, to, (piece.end - piece.begin) * sizeof(float));
    (is_mine ? mine_ : others_).push_back({&piece, transfer});
  }
}

void DividedStep::hand_on(const Piece &piece) {
  for (int distance = 1; distance < ranks_.count(); ++distance) {
    const int to = (piece.owner + distance) % ranks_.count(); // so that not all owners send to the same rank at once
    if (to != last_) send(to, piece);
  }
}

// Those that this rank owns come first, because the other ranks wait for them.
void DividedStep::take_results(bool waits) {
  for (std::deque<Arriving> *arriving : {&mine_, &others_})
    while (!arriving->empty()) {
      const auto [piece, transfer] = arriving->front();
      if (waits) ranks_.wait(transfer);
      else if (!ranks_.is_done(transfer)) break;
      arriving->pop_front();
      if (arriving == &mine_) hand_on(*piece);
      update(*piece);
    }
}

void DividedStep::exchange_gradients(ConstMatrix features, const Division &division) {
  const int64_t m = division.mine().size();
  last_ = division.last();
  if (m == 0) {
    for (const Panel &panel : panels_) expect(panel);
  } else add_to_gradients(features, division);
  take_results(true);
  sends_.wait();
}

// The result of a panel arrives in the memory of its carry, so it is expected once the carry has left.
void DividedStep::add_to_gradients(ConstMatrix features, const Division &division) {
  const int64_t m = features.rows;
  const bool is_first = division.rank == 0, is_last = division.rank == last_;
  constexpr size_t ahead = 4; // panels whose memory is offered to the rank before
  std::deque<Ranks::Transfer> receives, sends;
  size_t offered = 0, expected = 0;
  const auto expect_next = [&] {
    ranks_.wait(sends.front());
    sends.pop_front(), expect(panels_[expected++]);
  };
  for (const Panel &panel : panels_) {
    float *const dw = values_of(panel);
    while (!is_first && offered < panels_.size() && receives.size() < ahead) {
      const Panel &next = panels_[offered++];
      receives.push_back(ranks_.receive(division.rank - 1, Channel::carry, values_of(next), bytes_of(next)));
    }
    if (!is_first) ranks_.wait(receives.front()), receives.pop_front();
    const ConstMatrix x = input_of(panel.layer, features);
    ranks_.run({StepTask::dw, panel.layer, m * panel.rows}, [&] {
      context_.sgemm(transpose(ConstMatrix(x.data + panel.first_row, m, panel.rows, x.stride)),
                     matrix(buffers_[panel.layer].dy, panel.layer, m),
                     {dw, panel.rows, network_.layers[panel.layer].outputs}, 1, is_first ? 0.0f : 1.0f);
    });
    if (!is_last) {
      sends.push_back(ranks_.send(division.rank + 1, Channel::carry, dw, bytes_of(panel)));
      if (sends.size() == ahead) expect_next();
      take_results(false);
      continue;
    }
    for (const Piece &piece : panel.pieces) {
      if (piece.owner == last_) hand_on(piece);
      else send(piece.owner, piece);
    }
    for (const Piece &piece : panel.pieces) update(piece);
  }
  while (!sends.empty()) expect_next();
}

} // namespace lanefold::trainer
