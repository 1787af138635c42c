// Batch normalization alone, against the formulas in double and on hostile data, and folding.
#include "support/reference.hpp"

using namespace lanefold;
using namespace lanefold::test;

namespace {

// The arrays of one normalization.
struct Norm {
  PaddedMatrix gamma, beta, running_mean, running_var, mean, inv_std;
  lf_batch_norm bn = args<lf_batch_norm>();

  Norm(int64_t n, Random &random)
      : gamma(1, n), beta(1, n), running_mean(1, n), running_var(1, n), mean(1, n), inv_std(1, n) {
    gamma.random(random, 0.5f, 2.0f);
    beta.random(random);
    running_mean.random(random);
    running_var.random(random, 0.1f, 3.0f);
    mean.nan();
    inv_std.nan();
    bn.eps = 1e-3f, bn.momentum = 0.9f;
  }
  const lf_batch_norm &get() {
    bn.gamma = gamma.data(), bn.beta = beta.data();
    bn.running_mean = running_mean.data(), bn.running_var = running_var.data();
    bn.mean = mean.data(), bn.inv_std = inv_std.data();
    return bn;
  }
};

void forward(const Context &context, uint32_t flags, const PaddedMatrix &x, PaddedMatrix &y, Norm &norm) {
  context.batch_norm_forward(x, {norm.get(), x.columns()}, y, flags);
}

double range(const PaddedMatrix &x, int64_t column) {
  double low = INFINITY, high = -INFINITY;
  for (int64_t i = 0; i < x.rows(); ++i)
    low = std::min<double>(low, x(i, column)), high = std::max<double>(high, x(i, column));
  return high - low;
}

} // namespace

TEST_CASE("training normalizes by the batch and updates the running statistics") {
  const Context one = context(1), three = context(3);
  Random random(11);
  const int64_t rows[] = {2, 3, 7, 200, 255, 256, 257, 512, 1000, 2500},
                columns[] = {1, 3, 8, 10, 16, 17, 33, 100, 300};
  for (int i = 0; i < 90; ++i) {
    const int64_t m = rows[i % 10], n = columns[i / 10];
    PaddedMatrix x(m, n, i % 3), y(m, n, i % 2);
    x.random(random, -3, 5);
    y.nan();
    Norm norm(n, random), same = norm;
    const Norm before = norm;
    if (passed_over()) continue; // after the numbers are drawn: 1e-6 holds for these data, not for any two rows
    forward(one, LF_TRAINING, x, y, norm);
    const Doubles exact_x(x), expected = normalized(exact_x, Doubles(norm.gamma), Doubles(norm.beta), 1e-3f);
    double worst = 0, worst_running = 0;
    for (int64_t j = 0; j < n; ++j) {
      const Moments s = moments(exact_x, j);
      const double scale = range(y, j);
      for (int64_t r = 0; r < m; ++r) worst = std::max(worst, std::fabs(y(r, j) - expected(r, j)) / scale);
      worst_running = std::max({worst_running,
                                std::fabs(norm.running_mean(0, j) -
                                          (0.9f * double(before.running_mean(0, j)) + (1 - double(0.9f)) * s.mean)),
                                std::fabs(norm.running_var(0, j) -
                                          (0.9f * double(before.running_var(0, j)) + (1 - double(0.9f)) * s.variance)),
                                std::fabs(norm.mean(0, j) - s.mean),
                                std::fabs(norm.inv_std(0, j) * std::sqrt(s.variance + 1e-3f) - 1)});
    }
    CAPTURE(m);
    CAPTURE(n);
    CHECK(worst < 1e-6);
    CHECK(worst_running < 1e-5);
    CHECK(y.gaps_untouched());
    PaddedMatrix inplace = x;
    forward(three, LF_TRAINING, inplace, inplace, same);
    CHECK(differing(inplace, y) == 0);
    CHECK(differing(same.running_var, norm.running_var) == 0);
    CHECK(differing(same.running_mean, norm.running_mean) == 0);
  }
}

