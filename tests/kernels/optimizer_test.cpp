// Optimizer steps: against the formulas in double, over several steps and any length.
#include "support/reference.hpp"

using namespace lanefold;
using namespace lanefold::test;

TEST_CASE(
    "each optimizer follows its formula for ten steps, with and without decay, on any length and number of threads") {
  const Context one = context(1), three = context(3);
  Random random(51);
  for (int32_t optimizer = 0; optimizer < LF_OPTIMIZER_COUNT; ++optimizer)
    for (const int64_t n : {0, 1, 7, 16, 33, 1000, 200000}) {
      const int64_t checked = std::min<int64_t>(n, 1000);
      const float decay = n % 2 ? 0.3f : 0.0f;
      Matrix w(1, n), g(1, n, 0, 3), v(1, n), s(1, n, 0, 2);
      w.random(random);
      v.fill([](int64_t, int64_t) { return 0.0f; });
      s.fill([](int64_t, int64_t) { return 0.0f; });
      Matrix w3 = w, v3 = v, s3 = s;
      Doubles exact_w(w), exact_v(v), exact_s(s);
      for (int64_t step = 1; step <= 10; ++step) {
        g.random(random);
        auto a = args<lf_optimizer_step_args>();
        a.optimizer = optimizer, a.n = n, a.g = g.data(), a.step = step;
        a.learning_rate = 0.05f, a.momentum = 0.9f, a.beta2 = 0.99f, a.eps = 1e-6f;
        a.weight_decay = decay;
        a.w = w.data();
        if (optimizer != LF_SGD) a.v = v.data();
        if (optimizer == LF_ADAM) a.s = s.data();
        one.optimizer_step(a);
        a.w = w3.data();
        if (optimizer != LF_SGD) a.v = v3.data();
        if (optimizer == LF_ADAM) a.s = s3.data();
        three.optimizer_step(a);
        for (int64_t i = 0; i < checked; ++i) {
          const double rate = a.learning_rate, beta1 = a.momentum, beta2 = a.beta2, d = g(0, i);
          double &ew = exact_w(0, i), &ev = exact_v(0, i), &es = exact_s(0, i);
          ew *= 1 - rate * decay;
          if (optimizer == LF_SGD) ew -= rate * d;
          if (optimizer == LF_MOMENTUM) ev = beta1 * ev + d, ew -= rate * ev;
          if (optimizer == LF_NESTEROV) ev = beta1 * ev + d, ew -= rate * (d + beta1 * ev);
          if (optimizer == LF_ADAM) {
            ev = beta1 * ev + (1 - beta1) * d, es = beta2 * es + (1 - beta2) * d * d;
            const double t = static_cast<double>(step);
            ew -= rate * (ev / (1 - std::pow(beta1, t))) / (std::sqrt(es / (1 - std::pow(beta2, t))) + a.eps);
          }
        }
      }
      double worst = 0;
      for (int64_t i = 0; i < checked; ++i) worst = std::max(worst, std::fabs(w(0, i) - exact_w(0, i)));
      CAPTURE(optimizer);
      CAPTURE(n);
      CHECK(worst < 2e-5);
      CHECK(differing(w, w3) == 0);
      CHECK(differing(v, v3) == 0);
      CHECK(w.gaps_untouched());
      CHECK(v.gaps_untouched());
      CHECK(s.gaps_untouched());
    }
}
