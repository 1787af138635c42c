// The golden list: every network trains to its hash on the plugin that LANEFOLD_ISA names, on 1, 2, 3 and 7 threads, with
// batches at any address.  A network has a hash for each of 3 numbers of steps.  LANEFOLD_GOLDEN_DEPTH, from 1 to 3,
// says how many of them the reference network checks.  The others check at most the first two.
// LANEFOLD_GOLDEN_FULL checks all hashes of each network on each number of threads.
// `golden-tests -ns -tc=print*` prints the list.
#include "support/images.hpp"
#include "support/matrix.hpp"
#include "trainer/data/random.hpp"
#include "trainer/training/golden.hpp"
#include "trainer/training/training_step.hpp"

#include <cstdio>
#include <cstdlib>

using namespace lanefold::test;
using namespace lanefold::trainer;
using lanefold::Context;

namespace {

constexpr int thread_counts[] = {1, 2, 3, 7};

bool full() { return std::getenv("LANEFOLD_GOLDEN_FULL") != nullptr; }

size_t depth() {
  const char *text = std::getenv("LANEFOLD_GOLDEN_DEPTH");
  return full() || !text ? golden_steps.size()
                         : std::clamp<size_t>(std::strtoul(text, nullptr, 10), 1, golden_steps.size());
}

const Dataset &digits() {
  static const Dataset data = draw_digits(60000, 0);
  return data;
}

Dataset mnist() {
  Dataset data = read_idx(real_data() + "/mnist");
  data.test = {};
  return data;
}

void check(const Dataset &data, const GoldenCase &golden, int threads, size_t count) {
  const Context context = lanefold::test::context(threads);
  const std::vector<std::string> hashes = train_golden(context, data, golden, count);
  for (size_t i = 0; i < count; ++i) {
    CAPTURE(golden.flags());
    CAPTURE(threads);
    CAPTURE(golden_steps[i]);
    const std::string expected = golden_hash(golden, data.train, golden_steps[i]);
    CHECK(expected.size() == 64);
    CHECK(hashes[i] == expected);
  }
}

// The reference network trains on each number of threads, and the others on one of them unless LANEFOLD_GOLDEN_FULL is
// set.
void check_list(const Dataset &data) {
  const std::vector<GoldenCase> &cases = golden_cases();
  for (size_t i = 0; i < cases.size(); ++i)
    for (size_t t = 0; t < std::size(thread_counts); ++t)
      if (full() || i == 0 || i % std::size(thread_counts) == t)
        check(data, cases[i], thread_counts[t], full() || i == 0 ? depth() : std::min<size_t>(depth(), 2));
}

} // namespace

TEST_CASE("on the built-in digits, every network trains to its golden hash") { check_list(digits()); }

TEST_CASE("on MNIST, every network trains to its golden hash") { check_list(mnist()); }

TEST_CASE("batches at any address give the golden hash") {
  const GoldenCase &golden = golden_cases().front();
  const Context context = lanefold::test::context(2);
  for (const int64_t offset : {1, 2, 3, 7}) {
    if (offset > 1 && passed_over()) continue;
    const TrainOptions options = options_of(golden);
    Network network(description_of(golden, digits().train.features()));
    initialize(network, options.seed);
    TrainingStep step(context, network, options.optimizer, options.batch_size);
    const auto order =
        permutation(static_cast<uint32_t>(digits().train.count()), Stream(options.seed, Purpose::shuffle, 1));
    Batch batch;
    for (int64_t i = 0; i < golden_steps[0]; ++i) {
      gather(context, digits().train, order.data(), i * options.batch_size, options.batch_size, batch);
      std::vector<float> x(static_cast<size_t>(offset));
      x.insert(x.end(), batch.x.begin(), batch.x.end());
      step.run(x.data() + offset, batch.labels.data(), batch.rows);
    }
    CAPTURE(offset);
    CHECK(sha256(network) == golden_hash(golden, digits().train, golden_steps[0]));
  }
}

TEST_CASE("too few images for the steps are an error, not a short list of hashes") {
  Dataset data;
  data.train = make_images(200, 2, 5);
  data.test = make_images(10, 2, 6);
  CHECK_THROWS_AS(train_golden(lanefold::test::context(), data, golden_cases().front(), 2), DataError);
}

TEST_CASE("the changelog has the fingerprint of the list") {
  const std::string fingerprint = golden_fingerprint();
  CAPTURE(fingerprint);
  CHECK(contains(read_file(LANEFOLD_CHANGELOG), fingerprint));
}

TEST_CASE("print the list, as of digits and MNIST" * doctest::skip()) {
  const Context context = lanefold::test::context(0);
  const Dataset numbers = mnist();
  for (const GoldenCase &golden : golden_cases()) {
    std::printf("{\"%s\", \"%s\", \"%s\", \"%s\", {{", golden.activation.c_str(), golden.initializer.c_str(),
                golden.optimizer.c_str(), golden.batch_norm.c_str());
    const auto on_digits = train_golden(context, digits(), golden, golden_steps.size());
    const auto on_mnist = train_golden(context, numbers, golden, golden_steps.size());
    for (size_t i = 0; i < golden_steps.size(); ++i)
      std::printf("%s\n {\"%s\",\n  \"%s\"}", i ? "," : "", on_digits[i].c_str(), on_mnist[i].c_str());
    std::printf("}}},\n");
    std::fflush(stdout);
  }
  std::printf("// training images: digits %s, MNIST %s\n", sha256(digits().train).c_str(),
              sha256(numbers.train).c_str());
}
