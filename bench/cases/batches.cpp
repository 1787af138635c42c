// Gathers a batch of 200 images of 28 x 28 in random order from 60,000 images, which no cache holds.
#include "cases.hpp"

namespace lanefold::bench {
namespace {

constexpr int64_t images = 60000, batch = 200, pixels = 784;

struct GatheredImages {
  explicit GatheredImages(Memory memory)
      : x(static_cast<size_t>(images * pixels)), rows(static_cast<size_t>(images)), y(memory.floats(batch * pixels)) {
    for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<uint8_t>(i * 2654435761u >> 24);
    for (size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<uint32_t>(i * 48271 % images); // a permutation
    call.m = batch, call.n = pixels, call.count = images, call.divisor = 255;
    call.x = x.data(), call.ldx = pixels, call.rows = rows.data();
    call.y = y.data(), call.ldy = pixels;
  }
  // Gathers the next rows, because the previous ones are in the caches.
  void gather(const Context &context) {
    call.rows = rows.data() + (call.rows - rows.data() + batch) % images;
    context.gather(call);
  }
  std::string mismatch() const {
    Doubles expected(y.size());
    for (int64_t i = 0; i < batch; ++i)
      for (int64_t j = 0; j < pixels; ++j)
        expected[static_cast<size_t>(i * pixels + j)] = x[static_cast<size_t>(call.rows[i] * pixels + j)] / 255.0;
    return find_mismatch("y", y, expected, 1);
  }

  std::vector<uint8_t> x;
  std::vector<uint32_t> rows;
  Floats y;
  lf_gather_args call = args<lf_gather_args>();
};

void make_gather(CaseBuilder &builder) {
  const auto all = builder.keep<GatheredImages>(builder.memory);
  builder.add("lanefold", [=, context = builder.setting.context] { all->gather(*context); },
              {{&all->y}, {}, [=] { return all->mismatch(); }});
  builder.add_copies(batch * pixels / 128 * 128);
}

} // namespace

void add_batches(List &list) {
  constexpr double count = batch * pixels;
  Fields fields;
  fields.family = "batch", fields.op = "gather", fields.m = batch, fields.n = pixels;
  Case bench_case;
  bench_case.variants = {{"lanefold", fields, {0, 5 * count, count}, ""}};
  bench_case.ratios = {{"over-copy", Ratio::times, "lanefold", "copies"}};
  bench_case.make = make_gather;
  list.cases.push_back(bench_case);
}

} // namespace lanefold::bench
