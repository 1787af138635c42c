// The time that the trainer needs for an epoch, an evaluation and loading data.  The data are 60,000 images of 28 x 28,
// from $LANEFOLD_DATA or the built-in digits.  Training uses batches of 200, BN + ELU and SGD.
#include "suites.hpp"

#include "trainer/data/dataset.hpp"
#include "trainer/network/inference.hpp"
#include "trainer/training/training.hpp"

#include <zlib.h>

#include <cstdlib>
#include <filesystem>

namespace lanefold::bench {
namespace {

using namespace lanefold::trainer;

// Multiply-adds for one sample: forward and weight gradients of all layers, input gradients of all but the first.
constexpr double multiply_adds_of_a_sample = 2 * 784 * 300 + 3 * 300 * 100 + 3 * 100 * 10;

const Dataset &dataset() {
  static const Dataset data = [] {
    const char *folder = std::getenv("LANEFOLD_DATA");
    return load(folder ? folder : "");
  }();
  return data;
}

// Trains one epoch per call.  This includes shuffling, gathering and conversion, but no evaluation.
class Epochs {
public:
  explicit Epochs(const Context &context) : network_(reference_network()) {
    data_.train = dataset().train;
    initialize(network_, 1);
    TrainOptions options;
    options.epochs = 1'000'000;
    training_ =
        std::make_unique<Training>(context, network_, data_, TrainingState{options, {}, "", {}, numeric_version});
    watch_.epoch = [](const Epoch &) { return false; };
  }
  void run() { training_->run(watch_); }

private:
  trainer::Network network_;
  Dataset data_;
  std::unique_ptr<Training> training_;
  TrainWatch watch_;
};

// A temporary folder with the data as IDX files, compressed as published, or plain.
class IdxFolder {
public:
  IdxFolder(const Dataset &data, bool compressed) : compressed_(compressed) {
    const char *folder = std::getenv("LANEFOLD_BENCH_FOLDER");
    std::string pattern = std::string(folder ? folder : "/nowhere") + "/idx-XXXXXX";
    if (!mkdtemp(pattern.data())) throw std::runtime_error("cannot create a temporary folder");
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
    if (!good) throw std::runtime_error(path + ": cannot write the file");
  }

  std::string path_;
  bool compressed_;
};

CaseInstance make_epochs(const Setting &setting) {
  const auto epochs = std::make_shared<Epochs>(*setting.context);
  CaseBuilder builder(setting, epochs);
  const double flops = 2 * multiply_adds_of_a_sample * static_cast<double>(dataset().train.count());
  builder.add("epoch", "trainer/epoch", "", {flops, 0, static_cast<double>(dataset().train.count())},
              [=] { epochs->run(); });
  builder.add_peak();
  return builder.take();
}

CaseInstance make_evaluation(const Setting &setting) {
  const auto network = std::make_shared<trainer::Network>(reference_network());
  initialize(*network, 1);
  CaseBuilder builder(setting, network);
  builder.add("evaluation", "trainer/evaluation", "", {0, 0, static_cast<double>(dataset().test.count())},
              [=, context = setting.context] { evaluate(*context, *network, dataset().test); });
  return builder.take();
}

CaseInstance make_loading(const Setting &setting, bool compressed) {
  const auto folder = std::make_shared<IdxFolder>(dataset(), compressed);
  CaseBuilder builder(setting, folder);
  builder.add("load", compressed ? "trainer/load_gzip" : "trainer/load_mapped", "", {},
              [=] { read_idx(folder->path()); });
  return builder.take();
}

void add(List &list, const std::string &operation, const Ratio &gate,
         std::function<CaseInstance(const Setting &)> make) {
  list.cases.push_back({operation, "", Extent::gates, {gate}, std::move(make), false, 1, 2});
}

} // namespace

void add_trainer(List &list, int threads) {
  add(list, "trainer/epoch",
      {"trainer/epoch-over-peak" + suffix(threads), Ratio::flops_share, "epoch", "peak", Sense::at_least,
       threads == 1 ? 0.85 : 0.78},
      make_epochs);
  if (threads > 1) return;
  add(list, "trainer/evaluation",
      {"trainer/evaluation-seconds" + suffix(1), Ratio::time, "evaluation", "", Sense::at_most, 0.15}, make_evaluation);
  for (const bool compressed : {true, false}) {
    const std::string name = compressed ? "load-gzip" : "load-mapped";
    add(list, compressed ? "trainer/load_gzip" : "trainer/load_mapped",
        {"trainer/" + name + "-seconds", Ratio::time, "load", "", Sense::at_most, compressed ? 0.6 : 0.05},
        [=](const Setting &setting) { return make_loading(setting, compressed); });
  }
}

} // namespace lanefold::bench
