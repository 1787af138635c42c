// What the trainer takes for an epoch, an evaluation, and the loading of data: 60,000 images of 28 x 28, batches of 200,
// BN + ELU, SGD.  The images are those of $LANEFOLD_DATA, or the built-in digits.
#include "gates.hpp"

#include "../limits.hpp"

#include "data/dataset.hpp"
#include "inference.hpp"
#include "train.hpp"

#include <zlib.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>

namespace lanefold::bench {
namespace {

using namespace lanefold::trainer;

constexpr double seconds = 3; // for each runner of a race; an epoch is a long one
// Multiply-adds of a sample: forward and weight gradients of all layers, input gradients of all but the first.
constexpr double products = 2 * 784 * 300 + 3 * 300 * 100 + 3 * 100 * 10;

// A training that goes on epoch by epoch: shuffling, gathering and conversion included, evaluation not.
class Epochs {
public:
  Epochs(const Context &context, const Images &images) : network_(reference_network()) {
    data_.train = images;
    initialize(network_, 1);
    TrainOptions options;
    options.epochs = 1'000'000;
    training_ =
        std::make_unique<Training>(context, network_, data_, TrainingState{options, {}, "", {}, numeric_version});
    watch_.epoch = [](const Epoch &) { return false; };
  }
  void run() { training_->run(watch_); }

private:
  Network network_;
  Dataset data_;
  std::unique_ptr<Training> training_;
  TrainWatch watch_;
};

void epoch_gates(Gates &gates, const Images &images) {
  for (const int threads : {1, 2}) {
    const std::string name = "trainer/epoch-over-peak/threads:" + std::to_string(threads);
    if (!gates.wanted(name)) continue;
    const auto context = make_context(gates.isa(), threads);
    Epochs epochs(*context, images);
    const FmaLoop loop = fma_loop(gates.isa());
    constexpr int64_t steps = 2'000'000;
    float sum = 0;
    const std::vector<double> times =
        race({{"epoch", [&] { epochs.run(); }},
              {"peak", [&] { benchmark::DoNotOptimize(sum = loop.run(steps, 0.5f, 1.0f)); }}},
             seconds, threads);
    const double peak = 2.0 * static_cast<double>(steps * loop.lanes) / times[1];
    gates.note("%s: %.3f s, peak %.1f GFLOP/s a thread", name.c_str(), times[0], peak * 1e-9);
    gates.at_least(name, 2 * products * static_cast<double>(images.count()) / times[0] / (threads * peak),
                   threads == 1 ? 0.85 : 0.78);
  }
}

void evaluation_gate(Gates &gates, const Images &images) {
  const std::string name = "trainer/evaluation-seconds/threads:1";
  if (!gates.wanted(name)) return;
  const auto context = make_context(gates.isa(), 1);
  Network network(reference_network());
  initialize(network, 1);
  gates.at_most(name, race({{"evaluation", [&] { evaluate(*context, network, images); }}}, 1)[0], 0.15);
}

// A copy of the data as IDX files, compressed as published, or plain.
class IdxFolder {
public:
  IdxFolder(const Dataset &data, bool compressed) : compressed_(compressed) {
    std::string pattern = (std::filesystem::temp_directory_path() / "lanefold-gates-XXXXXX").string();
    if (!mkdtemp(pattern.data())) throw std::runtime_error("no temporary folder could be made");
    path_ = pattern;
    write("train", data.train);
    write("t10k", data.test);
  }
  ~IdxFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  IdxFolder(const IdxFolder &) = delete;
  IdxFolder &operator=(const IdxFolder &) = delete;
  const std::string &path() const { return path_; }

private:
  void write(const std::string &part, const Images &images) {
    const auto count = static_cast<uint32_t>(images.count());
    write(part + "-images-idx3-ubyte",
          {0x803, count, static_cast<uint32_t>(images.rows), static_cast<uint32_t>(images.columns)},
          images.pixels.data(), images.pixels.size());
    write(part + "-labels-idx1-ubyte", {0x801, count}, images.labels.data(), images.labels.size());
  }
  void write(const std::string &name, const std::vector<uint32_t> &header, const uint8_t *bytes, size_t size) {
    const std::string path = path_ + "/" + name + (compressed_ ? ".gz" : "");
    gzFile file = gzopen(path.c_str(), compressed_ ? "wb6" : "wbT");
    bool good = file != nullptr;
    for (const uint32_t number : header)
      for (int shift = 24; good && shift >= 0; shift -= 8)
        good = gzputc(file, static_cast<int>(number >> shift & 255)) >= 0;
    good = good && gzwrite(file, bytes, static_cast<unsigned>(size)) == static_cast<int>(size);
    if (file) good = gzclose(file) == Z_OK && good;
    if (!good) throw std::runtime_error(path + ": cannot be written");
  }

  std::string path_;
  bool compressed_;
};

void loading_gates(Gates &gates, const Dataset &data) {
  for (const bool compressed : {true, false}) {
    const std::string name = compressed ? "trainer/load-gzip-seconds" : "trainer/load-mapped-seconds";
    if (!gates.wanted(name)) continue;
    const IdxFolder folder(data, compressed);
    gates.at_most(name, race({{"load", [&] { read_idx(folder.path()); }}}, 1)[0], compressed ? 0.6 : 0.05);
  }
}

} // namespace

void trainer_gates(Gates &gates) {
  const bool wanted = gates.wanted("trainer/epoch-over-peak/threads:1") ||
                      gates.wanted("trainer/epoch-over-peak/threads:2") ||
                      gates.wanted("trainer/evaluation-seconds/threads:1") ||
                      gates.wanted("trainer/load-gzip-seconds") || gates.wanted("trainer/load-mapped-seconds");
  if (!wanted) return;
  const char *folder = std::getenv("LANEFOLD_DATA");
  const Dataset data = load(folder ? folder : "");
  epoch_gates(gates, data.train);
  evaluation_gate(gates, data.test);
  loading_gates(gates, data);
}

} // namespace lanefold::bench
