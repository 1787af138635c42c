// One chain: every usable plugin, on any number of threads, at any stride and alignment, gives the bits of portable on
// one thread.  Exit code 77 (Meson's "skipped") where portable is the only one.
#define DOCTEST_CONFIG_IMPLEMENT
#include "dense_support.hpp"
#include "gemm_support.hpp"

#include <cstdio>
#include <string>

using namespace lanefold;
using namespace lanefold::test;

namespace {

constexpr int thread_counts[] = {1, 2, 3, 7};

struct Subject {
  std::string isa;
  int threads;
  Context context;
};

std::vector<std::string> usable_plugins() {
  std::vector<std::string> names;
  const auto note = [](void *self, const lf_plugin_candidate *candidate) {
    auto &known = *static_cast<std::vector<std::string> *>(self);
    if (candidate->usable && std::find(known.begin(), known.end(), candidate->name) == known.end())
      known.emplace_back(candidate->name);
  };
  const auto options = args<lf_context_options>();
  const lf_status status = lf_enumerate_plugins(&options, note, &names);
  if (status != LF_OK) throw Error(status, lf_last_error(nullptr));
  return names;
}

// All plugins with all numbers of threads; the first is the reference, portable on one thread.
const std::vector<Subject> &subjects() {
  static const std::vector<Subject> all = [] {
    std::vector<std::string> names = usable_plugins();
    std::stable_partition(names.begin(), names.end(), [](const std::string &name) { return name == "portable"; });
    std::vector<Subject> made;
    for (const std::string &name : names)
      for (const int threads : thread_counts) {
        auto options = args<lf_context_options>();
        options.isa = name.c_str();
        options.threads = threads;
        made.push_back({name, threads, Context(options)});
      }
    return made;
  }();
  return all;
}

// Even over the orders of magnitude of 1 to 300, or beside a multiple of a tile's or a vector's size.
int64_t size(Random &random) {
  constexpr int64_t units[] = {6, 8, 16, 32, 64};
  if (random.below(3)) return static_cast<int64_t>(std::exp(random.uniform(0.0f, std::log(300.5f))));
  return units[random.below(5)] * random.between(1, 6) + random.between(-1, 1);
}

// One matrix in sixteen spans most exponents: overflow, infinity - infinity, results below the smallest normal number.
Matrix values(int64_t rows, int64_t columns, Random &random) {
  Matrix x(rows, columns);
  if (random.below(16)) return x.random(random);
  return x.fill(
      [&](int64_t, int64_t) { return std::ldexp(random.uniform(-2, 2), static_cast<int>(random.between(-80, 66))); });
}

Matrix elsewhere(const Matrix &source, Random &random) { return moved(source, random.below(20), random.below(16)); }

Layer elsewhere(const Layer &layer, Random &random) {
  Layer to = layer;
  for (Matrix *x : {&to.x, &to.w, &to.z, &to.y, &to.bias, &to.gamma, &to.beta}) *x = elsewhere(*x, random);
  return to;
}

Layer random_layer(int64_t least_m, Random &random) {
  Layer layer(std::max(least_m, size(random)), size(random), size(random), random, 0);
  layer.with_bias = random.below(4) != 0;
  layer.activation = static_cast<int32_t>(random.below(LF_ACTIVATION_COUNT));
  layer.alpha = random.uniform(0, 2);
  return layer;
}

std::ostream &operator<<(std::ostream &out, const Subject &subject) {
  return out << subject.isa << " on " << subject.threads << " threads";
}

} // namespace

TEST_CASE("products have the same bits everywhere") {
  Random random(41);
  const float factors[] = {1.0f, 1.0f, 0.0f, -1.0f, 0.3f};
  for (int turn = 0; turn < 4000; ++turn) {
    Case p{size(random),
           size(random),
           size(random),
           static_cast<uint32_t>(random.below(4)),
           factors[random.below(5)],
           factors[random.below(5)]};
    if (turn % 100 == 0) p.k = random.between(1000, 3000);
    if (turn % 100 == 50) p.n = random.between(4000, 5000), p.m = random.between(1, 40);
    const Matrix a = values(p.a_rows(), p.a_columns(), random), b = values(p.b_rows(), p.b_columns(), random),
                 c = values(p.m, p.n, random);
    Matrix expected = c;
    subjects()[0].context.sgemm(arguments(p, a, b, expected));
    for (const Subject &subject : subjects()) {
      Matrix result = elsewhere(c, random);
      subject.context.sgemm(arguments(p, elsewhere(a, random), elsewhere(b, random), result));
      CAPTURE(p);
      CAPTURE(subject);
      CHECK(differing(result, expected) == 0);
      CHECK(result.gaps_untouched());
    }
  }
}

