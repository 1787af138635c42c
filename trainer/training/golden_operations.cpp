// Shapes and options are chosen so that each operation takes each of its paths: small and blocked products, thin ones,
// transposed operands, blocks of statistics, partial vectors.  Gaps between rows hold a pattern that must survive.
#include "trainer/training/golden_operations.hpp"

#include "trainer/data/digest.hpp"
#include "trainer/data/random.hpp"

#include <cstdint>
#include <deque>
#include <utility>

namespace lanefold::trainer {
namespace {

constexpr float untouched = -12345.5f;
constexpr int64_t gap = 3;

// What one operation reads and writes.  All outputs go into the hash, gaps included.
class Operands {
public:
  // rows x columns random floats between -1 and 1.
  Matrix input(int64_t rows, int64_t columns) {
    const Matrix made = output(rows, columns);
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < columns; ++j) made.data[i * made.stride + j] = static_cast<float>(next(-1, 1));
    return made;
  }
  float *positive(int64_t count) {
    const Matrix made = input(1, count);
    for (int64_t i = 0; i < count; ++i) made.data[i] = 1.25f + made.data[i];
    return made.data;
  }
  Matrix output(int64_t rows, int64_t columns) {
    const int64_t stride = columns + gap;
    all_.emplace_back(static_cast<size_t>(rows * stride), untouched);
    return {all_.back().data(), rows, columns, stride};
  }
  std::vector<int32_t> labels(int64_t count, int64_t classes) {
    std::vector<int32_t> made;
    for (int64_t i = 0; i < count; ++i)
      made.push_back(static_cast<int32_t>(stream_.below(static_cast<uint32_t>(classes))));
    return made;
  }
  double next(double low, double high) { return stream_.uniform(low, high); }
  uint32_t below(uint32_t n) { return stream_.below(n); }

  // A normalization over n columns with everything that any call may want.
  lf_batch_norm norm(int64_t n) {
    auto made = args<lf_batch_norm>();
    made.eps = 1e-3f, made.momentum = 0.9f;
    made.gamma = positive(n), made.beta = input(1, n).data;
    made.running_mean = input(1, n).data, made.running_var = positive(n);
    made.mean = input(1, n).data, made.inv_std = positive(n);
    return made;
  }

