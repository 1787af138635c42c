// The limit that products are measured against: fused multiply-adds alone, on one thread.
#include "limits.hpp"
#include "suites.hpp"

namespace lanefold::bench {
namespace {

class PeakCase : public Case {
public:
  PeakCase(const Context &, FmaLoop loop) : loop_(loop) { flops = 2.0 * static_cast<double>(steps * loop_.lanes); }
  void run() override { sum_ = loop_.run(steps, 0.5f, 1.0f); }
  // x = x / 2 + 1 ends at 2.
  std::string fault() const override {
    return sum_ == 2.0f * static_cast<float>(loop_.lanes) ? "" : "the chains went astray";
  }

private:
  static constexpr int64_t steps = 10000;
  FmaLoop loop_;
  float sum_ = 0;
};

} // namespace

void add_peak(const std::vector<Subject> &subjects) {
  for (const Subject &subject : subjects) {
    const FmaLoop loop = fma_loop(subject.isa);
    if (loop.run && subject.threads == 1)
      add_case<PeakCase>("peak/fma", subject, "lanes:" + std::to_string(loop.lanes), loop);
  }
}

} // namespace lanefold::bench
