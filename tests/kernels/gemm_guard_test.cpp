// Products whose operands lie at inaccessible pages.  No kernel reads or writes an element beyond a matrix, on any path
// of tiles, tails, packing and direct reads, and the values are those of the chain.
#include "support/gemm.hpp"
#include "support/guarded.hpp"

using namespace lanefold;
using namespace lanefold::test;

namespace {

// Sizes around one tile and several tiles (4, 6, 8 rows; 8, 16, 24, 64 columns), and rows too few for packing to pay.
constexpr int64_t ms[] = {1, 2, 3, 5, 6, 7, 8, 13, 14, 15, 16, 27, 28, 29, 30, 40, 61};
constexpr int64_t ns[] = {1, 2, 7, 8, 9, 10, 15, 16, 17, 31, 32, 33, 48, 49, 63, 64, 65, 130};
constexpr int64_t ks[] = {1, 2, 7, 8, 9, 15, 16, 17, 33, 100};

template <size_t Count> int64_t pick(Random &random, const int64_t (&sizes)[Count]) {
  return sizes[random.below(Count)];
}

// The side at which each operand is guarded, one bit for each.  All bits 0, or all bits 1, guard the same side.
class Sides {
public:
  explicit Sides(int64_t bits) : bits_(bits) {}
  Side operator()(int operand) const { return bits_ >> operand & 1 ? Side::ends : Side::begins; }
  int64_t bits() const { return bits_; }

private:
  int64_t bits_;
};

int64_t gap(Random &random) { return random.below(2) * random.between(1, 17); } // half of all matrices have no gap

void check_guarded(const Context &context, const Case &p, Sides side, Random &random) {
  Guarded a(p.a_rows(), p.a_columns(), p.a_columns() + gap(random), side(0));
  Guarded b(p.b_rows(), p.b_columns(), p.b_columns() + gap(random), side(1));
  Guarded c(p.m, p.n, p.n + gap(random), side(2));
  a.random(random);
  b.random(random);
  c.fill([&](int64_t, int64_t) { return p.beta == 0.0f ? NAN : random.uniform(-1, 1); });
  const PaddedMatrix expected = chains(p, a, b, c);
  CAPTURE(p);
  const FaultNote note(p, "sides", side.bits());
  context.sgemm(arguments(p, a, b, c));
  CHECK(differing(c, expected) == 0);
  CHECK(c.gaps_untouched());
}

// One set of packed weights with batches of every size.
void check_packed(const Context &context, int64_t n, int64_t k, bool transpose, Sides side, Random &random) {
  const Case p{0, n, k, transpose ? LF_TRANSPOSE_B : 0u, 1.0f, 1.0f};
  Guarded w(p.b_rows(), p.b_columns(), p.b_columns() + gap(random), side(0));
  Guarded bias(1, n, n, side(1));
  w.random(random);
  bias.random(random);
  auto pack = args<lf_pack_weights_args>();
  pack.flags = p.flags;
  pack.n = n, pack.k = k;
  pack.w = w.data(), pack.ldw = w.stride();
  const PackedWeights packed = [&] {
    const FaultNote note(p, "packing, sides", side.bits());
    return context.pack_weights(pack);
  }();
  for (const int64_t m : ms) {
    Guarded x(m, k, k + gap(random), side(2)), y(m, n, n + gap(random), side(3));
    x.random(random);
    y.fill([](int64_t, int64_t) { return NAN; });
    auto infer = args<lf_dense_infer_args>();
    infer.m = m, infer.n = n, infer.k = k;
    infer.x = x.data(), infer.ldx = x.stride(), infer.bias = bias.data();
    infer.activation = static_cast<int32_t>(random.below(LF_ACTIVATION_COUNT)), infer.alpha = 0.5f;
    infer.y = y.data(), infer.ldy = y.stride();
    PaddedMatrix expected =
        chains({m, n, k, p.flags, 1.0f, 1.0f}, x, w, [&](int64_t, int64_t j) { return bias(0, j); });
    auto act = args<lf_activation_forward_args>();
    act.m = m, act.n = n, act.activation = infer.activation, act.alpha = infer.alpha;
    act.x = act.y = expected.data(), act.ldx = act.ldy = expected.stride();
    context.activation_forward(act);
    CAPTURE(p);
    CAPTURE(m);
    CAPTURE(infer.activation);
    const FaultNote note(p, "inference, batch", m, "sides", side.bits());
    context.dense_infer(infer, packed);
    CHECK(differing(y, expected) == 0);
    CHECK(y.gaps_untouched());
  }
}

} // namespace

TEST_CASE("a product touches nothing before or after its operands, whatever its sizes and transposes") {
  const Context one = context(1), three = context(3);
  Random random(31);
  for (const int64_t m : ms)
    for (const int64_t n : ns)
      for (const int64_t k : ks)
        for (uint32_t flags = 0; flags < 4; ++flags) {
          if (passed_over()) continue;
          const float alpha = random.below(4) ? 1.0f : 0.7f, beta = random.below(2) ? 0.0f : -1.5f;
          for (const int64_t all : {0, 7})
            check_guarded(random.below(4) ? one : three, {m, n, k, flags, alpha, beta}, Sides(all), random);
        }
}

TEST_CASE("a product touches nothing beyond its operands, whichever side of each is guarded") {
  const Context one = context(1), three = context(3);
  Random random(32);
  const float factors[] = {0.0f, 1.0f, -1.0f, 0.3f};
  for (int i = 0; i < 3000; ++i) {
    const Case p{pick(random, ms),         pick(random, ns),
                 pick(random, ks),         static_cast<uint32_t>(random.below(4)),
                 factors[random.below(4)], factors[random.below(4)]};
    check_guarded(i % 2 ? one : three, p, Sides(random.below(8)), random);
  }
}

TEST_CASE("blocks of k and of columns touch nothing beyond their operands") {
  const Context one = context(1), three = context(3);
  Random random(33);
  const Case cases[] = {{17, 33, 2111, 0, 1, 0},   {61, 67, 1025, 3, 0.7f, 1}, {1111, 33, 70, 1, 1, -2},
                        {29, 4130, 19, 2, 1, 0},   {2, 301, 784, 0, 1, 0},     {5, 65, 1024, 2, 1, 0},
                        {300, 130, 513, 1, 1, 0},  {28, 1100, 257, 0, 1, 1},   {200, 300, 100, 2, 1, 0},
                        {1030, 130, 300, 0, 1, 0}, {6, 1025, 300, 0, 1, 0},    {28, 130, 1024, 1, 1, 0}};
  for (const Case &p : cases)
    for (const Context *context : {&one, &three})
      for (const int64_t all : {0, 7})
        if (!passed_over()) check_guarded(*context, p, Sides(all), random);
}

TEST_CASE("packing and inference touch nothing beyond weights, bias, batch and result") {
  const Context one = context(1), three = context(3);
  Random random(34);
  for (const int64_t n : ns)
    for (const int64_t k : ks)
      for (const bool transpose : {false, true})
        for (const int64_t sides : {int64_t{0}, int64_t{15}, random.below(16)})
          if (!passed_over()) check_packed(random.below(4) ? one : three, n, k, transpose, Sides(sides), random);
}