TEST_CASE("a large mean costs no digits, a constant column gives exactly beta, and columns may differ by 12 orders of "
          "magnitude") {
  const Context one = context(1);
  Random random(12);
  const int64_t m = 1000, n = 20;
  PaddedMatrix x(m, n), y(m, n);
  x.fill([&](int64_t, int64_t j) {
    if (j < 8) return 1e4f + random.uniform(-1.7320508f, 1.7320508f);
    if (j < 14) return 0.1f * static_cast<float>(j);
    return random.uniform(-1, 1) * std::pow(10.0f, static_cast<float>(2 * (j - 17)));
  });
  Norm norm(n, random);
  forward(one, LF_TRAINING, x, y, norm);
  for (int64_t j = 0; j < n; ++j) {
    const Moments s = moments(Doubles(x), j);
    CAPTURE(j);
    CHECK(norm.inv_std(0, j) == doctest::Approx(1 / std::sqrt(s.variance + 1e-3f)).epsilon(5e-4));
    if (j >= 8 && j < 14)
      for (int64_t i = 0; i < m; ++i) REQUIRE(y(i, j) == norm.beta(0, j));
  }
}

TEST_CASE("the variance of data with a large mean is right to the last digits, in one block of rows and in many") {
  const Context one = context(1);
  Random random(16);
  for (const int64_t m : {200, 256, 257, 1000, 5000})
    for (const float offset : {0.0f, 1e4f, -1e6f}) {
      PaddedMatrix x(m, 3), y(m, 3);
      x.fill([&](int64_t, int64_t) { return offset + random.uniform(-1.7320508f, 1.7320508f); });
      Norm norm(3, random);
      norm.bn.momentum = 0.0f;
      forward(one, LF_TRAINING, x, y, norm);
      for (int64_t j = 0; j < 3; ++j) {
        const Moments s = moments(Doubles(x), j);
        CAPTURE(m);
        CAPTURE(offset);
        CHECK(std::fabs(norm.running_var(0, j) / s.variance - 1) < 2e-6);
        CHECK(std::fabs(norm.running_mean(0, j) - s.mean) <= 1e-7 * (std::fabs(s.mean) + 1));
      }
    }
}

TEST_CASE("gamma = sqrt(var + eps) and beta = mu give the input back within 4 ulp of the column's range") {
  const Context one = context(1);
  Random random(13);
  const int64_t m = 200, n = 37;
  PaddedMatrix x(m, n), y(m, n);
  x.random(random, -3, 4);
  Norm norm(n, random);
  for (int64_t j = 0; j < n; ++j) {
    const Moments s = moments(Doubles(x), j);
    norm.gamma(0, j) = static_cast<float>(std::sqrt(s.variance + 1e-3f));
    norm.beta(0, j) = static_cast<float>(s.mean);
  }
  forward(one, LF_TRAINING, x, y, norm);
  for (int64_t j = 0; j < n; ++j) {
    const double ulp = std::ldexp(1.0, std::ilogb(range(x, j)) - 23);
    for (int64_t i = 0; i < m; ++i) REQUIRE(std::fabs(y(i, j) - double(x(i, j))) <= 4 * ulp);
  }
}

TEST_CASE("inference normalizes by the running statistics and changes nothing; folding gives the same function") {
  const Context one = context(1);
  Random random(14);
  const int64_t m = 33, n = 21, k = 40;
  PaddedMatrix x(m, k), w(k, n, 2), z(m, n), y(m, n, 1), bias(1, n), folded(k, n, 3), folded_bias(1, n), folded_y(m, n);
  x.random(random);
  w.random(random);
  bias.random(random);
  Norm norm(n, random);
  const Norm before = norm;
  one.dense_forward(x, LayerView{w, bias.vector(), {}, {}}, z);
  forward(one, 0, z, y, norm);
  CHECK(differing(norm.running_mean, before.running_mean) == 0);
  CHECK(differing(norm.running_var, before.running_var) == 0);
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < n; ++j) {
      const double s = norm.gamma(0, j) / std::sqrt(norm.running_var(0, j) + double(norm.bn.eps));
      REQUIRE(y(i, j) ==
              doctest::Approx((z(i, j) - double(norm.running_mean(0, j))) * s + norm.beta(0, j)).epsilon(1e-5));
    }
  one.fold_batch_norm(w, bias.vector(), {norm.get(), n}, folded, folded_bias.vector());
  CHECK(folded.gaps_untouched());
  one.dense_forward(x, LayerView{folded, folded_bias.vector(), {}, {}}, folded_y);
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < n; ++j) REQUIRE(std::fabs(folded_y(i, j) - double(y(i, j))) < 1e-4);
}