  void add_to(Sha256 &hash) const {
    for (const std::vector<float> &values : all_) hash.add(values);
  }

private:
  Stream stream_{42, Purpose::study, 7};
  std::deque<std::vector<float>> all_;
};

struct Shape {
  int64_t m, n, k;
};
constexpr Shape shapes[] = {{1, 1, 1},    {1, 300, 784}, {2, 3, 5},     {7, 65, 33},  {16, 16, 16},
                            {64, 64, 64}, {300, 1, 40},  {40, 70, 520}, {530, 37, 19}};

// The hash of a call for each shape.
template <class Call> std::string hash_of(const Call &call) {
  Sha256 hash;
  for (const Shape &shape : shapes) {
    Operands operands;
    call(shape, operands, hash);
    operands.add_to(hash);
  }
  return hash.hex();
}

void put(const Matrix &matrix, const float *&data, int64_t &stride) { data = matrix.data, stride = matrix.stride; }
void put(const Matrix &matrix, float *&data, int64_t &stride) { data = matrix.data, stride = matrix.stride; }

// The first seven activations.  newer_activations() has the others, so that these hashes never change.
constexpr int32_t first_activations = LF_LOGISTIC + 1;
int32_t activation_of_shape(const Shape &s) { return static_cast<int32_t>((s.m + s.n + s.k) % first_activations); }

std::string sgemm(const Context &context) {
  return hash_of([&](const Shape &s, Operands &o, Sha256 &) {
    for (uint32_t flags = 0; flags < 4; ++flags)
      for (const auto &[alpha, beta] : {std::pair(1.0f, 0.0f), std::pair(-0.7f, 0.3f)}) {
        const bool ta = (flags & LF_TRANSPOSE_A) != 0, tb = (flags & LF_TRANSPOSE_B) != 0;
        auto call = args<lf_sgemm_args>();
        call.flags = flags, call.m = s.m, call.n = s.n, call.k = s.k, call.alpha = alpha, call.beta = beta;
        put(o.input(ta ? s.k : s.m, ta ? s.m : s.k), call.a, call.lda);
        put(o.input(tb ? s.n : s.k, tb ? s.k : s.n), call.b, call.ldb);
        put(o.input(s.m, s.n), call.c, call.ldc);
        context.sgemm(call);
      }
  });
}

PackedWeights pack(const Context &context, const Shape &s, Operands &o, bool transposed) {
  auto call = args<lf_pack_weights_args>();
  call.flags = transposed ? LF_TRANSPOSE_B : 0, call.n = s.n, call.k = s.k;
  put(transposed ? o.input(s.n, s.k) : o.input(s.k, s.n), call.w, call.ldw);
  return context.pack_weights(call);
}

std::string unpack_weights(const Context &context) {
  return hash_of([&](const Shape &s, Operands &o, Sha256 &) {
    for (const bool transposed : {false, true}) {
      const PackedWeights packed = pack(context, s, o, transposed);
      context.unpack_weights(packed, o.output(s.k, s.n));
    }
  });
}

std::string dense_infer(const Context &context) {
  return hash_of([&](const Shape &s, Operands &o, Sha256 &) {
    for (const bool transposed : {false, true}) {
      const PackedWeights packed = pack(context, s, o, transposed);
      const ConstVector bias = transposed ? ConstVector() : ConstVector(o.input(1, s.n).data, s.n);
      const Matrix x = o.input(s.m, s.k), y = o.output(s.m, s.n);
      context.dense_infer(x, packed, bias, {activation_of_shape(s), 0.8f}, y);
    }
  });
}

std::string dense_forward(const Context &context) {
  return hash_of([&](const Shape &s, Operands &o, Sha256 &) {
    for (const uint32_t flags : {0u, LF_TRAINING})
      for (const bool with_norm : {false, true}) {
        if (with_norm && flags != 0 && s.m == 1) continue;
        const lf_batch_norm norm = o.norm(s.n);
        auto call = args<lf_dense_forward_args>();
        call.flags = flags, call.m = s.m, call.n = s.n, call.k = s.k;
        put(o.input(s.m, s.k), call.x, call.ldx), put(o.input(s.k, s.n), call.w, call.ldw);
        call.bias = with_norm ? nullptr : o.input(1, s.n).data, call.batch_norm = with_norm ? &norm : nullptr;
        call.activation = activation_of_shape(s), call.alpha = 0.8f;
        put(o.output(s.m, s.n), call.z, call.ldz), put(o.output(s.m, s.n), call.y, call.ldy);
        context.dense_forward(call);
      }
  });
}

std::string dense_backward(const Context &context) {
  return hash_of([&](const Shape &s, Operands &o, Sha256 &) {
    for (const bool with_norm : {false, true}) {
      if (with_norm && s.m == 1) continue;
      const lf_batch_norm norm = o.norm(s.n);
      auto call = args<lf_dense_backward_args>();
      call.m = s.m, call.n = s.n, call.k = s.k;
      put(o.input(s.m, s.k), call.x, call.ldx);
      const Matrix w = o.input(s.k, s.n);
      put(w, call.w, call.ldw);
      call.batch_norm = with_norm ? &norm : nullptr;
      call.activation = activation_of_shape(s), call.alpha = 0.8f;
      put(o.input(s.m, s.n), call.z, call.ldz), put(o.input(s.m, s.n), call.y, call.ldy);
      put(o.input(s.m, s.n), call.dy, call.lddy), put(o.output(s.k, s.n), call.dw, call.lddw);
      put(o.output(s.m, s.k), call.dx, call.lddx);
      call.dbias = o.output(1, s.n).data;
      if (with_norm) call.dgamma = o.output(1, s.n).data, call.dbeta = o.output(1, s.n).data;
      call.updated_w = w.data, call.learning_rate = 0.01f;
      context.dense_backward(call);
    }
  });
}

std::string batch_norm_forward(const Context &context) {
  return hash_of([&](const Shape &s, Operands &o, Sha256 &) {
    for (const uint32_t flags : {0u, LF_TRAINING}) {
      if (flags != 0 && s.m == 1) continue;
      lf_batch_norm norm = o.norm(s.n);
      norm.flags = s.m % 2 == 0 ? 0 : LF_UNBIASED_RUNNING_VAR;
      auto call = args<lf_batch_norm_forward_args>();
      call.flags = flags, call.m = s.m, call.n = s.n, call.batch_norm = &norm;
      put(o.input(s.m, s.n), call.x, call.ldx), put(o.output(s.m, s.n), call.y, call.ldy);
      context.batch_norm_forward(call);
    }
  });
}

std::string batch_norm_backward(const Context &context) {
  return hash_of([&](const Shape &s, Operands &o, Sha256 &) {
    if (s.m == 1) return;
    const lf_batch_norm norm = o.norm(s.n);
    auto call = args<lf_batch_norm_backward_args>();
    call.m = s.m, call.n = s.n, call.batch_norm = &norm;
    put(o.input(s.m, s.n), call.x, call.ldx), put(o.input(s.m, s.n), call.dy, call.lddy);
    put(o.output(s.m, s.n), call.dx, call.lddx);
    call.dgamma = o.output(1, s.n).data, call.dbeta = o.output(1, s.n).data;
    context.batch_norm_backward(call);
  });
}

std::string fold_batch_norm(const Context &context) {
  return hash_of([&](const Shape &s, Operands &o, Sha256 &) {
    const lf_batch_norm norm = o.norm(s.n);
    auto call = args<lf_fold_batch_norm_args>();
    call.n = s.n, call.k = s.k, call.batch_norm = &norm;
    put(o.input(s.k, s.n), call.w, call.ldw), put(o.output(s.k, s.n), call.folded_w, call.ldfolded_w);
    call.bias = o.input(1, s.n).data, call.folded_bias = o.output(1, s.n).data;
    call.error_bound = o.output(1, s.n).data, call.largest_x = 2;
    context.fold_batch_norm(call);
  });
}

std::string activation_forward(const Context &context) {
  return hash_of([&](const Shape &s, Operands &o, Sha256 &) {
    for (int32_t activation = 0; activation < first_activations; ++activation) {
      auto call = args<lf_activation_forward_args>();
      call.m = s.m, call.n = s.n, call.activation = activation, call.alpha = 0.8f;
      put(o.input(s.m, s.n), call.x, call.ldx), put(o.output(s.m, s.n), call.y, call.ldy);
      context.activation_forward(call);
    }
  });
}

std::string activation_backward(const Context &context) {
  return hash_of([&](const Shape &s, Operands &o, Sha256 &) {
    for (int32_t activation = 0; activation < first_activations; ++activation) {
      auto call = args<lf_activation_backward_args>();
      call.m = s.m, call.n = s.n, call.activation = activation, call.alpha = 0.8f;
      put(o.input(s.m, s.n), call.y, call.ldy), put(o.input(s.m, s.n), call.dy, call.lddy);
      put(o.output(s.m, s.n), call.dx, call.lddx);
      context.activation_backward(call);
    }
  });
}

// Each activation alone and in a layer, forward and backward.
std::string newer_activations(const Context &context) {
  return hash_of([&](const Shape &s, Operands &o, Sha256 &) {
    for (int32_t code = first_activations; code < LF_ACTIVATION_COUNT; ++code) {
      const Activation activation{code, 0.3f};
      const Matrix x = o.input(s.m, s.n), y = o.output(s.m, s.n), dy = o.input(s.m, s.n);
      context.activation_forward(activation, x, y);
      context.activation_backward(activation, y, dy, o.output(s.m, s.n), x);
      const lf_batch_norm norm = o.norm(s.n);
      LayerView layer{o.input(s.k, s.n), {}, {}, activation};
      if (s.m > 1) layer.batch_norm = BatchNormView(norm, s.n);
      const Matrix input = o.input(s.m, s.k), z = o.output(s.m, s.n), output = o.output(s.m, s.n);
      context.dense_forward(input, layer, output, z, LF_TRAINING);
      GradientView gradients{o.output(s.k, s.n), {}, {}, {}, o.output(s.m, s.k)};
      if (s.m > 1) gradients.dgamma = {o.output(1, s.n).data, s.n}, gradients.dbeta = {o.output(1, s.n).data, s.n};
      context.dense_backward({input, z, output}, layer, dy, gradients);
    }
  });
}

std::string softmax(const Context &context) {
  return hash_of([&](const Shape &s, Operands &o, Sha256 &) {
    for (const bool logarithm : {false, true}) {
      // In statements of their own.  Otherwise the hash would depend on the order in which a compiler evaluates arguments.
      const Matrix y = o.output(s.m, s.n);
      context.softmax(o.input(s.m, s.n), y, logarithm);
    }
  });
}

std::string softmax_cross_entropy(const Context &context) {
  return hash_of([&](const Shape &s, Operands &o, Sha256 &) {
    const std::vector<int32_t> labels = o.labels(s.m, s.n);
    const Matrix loss = o.output(1, 1), x = o.input(s.m, s.n), dx = o.output(s.m, s.n);
    loss.data[0] = context.softmax_cross_entropy(x, labels, dx);
  });
}

std::string weighted_softmax_cross_entropy(const Context &context) {
  return hash_of([&](const Shape &s, Operands &o, Sha256 &) {
    const std::vector<int32_t> labels = o.labels(s.m, s.n);
    const Matrix loss = o.output(1, 1), x = o.input(s.m, s.n), dx = o.output(s.m, s.n);
    loss.data[0] = context.softmax_cross_entropy(x, labels, dx, {o.positive(s.m), s.m});
  });
}

std::string elementwise_loss(const Context &context) {
  return hash_of([&](const Shape &s, Operands &o, Sha256 &) {
    for (int32_t function = 0; function < LF_LOSS_COUNT; ++function)
      for (const bool weighted : {false, true}) {
        const Matrix loss = o.output(1, 1), x = o.input(s.m, s.n), targets = o.input(s.m, s.n);
        const ConstVector weights = weighted ? ConstVector(o.positive(s.m), s.m) : ConstVector();
        loss.data[0] = context.elementwise_loss({function, 0.6f}, x, targets, o.output(s.m, s.n), weights);
      }
  });
}

std::string dropout(const Context &context) {
  return hash_of([&](const Shape &s, Operands &o, Sha256 &) {
    for (const float rate : {0.0f, 0.1f, 0.5f}) {
      const Matrix x = o.input(s.m, s.n), y = o.output(s.m, s.n);
      context.dropout({rate, 0x123456789abcdef, 0xfedcba9876543210, s.k}, x, y);
    }
  });
}

// The parts into which the rows of a batch are cut: they share blocks, and one is a block of its own.
std::vector<std::pair<int64_t, int64_t>> parts_of(int64_t m) {
  std::vector<std::pair<int64_t, int64_t>> parts;
  int64_t begin = 0;
  for (const int64_t cut : {int64_t{5}, int64_t{100}, LF_BLOCK_ROWS + int64_t{}, 2 * LF_BLOCK_ROWS + int64_t{}, m})
    if (cut <= m && cut > begin) parts.emplace_back(begin, cut), begin = cut;
  return parts;
}

Matrix rows_of(const Matrix &all, const std::pair<int64_t, int64_t> &part) {
  return {all.data + part.first * all.stride, part.second - part.first, all.columns, all.stride};
}

// Both passes on all parts.  Returns the moments of all blocks.
Matrix moments_of(const Context &context, const Matrix &x, Operands &o) {
  const Matrix moments = o.output(1, 3 * x.columns * Part{0, x.rows}.blocks(x.rows));
  for (const bool is_second : {false, true})
    for (const auto &rows : parts_of(x.rows)) {
      const Part part{rows.first, x.rows};
      const int64_t size = 3 * x.columns, first = part.first_block();
      const Vector blocks(moments.data + size * first, size * part.blocks(rows.second - rows.first));
      context.batch_norm_moments(part, rows_of(x, rows), blocks, is_second);
    }
  return moments;
}

std::string batch_norm_moments(const Context &context) {
  return hash_of([&](const Shape &s, Operands &o, Sha256 &) {
    if (s.m > 1) moments_of(context, o.input(s.m, s.n), o);
  });
}

std::string batch_norm_merge(const Context &context) {
  return hash_of([&](const Shape &s, Operands &o, Sha256 &) {
    if (s.m == 1) return;
    lf_batch_norm norm = o.norm(s.n);
    norm.flags = s.m % 2 == 0 ? 0 : LF_UNBIASED_RUNNING_VAR;
    const BatchNormView view(norm, s.n);
    const Matrix x = o.input(s.m, s.n), moments = moments_of(context, x, o), merged = o.output(1, 3 * s.n);
    const int64_t size = 3 * s.n, blocks = moments.columns / size;
    for (int64_t block = 0; block < blocks; ++block)
      context.batch_norm_merge(block, s.m, {moments.data + size * block, size}, {merged.data, size},
                               block + 1 == blocks ? &view : nullptr);
  });
}

std::string column_sums(const Context &context) {
  return hash_of([&](const Shape &s, Operands &o, Sha256 &) {
    const lf_batch_norm norm = o.norm(s.n);
    const Matrix x = o.input(s.m, s.n), dy = o.input(s.m, s.n);
    const Matrix sums = o.output(1, 4 * s.n), plain = o.output(1, 2 * s.n);
    for (const auto &rows : parts_of(s.m)) {
      const Part part{rows.first, s.m};
      context.column_sums(part, rows_of(dy, rows), {sums.data, 4 * s.n}, rows_of(x, rows), {norm, s.n});
      context.column_sums(part, rows_of(dy, rows), {plain.data, 2 * s.n});
    }
  });
}

// The calls that a part of a batch shares with a whole one.
std::string parts_of_batches(const Context &context) {
  return hash_of([&](const Shape &s, Operands &o, Sha256 &) {
    const int64_t batch_rows = 2 * s.m + s.k;
    const lf_batch_norm norm = o.norm(s.n);
    const Matrix x = o.input(s.m, s.n), dy = o.input(s.m, s.n), y = o.output(s.m, s.n), dx = o.output(s.m, s.n);
    context.batch_norm_forward(x, {norm, s.n}, y, LF_BATCH_STATISTICS, {activation_of_shape(s), 0.8f});
    const Matrix dgamma = o.input(1, s.n), dbeta = o.input(1, s.n);
    context.batch_norm_backward(x, {norm, s.n}, dy, dx, {dgamma.data, s.n}, {dbeta.data, s.n}, batch_rows);
    const std::vector<int32_t> labels = o.labels(s.m, s.n);
    for (int32_t function = -1; function < LF_LOSS_COUNT; ++function) { // -1: softmax cross-entropy
      const Matrix loss = o.output(1, 1), losses = o.output(1, s.m), gradient = o.output(s.m, s.n);
      const ConstVector weights(o.positive(s.m), s.m);
      const Vector each(losses.data, s.m);
      loss.data[0] = function < 0
                         ? context.softmax_cross_entropy(x, labels, gradient, weights, each, batch_rows)
                         : context.elementwise_loss({function, 0.6f}, x, dy, gradient, weights, each, batch_rows);
    }
  });
}

std::string top_k_correct(const Context &context) {
  return hash_of([&](const Shape &s, Operands &o, Sha256 &hash) {
    const std::vector<int32_t> labels = o.labels(s.m, s.n);
    for (const int64_t k : {int64_t{1}, (s.n + 1) / 2}) {
      const int64_t correct = context.top_k_correct(o.input(s.m, s.n), labels, k);
      hash.add(&correct, sizeof correct);
    }
  });
}

std::string optimizer_step(const Context &context) {
  return hash_of([&](const Shape &s, Operands &o, Sha256 &) {
    for (int32_t optimizer = 0; optimizer < LF_OPTIMIZER_COUNT; ++optimizer) {
      auto call = args<lf_optimizer_step_args>();
      call.optimizer = optimizer, call.n = s.n * s.k, call.weight_decay = 1e-3f;
      call.w = o.input(1, call.n).data, call.g = o.input(1, call.n).data;
      call.m = o.input(1, call.n).data, call.v = o.positive(call.n);
      call.learning_rate = 0.01f, call.momentum = 0.9f, call.beta2 = 0.999f, call.eps = 1e-8f, call.step = 3;
      context.optimizer_step(call);
    }
  });
}

std::string gather(const Context &context) {
  return hash_of([&](const Shape &s, Operands &o, Sha256 &) {
    std::vector<uint8_t> x(static_cast<size_t>(s.m * s.n));
    for (uint8_t &byte : x) byte = static_cast<uint8_t>(o.below(256));
    std::vector<uint32_t> rows(static_cast<size_t>(s.m));
    for (uint32_t &row : rows) row = o.below(static_cast<uint32_t>(s.m));
    context.gather({x.data(), s.m, s.n}, rows, 255, o.output(s.m, s.n));
  });
}

} // namespace

const std::vector<GoldenOperation> &golden_operations() {
  // If a hash changes, every user's results have other bits.  CHANGELOG.md then says why.
  // tests/trainer/golden_operations_test.cpp prints the rows.
  static const std::vector<GoldenOperation> operations = {
#include "trainer/training/golden_operations.inc"
  };
  return operations;
}

} // namespace lanefold::trainer
