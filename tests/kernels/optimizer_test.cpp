// Optimizer steps, against the formulas in double, over several steps and on any length.
#include "support/reference.hpp"

using namespace lanefold;
using namespace lanefold::test;

TEST_CASE(
    "each optimizer follows its formula for ten steps, with decay and without, on any length and number of threads") {
  const Context one = context(1), three = context(3);
  Random random(51);
  for (int32_t optimizer = 0; optimizer < LF_OPTIMIZER_COUNT; ++optimizer)
    for (const int64_t n : {0, 1, 7, 16, 33, 1000, 200000}) {
      const int64_t checked = std::min<int64_t>(n, 1000);
      const float decay = n % 2 ? 0.3f : 0.0f;
      PaddedMatrix w(1, n), g(1, n, 0, 3), m(1, n), v(1, n, 0, 2);
      w.random(random);
      m.fill([](int64_t, int64_t) { return 0.0f; });
      v.fill([](int64_t, int64_t) { return 0.0f; });
      PaddedMatrix w3 = w, m3 = m, v3 = v;
      Doubles exact_w(w), exact_m(m), exact_v(v);
      for (int64_t step = 1; step <= 10; ++step) {
        g.random(random);
        auto a = args<lf_optimizer_step_args>();
        a.optimizer = optimizer, a.n = n, a.g = g.data(), a.step = step;
        a.learning_rate = 0.05f, a.momentum = 0.9f, a.beta2 = 0.99f, a.eps = 1e-6f;
        a.weight_decay = decay;
        a.w = w.data();
        if (optimizer != LF_SGD) a.m = m.data();
        if (optimizer == LF_ADAM) a.v = v.data();
        one.optimizer_step(a);
        a.w = w3.data();
        if (optimizer != LF_SGD) a.m = m3.data();
        if (optimizer == LF_ADAM) a.v = v3.data();
        three.optimizer_step(a);
        for (int64_t i = 0; i < checked; ++i) {
          const double rate = a.learning_rate, beta1 = a.momentum, beta2 = a.beta2, d = g(0, i);
          double &ew = exact_w(0, i), &em = exact_m(0, i), &ev = exact_v(0, i);
          ew *= 1 - rate * decay;
          if (optimizer == LF_SGD) ew -= rate * d;
          if (optimizer == LF_MOMENTUM) em = beta1 * em + d, ew -= rate * em;
          if (optimizer == LF_NESTEROV) em = beta1 * em + d, ew -= rate * (d + beta1 * em);
          if (optimizer == LF_ADAM) {
            em = beta1 * em + (1 - beta1) * d, ev = beta2 * ev + (1 - beta2) * d * d;
            const double t = static_cast<double>(step);
            ew -= rate * (em / (1 - std::pow(beta1, t))) / (std::sqrt(ev / (1 - std::pow(beta2, t))) + a.eps);
          }
        }
      }
      double worst = 0;
      for (int64_t i = 0; i < checked; ++i) worst = std::max(worst, std::fabs(w(0, i) - exact_w(0, i)));
      CAPTURE(optimizer);
      CAPTURE(n);
      CHECK(worst < 2e-5);
      CHECK(differing(w, w3) == 0);
      CHECK(differing(m, m3) == 0);
      CHECK(w.gaps_untouched());
      CHECK(m.gaps_untouched());
      CHECK(v.gaps_untouched());
    }
}
