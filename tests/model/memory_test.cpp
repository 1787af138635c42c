// Until a network is ready, the library allocates at most twice the size of the weights as floats, beside the mapped file.
// This program replaces the C library's allocation functions, and counts.
#include "support/files.hpp"

#include <lanefold/model.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <cstdlib>

#include <malloc.h>

namespace {

std::atomic<int64_t> in_use{0}, peak{0};

void *counted(void *memory) {
  if (memory == nullptr) return nullptr;
  const int64_t now = in_use += static_cast<int64_t>(malloc_usable_size(memory));
  for (int64_t before = peak; before < now && !peak.compare_exchange_weak(before, now);) {
  }
  return memory;
}

} // namespace

extern "C" {
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *memory);

void *malloc(size_t size) { return counted(__libc_malloc(size)); }
void *calloc(size_t count, size_t size) { return counted(__libc_calloc(count, size)); }
void *memalign(size_t alignment, size_t size) { return counted(__libc_memalign(alignment, size)); }
void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }
int posix_memalign(void **memory, size_t alignment, size_t size) {
  *memory = memalign(alignment, size);
  return *memory == nullptr;
}
void free(void *memory) {
  if (memory != nullptr) in_use -= static_cast<int64_t>(malloc_usable_size(memory));
  __libc_free(memory);
}
void *realloc(void *memory, size_t size) {
  if (memory != nullptr) in_use -= static_cast<int64_t>(malloc_usable_size(memory));
  return counted(__libc_realloc(memory, size));
}
}

using namespace lanefold;

namespace {

// Layers of this width, with a normalization of the input if it is wanted.
Model made(const std::vector<int64_t> &widths, bool batch_norm) {
  std::vector<DenseLayer> layers;
  for (size_t i = 0; i + 1 < widths.size(); ++i) {
    layers.emplace_back(widths[i], widths[i + 1], Activation{LF_ELU, 1}, batch_norm);
    for (size_t j = 0; j < layers.back().w.size(); ++j) layers.back().w[j] = static_cast<float>(j % 13) - 6;
  }
  return Model::of(layers);
}

double peak_until_ready(const Context &context, const std::string &path, double weights,
                        const OpenOptions &options = {}) {
  const int64_t before = in_use;
  peak = before;
  {
    const Model model = Model::open(path, options);
    const InferenceNetwork network = model.make_network(context.get());
  }
  return static_cast<double>(peak - before) / (4 * weights);
}

} // namespace

TEST_CASE("opening a file takes at most twice the memory of its weights") {
  const test::TemporaryFolder folder;
  const Context context(1);
  for (const std::vector<int64_t> &widths :
       {std::vector<int64_t>{784, 300, 100, 10}, {2000, 1500}, {600, 600, 600, 600}}) {
    double weights = 0;
    std::string network = "{\"layers\": [";
    for (size_t i = 0; i + 1 < widths.size(); ++i) {
      weights += static_cast<double>((widths[i] + 5) * widths[i + 1]);
      network +=
          (i == 0 ? "{" : ", {") + ("\"units\": " + std::to_string(widths[i + 1])) + ", \"activation\": \"elu\"}";
    }
    for (const bool batch_norm : {false, true}) {
      const Model model = made(widths, batch_norm);
      model.save(folder / "m.safetensors"), model.save(folder / "m.onnx");
      model.save(folder / "w.safetensors", {LF_FORMAT_STATE_DICT, nullptr});
      OpenOptions described;
      described.network = network + "], \"defaults\": {\"batch_norm\": \"" + (batch_norm ? "on" : "off") + "\"}}";
      CAPTURE(widths.size());
      CAPTURE(batch_norm);
      constexpr double rest = 0.15; // JSON, names and small vectors, which are the more, the smaller the network
      CHECK(peak_until_ready(context, folder / "m.safetensors", weights) < 2 + rest);
      CHECK(peak_until_ready(context, folder / "m.onnx", weights) < 2 + rest);
      CHECK(peak_until_ready(context, folder / "w.safetensors", weights, described) < 2 + rest);
    }
  }
}
