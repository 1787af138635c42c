// One function for each operation.  It makes the operands and the results, and a function that does the call.
#include "calls.hpp"

#include <lanefold/lanefold.hpp>

namespace lanefold::test {
namespace {

using Matrices = std::vector<PaddedMatrix>;

// One matrix in sixteen spans most exponents, so that sums overflow, infinities cancel, and results are subnormal.
// One in sixteen holds special values.
PaddedMatrix values(int64_t rows, int64_t columns, Random &random, float low = -1, float high = 1) {
  constexpr float special[] = {0.0f,   -0.0f,   1.0f,    INFINITY, -INFINITY, NAN,
                               1e-42f, -1e-42f, -200.0f, 3e38f,    -20.0f,    0x1p-126f};
  PaddedMatrix x(rows, columns);
  const int64_t kind = random.below(16);
  // Each random number is drawn in a statement of its own.  Otherwise the digest would depend on the order in which a
  // compiler evaluates arguments.
  if (kind == 0)
    return x.fill([&](int64_t, int64_t) {
      const float mantissa = random.uniform(-2, 2);
      return std::ldexp(mantissa, static_cast<int>(random.between(-80, 66)));
    });
  if (kind == 1)
    return x.fill(
        [&](int64_t, int64_t) { return random.below(4) ? random.uniform(low, high) : special[random.below(12)]; });
  return x.random(random, low, high);
}

PaddedMatrix vector(int64_t n, Random &random, float low = -1, float high = 1) {
  return PaddedMatrix(1, n).random(random, low, high);
}

PaddedMatrix unwritten(int64_t rows, int64_t columns) { return PaddedMatrix(rows, columns).nan(); }

std::string shape(std::initializer_list<int64_t> sizes) {
  std::string text;
  for (const int64_t size : sizes) text += " " + std::to_string(size);
  return text;
}

int32_t some_activation(Random &random) { return static_cast<int32_t>(random.below(LF_ACTIVATION_COUNT)); }

Call sgemm(Random &random) {
  constexpr float factors[] = {1.0f, 1.0f, 0.0f, -1.0f, 0.3f};
  int64_t m = some_size(random), n = some_size(random), k = some_size(random);
  if (random.below(64) == 0) k = random.between(1000, 3000);
  if (random.below(64) == 0) n = random.between(3000, 5000), m = random.between(1, 16), k = random.between(1, 64);
  const auto flags = static_cast<uint32_t>(random.below(4));
  const bool ta = (flags & LF_TRANSPOSE_A) != 0, tb = (flags & LF_TRANSPOSE_B) != 0;
  const float alpha = factors[random.below(5)], beta = factors[random.below(5)];
  Call call;
  call.text = "sgemm" + shape({m, n, k, flags}) + ", alpha " + std::to_string(alpha) + ", beta " + std::to_string(beta);
  call.reads = {values(ta ? k : m, ta ? m : k, random), values(tb ? n : k, tb ? k : n, random)};
  call.writes = {beta == 0 ? unwritten(m, n) : values(m, n, random)};
  call.run = [=](const Context &context, const Matrices &in, Matrices &out) {
    context.sgemm({in[0], ta}, {in[1], tb}, out[0], alpha, beta);
  };
  return call;
}

Call activation_forward(Random &random) {
  const int64_t m = some_size(random), n = some_size(random);
  const int32_t activation = some_activation(random);
  const float alpha = random.uniform(0, 2);
  Call call;
  call.text = "activation_forward" + shape({m, n, activation});
  call.reads = {values(m, n, random, -9, 9)};
  call.writes = {unwritten(m, n)};
  call.run = [=](const Context &context, const Matrices &in, Matrices &out) {
    context.activation_forward({activation, alpha}, in[0], out[0]);
  };
  return call;
}

Call activation_backward(Random &random) {
  const int64_t m = some_size(random), n = some_size(random);
  const int32_t activation = some_activation(random);
  const float alpha = random.uniform(0, 2);
  Call call;
  call.text = "activation_backward" + shape({m, n, activation});
  call.reads = {values(m, n, random, -9, 9), values(m, n, random)};
  call.writes = {unwritten(m, n)};
  call.run = [=](const Context &context, const Matrices &in, Matrices &out) {
    const bool from_input = LF_DERIVES_FROM_INPUT(activation);
    const ConstMatrix none, from = in[0];
    context.activation_backward({activation, alpha}, from_input ? none : from, in[1], out[0], from_input ? from : none);
  };
  return call;
}

// The rows of a batch are sometimes more than one block of sums has.
int64_t some_rows(Random &random) {
  return random.below(8) ? std::max<int64_t>(2, some_size(random)) : random.between(250, 800);
}

struct Norm {
  uint32_t flags;
  float eps, momentum;
};
Norm some_norm(Random &random) {
  return {random.below(2) ? LF_UNBIASED_RUNNING_VAR : 0u, random.uniform(1e-5f, 1e-2f), random.uniform(0, 1)};
}

// gamma, beta, running_mean, running_var
void add_norm(Matrices &to, int64_t n, Random &random) {
  to.push_back(vector(n, random, 0.5f, 1.5f));
  to.push_back(vector(n, random));
  to.push_back(vector(n, random));
  to.push_back(vector(n, random, 0.5f, 2.0f));
}

lf_batch_norm batch_norm(const Norm &norm, const PaddedMatrix &gamma, const PaddedMatrix &beta) {
  auto bn = args<lf_batch_norm>();
  bn.flags = norm.flags, bn.eps = norm.eps, bn.momentum = norm.momentum;
  bn.gamma = gamma.data(), bn.beta = beta.data();
  return bn;
}

// lf_batch_norm has pointers to mutable floats, also for arrays that a call only reads.
float *unchanged(const PaddedMatrix &x) { return const_cast<float *>(x.data()); }

Call batch_norm_forward(Random &random) {
  const int64_t m = some_rows(random), n = some_size(random);
  const bool training = random.below(3) != 0;
  const Norm norm = some_norm(random);
  Call call;
  call.text = "batch_norm_forward" + shape({m, n}) + (training ? ", training" : "");
  const float center = random.below(4) ? 0.0f : 1000.0f;
  call.reads = {values(m, n, random, center - 1, center + 1)};
  add_norm(call.reads, n, random);
  call.writes = {unwritten(m, n)};
  if (training) call.writes.insert(call.writes.end(), {call.reads[3], call.reads[4], unwritten(1, n), unwritten(1, n)});
  call.run = [=](const Context &context, const Matrices &in, Matrices &out) {
    lf_batch_norm bn = batch_norm(norm, in[1], in[2]);
    bn.running_mean = training ? out[1].data() : unchanged(in[3]);
    bn.running_var = training ? out[2].data() : unchanged(in[4]);
    if (training) bn.mean = out[3].data(), bn.inv_std = out[4].data();
    context.batch_norm_forward(in[0], {bn, n}, out[0], training ? LF_TRAINING : 0);
  };
  return call;
}

Call batch_norm_backward(Random &random) {
  const int64_t m = some_rows(random), n = some_size(random);
  const Norm norm = some_norm(random);
  Call call;
  call.text = "batch_norm_backward" + shape({m, n});
  call.reads = {values(m, n, random), values(m, n, random), vector(n, random, 0.5f, 1.5f), vector(n, random),
                vector(n, random, 0.5f, 2)};
  call.writes = {unwritten(m, n), unwritten(1, n), unwritten(1, n)};
  call.run = [=](const Context &context, const Matrices &in, Matrices &out) {
    lf_batch_norm bn = batch_norm(norm, in[2], in[2]);
    bn.mean = unchanged(in[3]), bn.inv_std = unchanged(in[4]);
    context.batch_norm_backward(in[0], {bn, n}, in[1], out[0], out[1].vector(), out[2].vector());
  };
  return call;
}

// Rows first_row..first_row + m - 1 of a batch of at least `least` rows.
Part some_part(int64_t m, int64_t least, Random &random) {
  const int64_t first_row = random.below(3) == 0 ? 0 : random.below(700);
  const int64_t after = random.below(2) ? 0 : random.below(700);
  return {first_row, std::max(least, first_row + m + after)};
}

Call batch_norm_of_part(Random &random) {
  const int64_t m = some_rows(random), n = some_size(random), batch_rows = m + random.below(900);
  const int32_t activation = some_activation(random);
  const Norm norm = some_norm(random);
  Call call;
  call.text = "batch_norm_forward and backward of a part" + shape({m, n, batch_rows, activation});
  call.reads.push_back(values(m, n, random, -3, 3));
  call.reads.push_back(values(m, n, random));
  for (const float low : {0.5f, -1.0f, -1.0f, 0.5f, -9.0f, -9.0f}) // gamma, beta, mean, inv_std, dgamma, dbeta
    call.reads.push_back(vector(n, random, low, low == 0.5f ? 2.0f : -low));
  call.writes = {unwritten(m, n), unwritten(m, n)};
  call.run = [=](const Context &context, const Matrices &in, Matrices &out) {
    lf_batch_norm bn = batch_norm(norm, in[2], in[3]);
    bn.mean = unchanged(in[4]), bn.inv_std = unchanged(in[5]);
    context.batch_norm_forward(in[0], BatchNormView(bn, n), out[0], LF_BATCH_STATISTICS, {activation, 0.5f});
    const Vector dgamma(unchanged(in[6]), n), dbeta(unchanged(in[7]), n); // which the call only reads
    context.batch_norm_backward(in[0], {bn, n}, in[1], out[1], dgamma, dbeta, batch_rows);
  };
  return call;
}

Call batch_norm_moments(Random &random) {
  const int64_t m = some_rows(random), n = some_size(random);
  const Part part = some_part(m, 2, random);
  const bool is_second = random.below(2) != 0;
  Call call;
  call.text =
      "batch_norm_moments" + shape({m, n, part.first_row, part.batch_rows}) + (is_second ? ", second pass" : "");
  const float center = random.below(4) ? 0.0f : 1000.0f;
  call.reads = {values(m, n, random, center - 1, center + 1)};
  call.writes = {values(1, 3 * n * part.blocks(m), random, -200, 200)};
  call.run = [=](const Context &context, const Matrices &in, Matrices &out) {
    context.batch_norm_moments(part, in[0], out[0].vector(), is_second);
  };
  return call;
}

Call batch_norm_merge(Random &random) {
  const int64_t n = some_size(random), blocks = random.between(1, 9), first_block = random.below(4);
  const bool is_last = random.below(2) != 0;
  const int64_t last = random.between(2, LF_BLOCK_ROWS), after = is_last ? 0 : LF_BLOCK_ROWS;
  const int64_t batch_rows = (first_block + blocks - 1) * LF_BLOCK_ROWS + last + after;
  const Norm norm = some_norm(random);
  Call call;
  call.text = "batch_norm_merge" + shape({n, first_block, blocks, batch_rows});
  call.reads = {values(1, 3 * n * blocks, random, 0, 3)};
  call.writes.push_back(first_block == 0 ? unwritten(1, 3 * n) : values(1, 3 * n, random, 0, 3));
  if (is_last) {
    call.writes.push_back(vector(n, random));
    call.writes.push_back(vector(n, random, 0.5f, 2));
    call.writes.insert(call.writes.end(), {unwritten(1, n), unwritten(1, n)});
  }
  call.run = [=](const Context &context, const Matrices &in, Matrices &out) {
    BatchNormView view;
    view.flags = norm.flags, view.eps = norm.eps, view.momentum = norm.momentum;
    if (is_last) {
      view.running_mean = out[1].vector(), view.running_var = out[2].vector();
      view.mean = out[3].vector(), view.inv_std = out[4].vector();
    }
    const ConstVector moments(in[0].data(), in[0].columns());
    context.batch_norm_merge(first_block, batch_rows, moments, out[0].vector(), is_last ? &view : nullptr);
  };
  return call;
}

Call column_sums(Random &random) {
  const int64_t m = some_rows(random), n = some_size(random);
  const Part part = some_part(m, 1, random);
  const bool has_norm = random.below(2) != 0;
  const Norm norm = some_norm(random);
  Call call;
  call.text = "column_sums" + shape({m, n, part.first_row, part.batch_rows}) + (has_norm ? ", norm" : "");
  call.reads.push_back(values(m, n, random));
  if (has_norm) {
    call.reads.push_back(values(m, n, random));
    call.reads.push_back(vector(n, random));
    call.reads.push_back(vector(n, random, 0.5f, 2));
  }
  const int64_t sums = (has_norm ? 4 : 2) * n;
  call.writes = {part.first_row == 0 ? unwritten(1, sums) : values(1, sums, random)};
  call.run = [=](const Context &context, const Matrices &in, Matrices &out) {
    if (!has_norm) return context.column_sums(part, in[0], out[0].vector());
    lf_batch_norm bn = batch_norm(norm, in[2], in[2]);
    bn.mean = unchanged(in[2]), bn.inv_std = unchanged(in[3]);
    context.column_sums(part, in[0], out[0].vector(), in[1], {bn, n});
  };
  return call;
}

Call fold_batch_norm(Random &random) {
  const int64_t k = some_size(random), n = some_size(random);
  const bool bias = random.below(2) != 0;
  const Norm norm = some_norm(random);
  const float largest_x = random.uniform(0, 4);
  Call call;
  call.text = "fold_batch_norm" + shape({k, n}) + (bias ? ", bias" : "");
  call.reads = {PaddedMatrix(k, n).random(random), vector(n, random)};
  add_norm(call.reads, n, random);
  call.writes = {unwritten(k, n), unwritten(1, n), unwritten(1, n)};
  call.run = [=](const Context &context, const Matrices &in, Matrices &out) {
    lf_batch_norm bn = batch_norm(norm, in[2], in[3]);
    bn.running_mean = unchanged(in[4]), bn.running_var = unchanged(in[5]);
    auto a = args<lf_fold_batch_norm_args>();
    a.k = k, a.n = n, a.batch_norm = &bn, a.largest_x = largest_x;
    a.w = in[0].data(), a.ldw = in[0].stride(), a.bias = bias ? in[1].data() : nullptr;
    a.folded_w = out[0].data(), a.ldfolded_w = out[0].stride(), a.folded_bias = out[1].data(),
    a.error_bound = out[2].data();
    context.fold_batch_norm(a);
  };
  return call;
}

struct Dense {
  int64_t m, n, k;
  int32_t activation;
  float alpha;
  bool bias, norm, packs, transposes;
  std::string text(const char *name) const {
    return name + shape({m, n, k, activation}) + (bias ? ", bias" : "") + (norm ? ", norm" : "") +
           (packs ? ", packed" : "");
  }
};
Dense some_dense(Random &random) {
  if (random.below(16) == 0) { // more than one block of k and several panels of columns
    const int64_t m = random.between(2, 40), n = random.between(1, 600), k = random.between(300, 1200);
    return {m, n, k, some_activation(random), 1.0f, true, random.below(2) != 0, random.below(2) != 0, false};
  }
  return {some_rows(random),       some_size(random),    some_size(random),
          some_activation(random), random.uniform(0, 2), random.below(2) != 0,
          random.below(2) != 0,    random.below(2) != 0, random.below(2) != 0};
}

PackedWeights pack(const Context &context, const Dense &d, const PaddedMatrix &w) {
  return context.pack_weights({w, d.transposes});
}

Call dense_infer(Random &random) {
  const Dense d = some_dense(random);
  Call call;
  call.text = d.text("dense_infer");
  call.reads = {values(d.m, d.k, random), values(d.transposes ? d.n : d.k, d.transposes ? d.k : d.n, random),
                vector(d.n, random)};
  call.writes = {unwritten(d.m, d.n)};
  call.run = [=](const Context &context, const Matrices &in, Matrices &out) {
    const ConstVector bias(d.bias ? in[2].data() : nullptr, d.n);
    context.dense_infer(in[0], pack(context, d, in[1]), bias, {d.activation, d.alpha}, out[0]);
  };
  return call;
}

Call dense_forward(Random &random) {
  Dense d = some_dense(random);
  d.transposes = false;
  const bool training = random.below(3) != 0, keeps_z = random.below(3) != 0;
  const Norm norm = some_norm(random);
  Call call;
  call.text = d.text("dense_forward") + (training ? ", training" : "") + (keeps_z ? ", z" : "");
  call.reads = {values(d.m, d.k, random), values(d.k, d.n, random), vector(d.n, random)};
  add_norm(call.reads, d.n, random);
  call.writes = {unwritten(d.m, d.n), unwritten(d.m, d.n), call.reads[5],
                 call.reads[6],       unwritten(1, d.n),   unwritten(1, d.n)};
  call.run = [=](const Context &context, const Matrices &in, Matrices &out) {
    lf_batch_norm bn = batch_norm(norm, in[3], in[4]);
    bn.running_mean = out[2].data(), bn.running_var = out[3].data(), bn.mean = out[4].data(),
    bn.inv_std = out[5].data();
    auto a = args<lf_dense_forward_args>();
    a.flags = training ? LF_TRAINING : 0;
    a.m = d.m, a.n = d.n, a.k = d.k, a.activation = d.activation, a.alpha = d.alpha;
    a.x = in[0].data(), a.ldx = in[0].stride(), a.bias = d.bias ? in[2].data() : nullptr;
    a.batch_norm = d.norm ? &bn : nullptr;
    a.y = out[0].data(), a.ldy = out[0].stride();
    if (keeps_z) a.z = out[1].data(), a.ldz = out[1].stride();
    if (!d.packs) {
      a.w = in[1].data(), a.ldw = in[1].stride();
      return context.dense_forward(a);
    }
    const PackedWeights packed = pack(context, d, in[1]);
    a.packed = packed.get();
    context.dense_forward(a);
  };
  return call;
}

Call dense_backward(Random &random) {
  Dense d = some_dense(random);
  d.transposes = false;
  const bool wants_dx = random.below(4) != 0, updates = random.below(2) != 0;
  const Norm norm = some_norm(random);
  const float rate = random.uniform(0, 1);
  Call call;
  call.text = d.text("dense_backward") + (wants_dx ? ", dx" : "") + (updates ? ", updates" : "");
  call.reads = {values(d.m, d.k, random), values(d.k, d.n, random),    values(d.m, d.n, random),
                values(d.m, d.n, random), values(d.m, d.n, random),    vector(d.n, random, 0.5f, 1.5f),
                vector(d.n, random),      vector(d.n, random, 0.5f, 2)};
  call.writes = {unwritten(d.k, d.n), unwritten(d.m, d.k), unwritten(1, d.n),
                 unwritten(1, d.n),   unwritten(1, d.n),   unwritten(d.k, d.n)};
  call.run = [=](const Context &context, const Matrices &in, Matrices &out) {
    lf_batch_norm bn = batch_norm(norm, in[5], in[6]);
    bn.mean = unchanged(in[6]), bn.inv_std = unchanged(in[7]);
    auto a = args<lf_dense_backward_args>();
    a.m = d.m, a.n = d.n, a.k = d.k, a.activation = d.activation, a.alpha = d.alpha;
    a.x = in[0].data(), a.ldx = in[0].stride(), a.w = in[1].data(), a.ldw = in[1].stride();
    a.z = in[2].data(), a.ldz = in[2].stride(), a.y = in[3].data(), a.ldy = in[3].stride();
    a.dy = in[4].data(), a.lddy = in[4].stride();
    a.dw = out[0].data(), a.lddw = out[0].stride();
    if (wants_dx) a.dx = out[1].data(), a.lddx = out[1].stride();
    a.dbias = d.bias ? out[2].data() : nullptr;
    if (d.norm) a.batch_norm = &bn, a.dgamma = out[3].data(), a.dbeta = out[4].data();
    a.learning_rate = rate;
    if (!d.packs) {
      // updated_w has the stride of w.
      PaddedMatrix updated = in[1];
      if (updates) a.updated_w = updated.data();
      context.dense_backward(a);
      if (updates) out[5].fill([&](int64_t i, int64_t j) { return updated(i, j); });
      return;
    }
    PackedWeights packed = pack(context, d, in[1]);
    a.packed = packed.get();
    if (updates) a.flags = LF_UPDATE_PACKED;
    context.dense_backward(a);
    auto back = args<lf_unpack_weights_args>();
    back.n = d.n, back.k = d.k, back.w = out[5].data(), back.ldw = out[5].stride();
    context.unpack_weights(back, packed);
  };
  return call;
}

std::vector<int32_t> some_labels(int64_t m, int64_t n, Random &random) {
  std::vector<int32_t> labels;
  for (int64_t i = 0; i < m; ++i) labels.push_back(static_cast<int32_t>(random.below(n)));
  return labels;
}

Call softmax(Random &random) {
  const int64_t m = some_rows(random), n = some_size(random);
  const bool logarithm = random.below(2) != 0;
  Call call;
  call.text = (logarithm ? "softmax, logarithm" : "softmax") + shape({m, n});
  call.reads = {values(m, n, random, -9, 9)};
  call.writes = {unwritten(m, n)};
  call.run = [=](const Context &context, const Matrices &in, Matrices &out) {
    context.softmax(in[0], out[0], logarithm);
  };
  return call;
}

Call softmax_cross_entropy(Random &random) {
  const int64_t m = some_rows(random), n = some_size(random);
  const auto labels = some_labels(m, n, random);
  const bool weighted = random.below(3) == 0, is_part = random.below(3) == 0;
  const int64_t batch_rows = is_part ? m + random.below(900) : 0;
  Call call;
  call.text = "softmax_cross_entropy" + shape({m, n, batch_rows}) + (weighted ? ", weights" : "");
  call.reads = {values(m, n, random, -5, 5)};
  if (weighted) call.reads.push_back(vector(m, random, 0, 2));
  call.writes = {unwritten(1, 1), unwritten(m, n)};
  if (is_part) call.writes.push_back(unwritten(1, m));
  call.run = [=](const Context &context, const Matrices &in, Matrices &out) {
    auto a = args<lf_softmax_cross_entropy_args>();
    a.m = m, a.n = n, a.x = in[0].data(), a.ldx = in[0].stride(), a.labels = labels.data();
    a.loss = out[0].data(), a.dx = out[1].data(), a.lddx = out[1].stride(); // canaries surround the loss
    a.weights = weighted ? in[1].data() : nullptr;
    if (is_part) a.batch_rows = batch_rows, a.losses = out[2].data();
    context.softmax_cross_entropy(a);
  };
  return call;
}

Call elementwise_loss(Random &random) {
  const int64_t m = some_rows(random), n = some_size(random);
  const auto function = static_cast<int32_t>(random.below(LF_LOSS_COUNT));
  const float delta = random.uniform(0.1f, 2);
  const bool weighted = random.below(3) == 0, wants_gradient = random.below(4) != 0, is_part = random.below(3) == 0;
  const int64_t batch_rows = is_part ? m + random.below(900) : 0;
  Call call;
  call.text = "elementwise_loss" + shape({m, n, function, batch_rows}) + (weighted ? ", weights" : "");
  call.reads.push_back(values(m, n, random, -5, 5));
  call.reads.push_back(values(m, n, random, -5, 5));
  if (weighted) call.reads.push_back(vector(m, random, 0, 2));
  call.writes.push_back(unwritten(1, 1));
  if (wants_gradient) call.writes.push_back(unwritten(m, n));
  if (is_part) call.writes.push_back(unwritten(1, m));
  call.run = [=](const Context &context, const Matrices &in, Matrices &out) {
    auto a = args<lf_elementwise_loss_args>();
    a.function = function, a.delta = delta, a.m = m, a.n = n, a.x = in[0].data(), a.ldx = in[0].stride();
    a.targets = in[1].data(), a.ldtargets = in[1].stride(), a.weights = weighted ? in[2].data() : nullptr;
    a.loss = out[0].data(); // canaries surround the loss
    if (wants_gradient) a.dx = out[1].data(), a.lddx = out[1].stride();
    if (is_part) a.batch_rows = batch_rows, a.losses = out.back().data();
    context.elementwise_loss(a);
  };
  return call;
}

Call dropout(Random &random) {
  const int64_t m = some_rows(random), n = some_size(random);
  Dropout how;
  how.rate = random.below(4) ? random.uniform(0, 1) : 0.0f;
  how.seed = random.bits();
  how.stream = random.bits();
  how.first_row = random.below((int64_t{1} << 32) - m);
  Call call;
  call.text = "dropout" + shape({m, n}) + ", rate " + std::to_string(how.rate);
  call.reads = {values(m, n, random)};
  call.writes = {unwritten(m, n)};
  call.run = [=](const Context &context, const Matrices &in, Matrices &out) { context.dropout(how, in[0], out[0]); };
  return call;
}

Call top_k_correct(Random &random) {
  const int64_t m = some_size(random), n = some_size(random), k = random.between(1, n);
  const auto labels = some_labels(m, n, random);
  Call call;
  call.text = "top_k_correct" + shape({m, n, k});
  call.reads = {values(m, n, random)};
  call.writes = {unwritten(1, 1)};
  call.run = [=](const Context &context, const Matrices &in, Matrices &out) {
    out[0](0, 0) = static_cast<float>(context.top_k_correct(in[0], labels, k));
  };
  return call;
}

Call optimizer_step(Random &random) {
  const int64_t n = some_size(random) * some_size(random), step = random.between(1, 1000);
  const auto optimizer = static_cast<int32_t>(random.below(LF_OPTIMIZER_COUNT));
  const float decay = random.below(2) ? 0.0f : random.uniform(0, 0.5f);
  const float rate = random.uniform(0, 1), momentum = random.uniform(0, 0.99f), beta2 = random.uniform(0.5f, 0.999f);
  Call call;
  call.text = "optimizer_step" + shape({n, optimizer, step});
  call.reads = {values(1, n, random)};
  call.writes = {values(1, n, random), vector(n, random), vector(n, random, 0, 1)};
  call.run = [=](const Context &context, const Matrices &in, Matrices &out) {
    auto a = args<lf_optimizer_step_args>();
    a.optimizer = optimizer, a.n = n, a.step = step;
    a.learning_rate = rate, a.momentum = momentum, a.beta2 = beta2, a.eps = 1e-8f, a.weight_decay = decay;
    a.w = out[0].data(), a.g = in[0].data(), a.m = out[1].data(), a.v = out[2].data();
    context.optimizer_step(a);
  };
  return call;
}

Call gather(Random &random) {
  const int64_t m = some_size(random), n = some_size(random), count = m + random.below(9), gap = random.below(20);
  std::vector<uint8_t> x(static_cast<size_t>(count * (n + gap)));
  for (uint8_t &byte : x) byte = static_cast<uint8_t>(random.below(256));
  std::vector<uint32_t> rows(random.below(3) ? static_cast<size_t>(m) : 0);
  for (uint32_t &row : rows) row = static_cast<uint32_t>(random.below(count));
  const float divisor = random.below(2) ? 255.0f : random.uniform(1, 1000);
  Call call;
  call.text = "gather" + shape({m, n, count});
  call.writes = {unwritten(m, n)};
  call.run = [=](const Context &context, const Matrices &, Matrices &out) {
    context.gather({x.data(), count, n, n + gap}, rows, divisor, out[0]);
  };
  return call;
}

Call network_infer(Random &random) {
  const Dense first = some_dense(random), second = some_dense(random);
  const Norm norm = some_norm(random);
  const int64_t m = first.m, k = first.k, between = first.n, n = second.n;
  Call call;
  call.text =
      "network_infer" + shape({m, k, between, n, first.activation, second.activation}) + (first.norm ? ", norm" : "");
  call.reads = {values(m, k, random), PaddedMatrix(k, between).random(random), vector(between, random),
                PaddedMatrix(between, n).random(random), vector(n, random)};
  add_norm(call.reads, between, random);
  call.writes = {unwritten(m, n)};
  call.run = [=](const Context &context, const Matrices &in, Matrices &out) {
    lf_batch_norm bn = batch_norm(norm, in[5], in[6]);
    bn.running_mean = unchanged(in[7]), bn.running_var = unchanged(in[8]);
    lf_network_layer layers[2] = {args<lf_network_layer>(), args<lf_network_layer>()};
    layers[0].n = between, layers[0].k = k, layers[0].w = in[1].data(), layers[0].ldw = in[1].stride();
    layers[0].bias = first.bias ? in[2].data() : nullptr, layers[0].batch_norm = first.norm ? &bn : nullptr;
    layers[0].activation = first.activation, layers[0].alpha = first.alpha;
    layers[1].n = n, layers[1].k = between, layers[1].w = in[3].data(), layers[1].ldw = in[3].stride();
    layers[1].bias = second.bias ? in[4].data() : nullptr;
    layers[1].activation = second.activation, layers[1].alpha = second.alpha;
    auto a = args<lf_network_args>();
    a.count = 2, a.layers = layers;
    const InferenceNetwork network = context.make_network(a);
    auto infer = args<lf_network_infer_args>();
    infer.m = m, infer.x = in[0].data(), infer.ldx = in[0].stride(), infer.y = out[0].data(),
    infer.ldy = out[0].stride();
    context.network_infer(infer, network);
  };
  return call;
}

constexpr Call (*operations[])(Random &) = {sgemm,
                                            sgemm,
                                            dense_infer,
                                            dense_forward,
                                            dense_backward,
                                            activation_forward,
                                            activation_backward,
                                            batch_norm_forward,
                                            batch_norm_backward,
                                            fold_batch_norm,
                                            softmax_cross_entropy,
                                            top_k_correct,
                                            optimizer_step,
                                            gather,
                                            network_infer,
                                            softmax,
                                            elementwise_loss,
                                            dropout,
                                            batch_norm_of_part,
                                            batch_norm_moments,
                                            batch_norm_merge,
                                            column_sums};

} // namespace

int64_t some_size(Random &random) {
  constexpr int64_t units[] = {6, 8, 16, 32, 64};
  if (random.below(3)) return random.between(1, int64_t{1} << random.between(0, 8));
  const int64_t unit = units[random.below(5)], count = random.between(1, 4);
  return unit * count + random.between(-1, 1);
}

Call Call::elsewhere(Random &random) const {
  Call to = *this;
  for (Matrices *matrices : {&to.reads, &to.writes})
    for (PaddedMatrix &x : *matrices) x = moved(x, random.below(20), random.below(16));
  return to;
}

Call some_call(Random &random) { return operations[random.below(std::size(operations))](random); }

} // namespace lanefold::test