TEST_CASE("the gradient follows the formula, on any number of threads and blocks") {
  const Context one = context(1), three = context(3);
  Random random(15);
  for (const int64_t m : {2, 200, 256, 300, 2100})
    for (const int64_t n : {1, 10, 33}) {
      PaddedMatrix x(m, n, 1), y(m, n), dy(m, n, 2), dx(m, n, 1), dgamma(1, n), dbeta(1, n);
      x.random(random, -2, 3);
      dy.random(random);
      Norm norm(n, random);
      forward(one, LF_TRAINING, x, y, norm);
      one.batch_norm_backward(x, {norm.get(), n}, dy, dx, dgamma.vector(), dbeta.vector());
      CHECK(dx.gaps_untouched());
      const Doubles exact_x(x);
      for (int64_t j = 0; j < n; ++j) {
        const Moments s = moments(exact_x, j);
        const double inv = 1 / std::sqrt(s.variance + norm.bn.eps);
        double sum = 0, product = 0;
        for (int64_t i = 0; i < m; ++i) sum += dy(i, j), product += dy(i, j) * (x(i, j) - s.mean) * inv;
        const double rows = static_cast<double>(m);
        REQUIRE(dbeta(0, j) == doctest::Approx(sum).epsilon(1e-4));
        REQUIRE(dgamma(0, j) == doctest::Approx(product).epsilon(1e-4));
        for (int64_t i = 0; i < m; ++i) {
          const double xhat = (x(i, j) - s.mean) * inv;
          REQUIRE(std::fabs(dx(i, j) - norm.gamma(0, j) * inv * (dy(i, j) - sum / rows - xhat * product / rows)) <
                  2e-4);
        }
      }
      PaddedMatrix dgamma3(1, n), dbeta3(1, n);
      three.batch_norm_backward(x, {norm.get(), n}, dy, dy, dgamma3.vector(), dbeta3.vector()); // in place
      CHECK(differing(dx, dy) == 0);
      CHECK(differing(dgamma, dgamma3) == 0);
      CHECK(differing(dbeta, dbeta3) == 0);
    }
}

TEST_CASE("a flag makes the running variance unbiased, and nothing else changes") {
  const Context one = context(1);
  Random random(16);
  for (const int64_t m : {2, 200, 700}) {
    const int64_t n = 19;
    PaddedMatrix x(m, n), y(m, n), unbiased_y(m, n);
    x.random(random, -3, 5);
    Norm biased(n, random), unbiased = biased;
    const PaddedMatrix before = biased.running_var;
    unbiased.bn.flags = LF_UNBIASED_RUNNING_VAR;
    forward(one, LF_TRAINING, x, y, biased);
    forward(one, LF_TRAINING, x, unbiased_y, unbiased);
    CHECK(differing(y, unbiased_y) == 0);
    CHECK(differing(biased.inv_std, unbiased.inv_std) == 0);
    CHECK(differing(biased.running_mean, unbiased.running_mean) == 0);
    for (int64_t j = 0; j < n; ++j) {
      const double batch = moments(Doubles(x), j).variance * double(m) / double(m - 1);
      const double keep = biased.bn.momentum;
      REQUIRE(unbiased.running_var(0, j) == doctest::Approx(keep * before(0, j) + (1 - keep) * batch).epsilon(1e-6));
    }
  }
}

TEST_CASE("folding stays within the error that it reports, which is small") {
  const Context one = context(1);
  Random random(17);
  for (const int64_t k : {0, 1, 40, 784}) {
    const int64_t m = 20, n = 37;
    const float largest = 3.0f;
    PaddedMatrix x(m, k), w(k, n), bias(1, n), folded(k, n), folded_bias(1, n), bound(1, n), y(m, n);
    x.random(random, -largest, largest);
    w.random(random);
    bias.random(random);
    Norm norm(n, random);
    norm.running_mean.random(random, -50, 50);
    auto fold = args<lf_fold_batch_norm_args>();
    fold.k = k, fold.n = n, fold.w = w.data(), fold.ldw = w.stride(), fold.bias = bias.data();
    fold.batch_norm = &norm.get();
    fold.folded_w = folded.data(), fold.ldfolded_w = folded.stride(), fold.folded_bias = folded_bias.data();
    fold.error_bound = bound.data(), fold.largest_x = largest;
    one.fold_batch_norm(fold);
    one.dense_forward(x, LayerView{folded, folded_bias.vector(), {}, {}}, y);
    for (int64_t j = 0; j < n; ++j) {
      const double s = norm.gamma(0, j) / std::sqrt(norm.running_var(0, j) + double(norm.bn.eps));
      double weights = 0;
      for (int64_t p = 0; p < k; ++p) weights += std::fabs(w(p, j) * s);
      const double scale = weights * largest + std::fabs((double(bias(0, j)) - norm.running_mean(0, j)) * s) + 4;
      CHECK(bound(0, j) <= 1.3 * double(k + 7) * 0x1p-24 * 2 * scale);
      for (int64_t i = 0; i < m; ++i) {
        double z = bias(0, j);
        for (int64_t p = 0; p < k; ++p) z += double(x(i, p)) * w(p, j);
        REQUIRE(std::fabs(y(i, j) - ((z - norm.running_mean(0, j)) * s + norm.beta(0, j))) <= bound(0, j));
      }
    }
  }
}

