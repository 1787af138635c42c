// The time that the trainer needs for an epoch, an evaluation and loading data.  The data are 60,000 images of 28 x 28,
// from $LANEFOLD_DATA or the built-in digits.  Training uses batches of 200, BN + ELU and SGD.
#include "cases.hpp"

#include "trainer/data/load.hpp"
#include "trainer/network/inference.hpp"
#include "trainer/training/training.hpp"

#include <zlib.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>

#include <unistd.h>

namespace lanefold::bench {
namespace {

using namespace lanefold::trainer;

// Multiply-adds for one sample: forward and weight gradients of all layers, input gradients of all but the first.
constexpr double trained_multiply_adds = 2 * 784 * 300 + 3 * 300 * 100 + 3 * 100 * 10;

const Dataset &dataset() {
  static const Dataset data = [] {
    const char *folder = std::getenv("LANEFOLD_DATA");
    return load_images(folder ? folder : "");
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
  IdxFolder(const Dataset &data, bool compressed, const std::string &folder) : compressed_(compressed) {
    std::string pattern = folder + "/idx-XXXXXX";
    if (folder.empty() || !mkdtemp(pattern.data())) throw std::runtime_error("cannot create a temporary folder");
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
  void write(const std::string &part, const Samples &images) {
    const auto count = static_cast<uint32_t>(images.count());
    write(part + "-images-idx3-ubyte",
          {0x803, count, static_cast<uint32_t>(images.rows), static_cast<uint32_t>(images.columns)},
          images.pixels.data(), images.pixels.size());
    const std::vector<uint8_t> labels(images.labels.begin(), images.labels.end());
    write(part + "-labels-idx1-ubyte", {0x801, count}, labels.data(), labels.size());
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

Fields trainer_fields(const std::string &op, const std::string &form = "") {
  Fields fields;
  fields.family = "trainer", fields.op = op, fields.form = form;
  return fields;
}

Case trainer_case(const Fields &fields, const Work &work, const Ratio &gate, double time_weight,
                  std::function<void(CaseBuilder &)> make) {
  Case bench_case;
  bench_case.variants = {{"lanefold", fields, work, ""}};
  bench_case.ratios = {gate};
  bench_case.make = std::move(make);
  bench_case.time_weight = time_weight;
  return bench_case;
}

Case epochs(int threads) {
  Fields fields = trainer_fields("epoch");
  fields.bn = true, fields.activation = activation_names[LF_ELU];
  constexpr double samples = 60'000;
  return trainer_case(fields, {2 * trained_multiply_adds * samples, 0, samples},
                      {"of-peak", Ratio::flops_share, "lanefold", "peak", Sense::at_least, threads == 1 ? 0.85 : 0.78},
                      12, [](CaseBuilder &builder) {
                        const auto own = builder.keep<Epochs>(*builder.setting.context);
                        builder.add("lanefold", [=] { own->run(); });
                        builder.add_peak();
                      });
}

Case evaluation() {
  return trainer_case(trainer_fields("evaluate"), {0, 0, 10'000},
                      {"seconds", Ratio::time, "lanefold", "", Sense::at_most, 0.15}, 2, [](CaseBuilder &builder) {
                        const auto network = builder.keep<trainer::Network>(reference_network());
                        initialize(*network, 1);
                        builder.add("lanefold", [=, context = builder.setting.context] {
                          evaluate(*context, *network, dataset().test);
                        });
                      });
}

Case loading(bool compressed) {
  return trainer_case(trainer_fields("load", compressed ? "gzip" : "mapped"), {},
                      {"seconds", Ratio::time, "lanefold", "", Sense::at_most, compressed ? 0.6 : 0.05}, 6,
                      [=](CaseBuilder &builder) {
                        // Written once, because compression takes longer than loading.
                        static std::map<bool, IdxFolder> folders;
                        const auto at = folders.try_emplace(compressed, dataset(), compressed, builder.setting.folder);
                        builder.add("lanefold", [&folder = at.first->second] { read_idx(folder.path()); });
                      });
}

// A CSV file of 100,000 rows of 30 numbers, the last one with classes.
class CsvFile {
public:
  explicit CsvFile(const std::string &folder) : path_(folder + "/lanefold-bench-XXXXXX") {
    const int file = folder.empty() ? -1 : mkstemp(path_.data());
    if (file < 0) throw std::runtime_error("cannot create a temporary file");
    close(file);
    std::ofstream stream(path_);
    Stream random(1, Purpose::study, 0);
    char number[32];
    for (int64_t row = 0; row < rows; ++row) {
      for (int64_t column = 1; column < columns; ++column) {
        std::snprintf(number, sizeof number, "%.6f,", random.normal());
        stream << number;
      }
      stream << row % 3 << '\n';
    }
    stream.flush();
    if (!stream) throw std::runtime_error(path_ + ": cannot write the file");
    bytes_ = static_cast<double>(stream.tellp());
  }
  ~CsvFile() { std::remove(path_.c_str()); }
  CsvFile(const CsvFile &) = delete;
  CsvFile &operator=(const CsvFile &) = delete;
  const std::string &path() const { return path_; }
  double bytes() const { return bytes_; }

private:
  static constexpr int64_t rows = 100'000, columns = 30;
  std::string path_;
  double bytes_ = 0;
};

// Reads the file and divides it into training and test samples.
Case loading_csv(int threads) {
  constexpr double bytes = 26.4e6, wanted = 200e6; // bytes, and bytes/s on two threads
  return trainer_case(
      trainer_fields("load", "csv"), {0, bytes, 100'000},
      {"seconds", Ratio::time, "lanefold", "", threads > 1 ? Sense::at_most : Sense::none, bytes / wanted}, 6,
      [](CaseBuilder &builder) {
        static std::optional<CsvFile> file;
        if (!file) file.emplace(builder.setting.folder);
        DataOptions options;
        options.path = file->path();
        options.csv.threads = builder.setting.context->threads();
        builder.add("lanefold", [=] { load(options, 1); });
      });
}

} // namespace

void add_trainer(List &list, int threads) {
  list.cases.push_back(epochs(threads));
  list.cases.push_back(loading_csv(threads));
  if (threads > 1) return;
  list.cases.push_back(evaluation());
  for (const bool compressed : {true, false}) list.cases.push_back(loading(compressed));
}

} // namespace lanefold::bench
