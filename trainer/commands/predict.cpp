// lanefold predict: what a model predicts for each test image, or for each row of a file.
#include "trainer/checkpoint/checkpoint.hpp"
#include "trainer/commands/commands.hpp"
#include "trainer/commands/shared_options.hpp"
#include "trainer/data/npy.hpp"
#include "trainer/network/inference.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>

namespace lanefold::trainer {
namespace {

struct PredictOptions {
  ContextOptions context;
  ModelOptions model;
  std::string rows, data;
  int64_t first = 0, count = 10;
  bool json = false;
};

// What the outputs of one row mean.
class Meaning {
public:
  explicit Meaning(const Model &model)
      : outputs_(model.info().outputs), names_(model.info().class_names), classes_(model.info().classes) {}

  // The class, from 0; -1 if all outputs are NaN, or if the outputs do not stand for classes.
  int32_t predicted(const float *y) const {
    if (outputs_ > 1) return largest(y, outputs_);
    if (classes_ != 2 || std::isnan(y[0])) return -1; // one output: the probability of the second class
    return y[0] > 0.5f ? 1 : 0;
  }
  // The name of a class; NULL if the file has none.
  const char *name(int32_t predicted) const { return names_ == nullptr || predicted < 0 ? nullptr : names_[predicted]; }
  int64_t outputs() const { return outputs_; }

private:
  int64_t outputs_;
  const char *const *names_;
  int64_t classes_;
};

void print_image(const PredictOptions &o, const Meaning &meaning, int64_t index, const float *y, int32_t label) {
  const int32_t predicted = meaning.predicted(y);
  if (!o.json) {
    std::printf("%6lld  %s%s\n", static_cast<long long>(index),
                predicted < 0 ? "no class: all outputs are NaN" : std::to_string(predicted).c_str(),
                predicted == label ? "" : ("  (is " + std::to_string(label) + ")").c_str());
    return;
  }
  const cli::Json object = {
      {"index", index}, {"predicted", predicted < 0 ? cli::Json() : cli::Json(predicted)}, {"label", label}};
  std::printf("%s\n", object.dump().c_str());
}

void print_row(const PredictOptions &o, const Meaning &meaning, int64_t index, const float *y) {
  const int32_t predicted = meaning.predicted(y);
  const char *name = meaning.name(predicted);
  if (!o.json) {
    std::printf("%6lld ", static_cast<long long>(index));
    if (name != nullptr) std::printf(" %s", name);
    else if (predicted >= 0) std::printf(" %d", predicted);
    else
      for (int64_t j = 0; j < meaning.outputs(); ++j) std::printf(" %.9g", static_cast<double>(y[j]));
    std::printf("\n");
    return;
  }
  cli::Json outputs = cli::Json::array();
  for (int64_t j = 0; j < meaning.outputs(); ++j) outputs.push_back(cli::shortest(y[j]));
  cli::Json object = {{"index", index}};
  if (predicted >= 0) object["predicted"] = predicted;
  if (name != nullptr) object["class"] = name;
  object["outputs"] = outputs;
  std::printf("%s\n", object.dump().c_str());
}

// Calls print(index, outputs) for each row from `first` on.  read(first, count) returns the address of rows.
template <class Read, class Print>
void for_each_row(Inference &inference, int64_t first, int64_t end, const Read &read, const Print &print) {
  for (; first < end; first += evaluation_rows) {
    const int64_t rows = std::min(evaluation_rows, end - first);
    const float *y = inference.outputs_of(read(first, rows), rows);
    for (int64_t i = 0; i < rows; ++i) print(first + i, y + i * inference.outputs());
  }
}

// One past the last image or row.  all: those from `first` on.
int64_t end_of(const PredictOptions &o, int64_t there, bool all, const char *what) {
  if (o.first > 0 && o.first >= there)
    throw cli::UsageError("--first " + std::to_string(o.first) + ": there are " + std::to_string(there) + " " + what);
  return all ? there : std::min(there, o.first + o.count);
}

void predict_images(const PredictOptions &o, const Context &context, const Meaning &meaning, Inference &inference) {
  const Dataset data = load(o.data, Needs::test);
  check_fits(o.model.path, inference.features(), inference.outputs(), data);
  Batch batch;
  for_each_row(
      inference, o.first, end_of(o, data.test.count(), false, "test images"),
      [&](int64_t first, int64_t rows) {
        gather(context, data.test, nullptr, first, rows, batch);
        return batch.x.data();
      },
      [&](int64_t index, const float *y) {
        print_image(o, meaning, index, y, data.test.labels[static_cast<size_t>(index)]);
      });
}

void predict_rows(const PredictOptions &o, const Meaning &meaning, Inference &inference, bool all) {
  NpyReader file(o.rows);
  if (file.columns() != inference.features())
    throw DataError(o.rows + ": has rows of " + std::to_string(file.columns()) + " numbers, but " + o.model.path +
                    " takes " + std::to_string(inference.features()));
  std::vector<float> x;
  for_each_row(
      inference, o.first, end_of(o, file.rows(), all, "rows"),
      [&](int64_t first, int64_t rows) {
        file.read(first, rows, x);
        return x.data();
      },
      [&](int64_t index, const float *y) { print_row(o, meaning, index, y); });
}

int run_predict(const PredictOptions &o, const cli::Command &given) {
  if (!o.rows.empty() && given.given("--data"))
    throw cli::UsageError("--data: does not go with the rows of " + o.rows + "; give images or rows");
  const Context context = make_context(o.context);
  const Model model = open_model(o.model);
  const Meaning meaning(model);
  Inference inference(context, model.make_network(context.get()), model.info().features, model.info().outputs);
  if (o.rows.empty()) predict_images(o, context, meaning, inference);
  else predict_rows(o, meaning, inference, !given.given("--count"));
  return 0;
}

} // namespace

cli::Command predict_command() {
  const auto o = std::make_shared<PredictOptions>();
  cli::Command command{.name = "predict",
                       .description = "Print what a model predicts for rows of numbers, or for the test images.",
                       .examples = "Examples:\n"
                                   "  lanefold predict model.onnx rows.npy --json\n"
                                   "  lanefold predict model.safetensors --data mnist --first 100 --count 20",
                       .run = [o](const cli::Command &command) { return run_predict(*o, command); }};
  command.options = {
      {.names = "rows",
       .value = "ROWS",
       .target = &o->rows,
       .help = "A file of NumPy's format (.npy) with the rows to predict.",
       .fallback = "the test images",
       .manual = "It holds a matrix of 32- or 64-bit floats, or of integers. A vector is one row."},
      data_option(o->data),
      {.names = "--first",
       .value = "K",
       .target = &o->first,
       .range = cli::whole(0, 1000000000),
       .help = "The index of the first image or row, from 0."},
      {.names = "--count",
       .value = "K",
       .target = &o->count,
       .range = cli::whole(1, 1000000000),
       .help = "The number of images or rows, but no more than there are.",
       .fallback = "10 images, or all rows"},
      {.names = "--json",
       .target = &o->json,
       .help = "Print one JSON object for each image or row.",
       .manual = "For an image, its keys are index, predicted and label. For a row, they are index, predicted (the "
                 "class, from 0), class (its name, if the model has names) and outputs."}};
  add_model_options(command.options, o->model);
  add_context_options(command.options, o->context);
  return command;
}

} // namespace lanefold::trainer