TEST_CASE("folding refuses a channel whose variance is too small for its mean, names it, and writes nothing") {
  const Context one = context(1);
  Random random(18);
  const int64_t k = 3, n = 9;
  PaddedMatrix w(k, n), folded(k, n), folded_bias(1, n);
  w.random(random);
  folded.nan(), folded_bias.nan();
  Norm norm(n, random);
  norm.bn.eps = 1e-8f;
  norm.running_var(0, 6) = 0;
  norm.running_mean(0, 6) = 0.5f; // 5000 standard deviations
  auto fold = args<lf_fold_batch_norm_args>();
  fold.k = k, fold.n = n, fold.w = w.data(), fold.ldw = w.stride(), fold.batch_norm = &norm.get();
  fold.folded_w = folded.data(), fold.ldfolded_w = folded.stride(), fold.folded_bias = folded_bias.data();
  CHECK(lf_fold_batch_norm(one.get(), &fold) == LF_INVALID_ARGUMENT);
  CHECK(std::string(lf_last_error(one.get())).find("column 6") != std::string::npos);
  for (int64_t j = 0; j < n; ++j) {
    CHECK(std::isnan(folded_bias(0, j)));
    for (int64_t i = 0; i < k; ++i) CHECK(std::isnan(folded(i, j)));
  }
  const float gamma = norm.gamma(0, 6);
  norm.gamma(0, 6) = 0; // a channel with this gamma folds exactly
  CHECK(lf_fold_batch_norm(one.get(), &fold) == LF_OK);
  CHECK(folded_bias(0, 6) == norm.beta(0, 6));
  norm.gamma(0, 6) = gamma;
  norm.running_mean(0, 6) = 0.4f; // 4000 standard deviations
  CHECK(lf_fold_batch_norm(one.get(), &fold) == LF_OK);
  for (const float value : {NAN, -0.25f}) {
    norm.running_var(0, 2) = value;
    CHECK(lf_fold_batch_norm(one.get(), &fold) == LF_INVALID_ARGUMENT);
    CHECK(std::string(lf_last_error(one.get())).find("running_var[2]") != std::string::npos);
  }
}

TEST_CASE("the error that folding reports holds below the smallest normal number") {
  const Context one = context(1);
  struct Tiny {
    float w, gamma, x;
    int64_t k;
  };
  for (const Tiny &t :
       {Tiny{1e-20f, 1e-30f, 1e30f, 1}, {1.5e-10f, 1e-32f, 1e30f, 4}, {1e-20f, 1, 1e-20f, 1}, {1e-3f, 1, 1e-40f, 3}}) {
    Random random(19);
    PaddedMatrix x(1, t.k), w(t.k, 1), folded(t.k, 1), folded_bias(1, 1), bound(1, 1), y(1, 1);
    x.fill([&](int64_t, int64_t) { return t.x; });
    w.fill([&](int64_t, int64_t) { return t.w; });
    Norm norm(1, random);
    norm.gamma(0, 0) = t.gamma, norm.beta(0, 0) = norm.running_mean(0, 0) = 0, norm.running_var(0, 0) = 1;
    auto fold = args<lf_fold_batch_norm_args>();
    fold.k = t.k, fold.n = 1, fold.w = w.data(), fold.ldw = 1, fold.batch_norm = &norm.get();
    fold.folded_w = folded.data(), fold.ldfolded_w = 1, fold.folded_bias = folded_bias.data();
    fold.error_bound = bound.data(), fold.largest_x = t.x;
    one.fold_batch_norm(fold);
    one.dense_infer(x, one.pack_weights(folded), folded_bias.vector(), {}, y);
    const double exact = double(t.k) * t.x * t.w * t.gamma / std::sqrt(1 + double(norm.bn.eps));
    CAPTURE(t.k);
    CHECK(std::fabs(y(0, 0) - exact) <= bound(0, 0));
  }
}
