// lanefold predict: the class that a checkpoint predicts for each test image.
#include "trainer/checkpoint/checkpoint.hpp"
#include "trainer/commands/commands.hpp"
#include "trainer/commands/shared_options.hpp"
#include "trainer/network/inference.hpp"

#include <algorithm>
#include <memory>

namespace lanefold::trainer {
namespace {

struct PredictOptions {
  ContextOptions context;
  std::string model, data;
  int64_t first = 0, count = 10;
  bool json = false;
};

void print(const PredictOptions &o, int64_t index, int32_t predicted, int32_t label) {
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

int run_predict(const PredictOptions &o) {
  const Context context = make_context(o.context);
  Network network = read_checkpoint(o.model).network;
  const Dataset data = load(o.data, Needs::test);
  check_fits(o.model, network, data);
  Network folded = fold(context, network);
  Inference inference(context, folded);
  const int64_t end = std::min(data.test.count(), o.first + o.count);
  if (o.first >= end)
    throw cli::UsageError("--first " + std::to_string(o.first) + ": there are " + std::to_string(data.test.count()) +
                          " test images");
  Batch batch;
  for (int64_t first = o.first; first < end; first += evaluation_rows) {
    const int64_t rows = std::min(evaluation_rows, end - first);
    gather(context, data.test, nullptr, first, rows, batch);
    const float *logits = inference.logits(batch.x.data(), rows);
    for (int64_t i = 0; i < rows; ++i)
      print(o, first + i, largest(logits + i * folded.outputs(), folded.outputs()),
            batch.labels[static_cast<size_t>(i)]);
  }
  return 0;
}

} // namespace

cli::Command predict_command() {
  const auto o = std::make_shared<PredictOptions>();
  cli::Command command{.name = "predict",
                       .description = "Print the class that a checkpoint predicts for each test image.",
                       .examples = "Examples:\n"
                                   "  lanefold predict model.safetensors --data mnist --first 100 --count 20\n"
                                   "  lanefold predict model.safetensors --data mnist --count 10000 --json",
                       .run = [o](const cli::Command &) { return run_predict(*o); }};
  command.options = {model_argument(o->model),
                     data_option(o->data),
                     {.names = "--first",
                      .value = "K",
                      .target = &o->first,
                      .range = cli::whole(0, 1000000000),
                      .help = "The index of the first image, from 0."},
                     {.names = "--count",
                      .value = "K",
                      .target = &o->count,
                      .range = cli::whole(1, 1000000000),
                      .help = "The number of images, but no more than the test set has left."},
                     {.names = "--json",
                      .target = &o->json,
                      .help = "Print one JSON object for each image.",
                      .manual = "Its keys are index, predicted and label."}};
  add_context_options(command.options, o->context);
  return command;
}

} // namespace lanefold::trainer
