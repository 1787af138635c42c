// A batch of 200 images of 28 x 28, gathered in random order from 60,000, which no cache holds.
#include "reference.hpp"
#include "suites.hpp"

#include <cmath>

namespace lanefold::bench {
namespace {

constexpr int64_t images = 60000, batch = 200, pixels = 784;

class Gather : public Case {
public:
  explicit Gather(const Context &context)
      : context_(context), x_(static_cast<size_t>(images * pixels)), rows_(static_cast<size_t>(images)),
        y_(static_cast<size_t>(batch * pixels)) {
    for (size_t i = 0; i < x_.size(); ++i) x_[i] = static_cast<uint8_t>(i * 2654435761u >> 24);
    for (size_t i = 0; i < rows_.size(); ++i) rows_[i] = static_cast<uint32_t>(i * 48271 % images); // each once
    args_.m = batch, args_.n = pixels, args_.count = images, args_.divisor = 255;
    args_.x = x_.data(), args_.ldx = pixels, args_.rows = rows_.data();
    args_.y = y_.data(), args_.ldy = pixels;
    elements = batch * pixels;
  }
  // The next rows: those before are in cache.
  void run() override {
    const auto first = args_.rows - rows_.data();
    args_.rows = rows_.data() + (first + batch) % images;
    context_.gather(args_);
  }
  std::string fault() const override {
    Doubles expected(y_.size());
    for (int64_t i = 0; i < batch; ++i)
      for (int64_t j = 0; j < pixels; ++j)
        expected[static_cast<size_t>(i * pixels + j)] = x_[static_cast<size_t>(args_.rows[i] * pixels + j)] / 255.0;
    return compare("y", y_, expected, 1);
  }

private:
  const Context &context_;
  std::vector<uint8_t> x_;
  std::vector<uint32_t> rows_;
  Floats y_;
  lf_gather_args args_ = args<lf_gather_args>();
};

} // namespace

void add_batch(const std::vector<Subject> &subjects) {
  for (const Subject &subject : subjects) add_case<Gather>("batch/gather", subject, sizes(batch, pixels));
}

} // namespace lanefold::bench
