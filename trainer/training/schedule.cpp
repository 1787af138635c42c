// Products and our own cosine give the same rates on every machine.
#include "trainer/training/schedule.hpp"

#include "trainer/data/random.hpp"

namespace lanefold::trainer {

const std::vector<std::string> &schedule_names() {
  static const std::vector<std::string> names = {"constant", "step", "cosine"};
  return names;
}

std::vector<std::vector<std::string>> schedule_table() {
  return {{"t < W", "(t + 1) / W, whatever the schedule"},
          {"constant", "1"},
          {"step", "F^(e / E), the exponent rounded down"},
          {"cosine", "(1 + cos(pi (t - W) / (T - W))) / 2"}};
}

double Schedule::factor(int64_t step, int64_t steps, int64_t epoch_steps) const {
  if (step < warm_up) return static_cast<double>(step + 1) / static_cast<double>(warm_up);
  if (kind == "step") {
    double factor = 1, power = step_factor;
    for (int64_t i = step / epoch_steps / step_every; i > 0; i >>= 1, power *= power)
      if (i & 1) factor *= power;
    return factor;
  }
  if (kind == "cosine") {
    const double done = static_cast<double>(step - warm_up) / static_cast<double>(steps - warm_up);
    return (1 + cosine_and_sine(done / 2).cosine) / 2;
  }
  return 1;
}

} // namespace lanefold::trainer
