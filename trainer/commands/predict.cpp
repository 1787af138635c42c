// lanefold predict: what a checkpoint takes each test image for.
#include "trainer/checkpoint/checkpoint.hpp"
#include "trainer/network/inference.hpp"
#include "trainer/commands/commands.hpp"
#include "trainer/commands/shared_options.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <memory>

namespace lanefold::trainer {
namespace {

struct Options {
  ContextOptions context;
  std::string model, data;
  int64_t first = 0, count = 10;
  bool json = false;
};

void print(const Options &o, int64_t index, int32_t predicted, int32_t label) {
  if (!o.json) {
    std::printf("%6lld  %d%s\n", static_cast<long long>(index), predicted,
                predicted == label ? "" : ("  (is " + std::to_string(label) + ")").c_str());
    return;
  }
  const cli::Json object = {{"index", index}, {"predicted", predicted}, {"label", label}};
  std::printf("%s\n", object.dump().c_str());
}

int run(const Options &o) {
  const Context context = make_context(o.context);
  Network network = read_checkpoint(o.model).network;
  const Dataset data = load(o.data, Needs::test);
  check_fits(o.model, network, data);
  Network folded = fold(context, network);
  Inference inference(context, folded);
  const int64_t end = std::min(data.test.count(), o.first + o.count);
  if (o.first >= end)
    throw UsageError("--first " + std::to_string(o.first) + ": there are " + std::to_string(data.test.count()) +
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

void add_predict(CLI::App &app, Run &run_verb) {
  CLI::App *verb = app.add_subcommand("predict", "what a checkpoint takes test images for");
  const auto o = std::make_shared<Options>();
  verb->add_option("model", o->model, "checkpoint")->required();
  add_data_option(*verb, o->data);
  verb->add_option("--first", o->first, "index of the first image")
      ->check(whole_number_between(0, 1000000000))
      ->capture_default_str();
  verb->add_option("--count", o->count, "number of images")
      ->check(whole_number_between(1, 1000000000))
      ->capture_default_str();
  verb->add_flag("--json", o->json, "one JSON object a line");
  add_context_options(*verb, o->context);
  verb->footer("Examples:\n"
               "  lanefold predict model.safetensors --data mnist --first 100 --count 20\n"
               "  lanefold predict model.safetensors --data mnist --count 10000 --json");
  verb->callback([=, &run_verb] { run_verb = [=] { return run(*o); }; });
}

} // namespace lanefold::trainer