TEST_CASE("inference on packed weights has the same bits everywhere, whatever the activation") {
  Random random(42);
  for (int turn = 0; turn < 1500; ++turn) {
    Layer expected = random_layer(1, random);
    const bool transpose = random.below(2) != 0;
    Matrix w = expected.w;
    if (transpose) w = Matrix(w.columns(), w.rows()).fill([&](int64_t i, int64_t j) { return expected.w(j, i); });
    expected.infer(subjects()[0].context, pack(subjects()[0].context, w, transpose));
    for (const Subject &subject : subjects()) {
      Layer layer = elsewhere(expected, random);
      layer.y.nan();
      layer.infer(subject.context, pack(subject.context, elsewhere(w, random), transpose));
      CAPTURE(layer);
      CAPTURE(subject);
      CHECK(differing(layer.y, expected.y) == 0);
      CHECK(layer.y.gaps_untouched());
    }
  }
}

TEST_CASE("a step of training has the same bits everywhere, forward and backward") {
  Random random(43);
  for (int turn = 0; turn < 400; ++turn) {
    Layer fresh = random_layer(2, random);
    fresh.with_norm = turn % 4 != 0;
    Matrix dy(fresh.y.rows(), fresh.y.columns());
    dy.random(random);
    Layer expected = fresh;
    Gradients gradients(expected, 0);
    expected.forward(subjects()[0].context, LF_TRAINING);
    backward(subjects()[0].context, expected, dy, gradients);
    Layer updated = expected;
    Gradients other(updated, 0);
    backward(subjects()[0].context, updated, dy, other, 0.1f);
    for (const Subject &subject : subjects()) {
      Layer layer = elsewhere(fresh, random);
      Gradients g(layer, random.below(5));
      layer.forward(subject.context, LF_TRAINING);
      backward(subject.context, layer, elsewhere(dy, random), g);
      CAPTURE(layer);
      CAPTURE(subject);
      CHECK(differing(layer.y, expected.y) == 0);
      CHECK(differing(layer.z, expected.z) == 0);
      CHECK(differing(layer.mean, expected.mean) == 0);
      CHECK(differing(layer.inv_std, expected.inv_std) == 0);
      CHECK(differing(layer.running_mean, expected.running_mean) == 0);
      CHECK(differing(layer.running_var, expected.running_var) == 0);
      CHECK(differing(g.dw, gradients.dw) == 0);
      CHECK(differing(g.dx, gradients.dx) == 0);
      CHECK(differing(g.dbias, gradients.dbias) == 0);
      CHECK(differing(g.dgamma, gradients.dgamma) == 0);
      CHECK(differing(g.dbeta, gradients.dbeta) == 0);
      backward(subject.context, layer, elsewhere(dy, random), g, 0.1f);
      CHECK(differing(layer.w, updated.w) == 0);
    }
  }
}

// The plugin that packed them does the work, whatever the context has.
TEST_CASE("weights packed by one plugin serve every other: inference, training and the way back") {
  Random random(97);
  for (int round = 0; round < 8; ++round) {
    Layer layer = random_layer(2, random);
    layer.with_norm = true;
    Matrix dy(layer.y.rows(), layer.y.columns());
    dy.random(random);
    const Subject &reference = subjects().front();
    // Rowwise weights, one after the other: what comes of a step, and of inference after it.
    Layer plain = layer;
    plain.forward(reference.context, LF_TRAINING);
    Gradients expected(plain, 0);
    backward(reference.context, plain, dy, expected, 0.125f);
    Matrix after = plain.w;
    for (const Subject &packs : subjects())
      for (const Subject &uses : subjects()) {
        if (packs.threads != 1 || uses.threads != 2) continue;
        CAPTURE(packs.isa);
        CAPTURE(uses.isa);
        PackedWeights packed = pack(packs.context, layer.w, false);
        Layer trained = layer;
        trained.forward(uses.context, LF_TRAINING, packed.get());
        CHECK(differing(trained.y, plain.y) == 0);
        Gradients g(trained, 0);
        backward(uses.context, trained, dy, g, 0.125f, packed.get());
        CHECK(differing(g.dx, expected.dx) == 0);
        Matrix back(after.rows(), after.columns());
        auto a = args<lf_unpack_weights_args>();
        a.n = back.columns(), a.k = back.rows(), a.w = back.data(), a.ldw = back.stride();
        uses.context.unpack_weights(a, packed);
        CHECK(differing(back, after) == 0);
        Layer used = layer, rowwise = plain;
        used.with_norm = rowwise.with_norm = false;
        used.infer(uses.context, packed);
        rowwise.forward(reference.context, 0);
        CHECK(differing(used.y, rowwise.y) == 0);
      }
  }
}

int main(int argc, char **argv) try {
  if (usable_plugins().size() < 2) {
    std::printf("SKIPPED: no plugin but portable is usable here, there is nothing to compare it with\n");
    return 77;
  }
  for (const Subject &subject : subjects()) std::printf("%s/%d ", subject.isa.c_str(), subject.threads);
  std::printf("\n");
  doctest::Context doctest(argc, argv);
  return doctest.run();
} catch (const Error &error) {
  std::printf("no context: %s\n", error.what());
  return 1;
}
