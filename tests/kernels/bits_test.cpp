// One chain: every operation of every usable plugin gives the bits of portable on one thread, on any number of threads
// and at any stride and alignment.  The first cases give the same bits on every architecture.  LANEFOLD_CASES is the
// number of cases.  The program skips, with exit code 77, if portable is the only plugin.
#include "calls.hpp"
#include "support/dense.hpp"

#include <cfenv>
#include <cstdio>
#include <cstdlib>
#include <string>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

using namespace lanefold;
using namespace lanefold::test;

namespace {

constexpr int thread_counts[] = {1, 2, 3, 7};

struct Subject {
  std::string isa;
  int threads;
  Context context;
};

// All plugins with all numbers of threads.  The first one is the reference: portable on one thread.
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

std::ostream &operator<<(std::ostream &out, const Subject &subject) {
  return out << subject.isa << " on " << subject.threads << " threads";
}

Layer random_layer(Random &random) {
  Layer layer(std::max<int64_t>(2, some_size(random)), some_size(random), some_size(random), random, 0);
  layer.with_bias = random.below(4) != 0;
  layer.activation = static_cast<int32_t>(random.below(LF_ACTIVATION_COUNT));
  layer.alpha = random.uniform(0, 2);
  return layer;
}

int64_t cases() {
  const char *text = std::getenv("LANEFOLD_CASES");
  return text ? std::atoll(text) : 5000;
}

// FNV-1a over the bits of what a call wrote.  All NaNs count as the same one.
class Digest {
public:
  void add(const std::vector<PaddedMatrix> &matrices) {
    for (const PaddedMatrix &x : matrices)
      for (int64_t i = 0; i < x.rows(); ++i)
        for (int64_t j = 0; j < x.columns(); ++j)
          add(std::isnan(x(i, j)) ? 0x7fc00000 : std::bit_cast<uint32_t>(x(i, j)));
  }
  uint64_t value() const { return value_; }

private:
  void add(uint32_t word) {
    for (int shift = 0; shift < 32; shift += 8) value_ = (value_ ^ (word >> shift & 255)) * 0x100000001b3;
  }
  uint64_t value_ = 0xcbf29ce484222325;
};

// A floating-point state that a caller may have.  kept() says whether a call left it as it was.
class CallersState {
public:
  explicit CallersState(Random &random) {
    constexpr int rounding[] = {FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
    fegetenv(&own_);
    std::fesetround(rounding[random.below(4)]);
    if (random.below(2)) flush_to_zero();
    found_ = control();
  }
  ~CallersState() { fesetenv(&own_); }
  bool kept() const { return control() == found_; }

private:
#if defined(__x86_64__)
  static void flush_to_zero() { _mm_setcsr(_mm_getcsr() | 0x8040); }
  static uint64_t control() { return _mm_getcsr() & ~0x3fu; }
#else
  static uint64_t control() {
    uint64_t state;
    asm volatile("mrs %0, fpcr" : "=r"(state));
    return state;
  }
  static void flush_to_zero() { asm volatile("msr fpcr, %0" ::"r"(control() | 1 << 24)); }
#endif
  std::fenv_t own_;
  uint64_t found_;
};

// The digest of the results of the first thousand cases, on every architecture.
constexpr int64_t digested_cases = 1000;
constexpr uint64_t golden_digest = 0x9723f2dd34e4d8e2;

} // namespace

TEST_CASE("every operation has the same bits on every plugin, whatever the caller's floating-point state") {
  Digest digest;
  for (int64_t number = 0; number < cases(); ++number) {
    Random random(static_cast<uint64_t>(number));
    const Call call = some_call(random);
    const auto expected = call.made(subjects()[0].context);
    if (number < digested_cases) digest.add(expected);
    if (number + 1 == digested_cases) CHECK(digest.value() == golden_digest);
    for (size_t plugin = 0; plugin < subjects().size(); plugin += std::size(thread_counts)) {
      const Subject &subject = subjects()[plugin + static_cast<size_t>(random.below(std::size(thread_counts)))];
      const Call moved = call.elsewhere(random);
      CAPTURE(number);
      CAPTURE(call.text);
      CAPTURE(subject);
      std::vector<PaddedMatrix> result;
      if (random.below(8)) {
        result = moved.made(subject.context);
      } else {
        const CallersState state(random);
        result = moved.made(subject.context);
        CHECK(state.kept());
      }
      for (size_t i = 0; i < call.reads.size(); ++i) {
        CHECK(differing(moved.reads[i], call.reads[i]) == 0);
        CHECK(moved.reads[i].gaps_untouched());
      }
      for (size_t i = 0; i < expected.size(); ++i) {
        CAPTURE(i);
        CHECK(differing(result[i], expected[i]) == 0);
        CHECK(result[i].gaps_untouched());
      }
    }
  }
}

// The plugin that packed the weights does the work, whichever plugin the context has.
TEST_CASE("weights that one plugin packed serve inference, training and unpacking with every other plugin") {
  Random random(97);
  for (int round = 0; round < 8; ++round) {
    Layer layer = random_layer(random);
    layer.with_norm = true;
    PaddedMatrix dy(layer.y.rows(), layer.y.columns());
    dy.random(random);
    const Subject &reference = subjects().front();
    // The reference keeps its weights in rows.  It makes a step, and then infers.
    Layer plain = layer;
    plain.forward(reference.context, LF_TRAINING);
    Gradients expected(plain, 0);
    backward(reference.context, plain, dy, expected, 0.125f);
    PaddedMatrix after = plain.w;
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
        PaddedMatrix back(after.rows(), after.columns());
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
