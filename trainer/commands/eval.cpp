// lanefold eval: loss and accuracy of a model on the test samples.
#include "trainer/checkpoint/checkpoint.hpp"
#include "trainer/commands/commands.hpp"
#include "trainer/commands/shared_options.hpp"
#include "trainer/network/inference.hpp"

#include <chrono>
#include <cmath>
#include <memory>
#include <optional>

namespace lanefold::trainer {
namespace {

struct EvalOptions {
  ContextOptions context;
  ModelOptions model;
  DataWords data;
  int64_t top_k = 1;
  bool folded = false, confusion = false, json = false;
};

// Labels down, predictions across.
void print_confusion(const std::vector<int64_t> &confusion, int64_t outputs) {
  std::printf("\nlabel  predicted as\n      ");
  for (int64_t j = 0; j < outputs; ++j) std::printf("%7lld", static_cast<long long>(j));
  std::printf("\n");
  for (int64_t i = 0; i < outputs; ++i) {
    std::printf("%5lld ", static_cast<long long>(i));
    for (int64_t j = 0; j < outputs; ++j)
      std::printf("%7lld", static_cast<long long>(confusion[static_cast<size_t>(i * outputs + j)]));
    std::printf("\n");
  }
}

cli::Json rows(const std::vector<int64_t> &confusion, int64_t outputs) {
  cli::Json rows = cli::Json::array();
  for (auto row = confusion.begin(); row != confusion.end(); row += outputs)
    rows.push_back(std::vector<int64_t>(row, row + outputs));
  return rows;
}

int run_eval(const EvalOptions &o, const cli::Command &given) {
  const Context context = make_context(o.context);
  const Model model = open_model(o.model);
  const lf_model_info info = model.info();
  const std::optional<DataDescription> trained_on = data_of(model, o.model.path);
  const Dataset data = load_test(o.data, given, context, o.model, trained_on, Need::labels);
  check_fits(o.model.path, info.features, info.outputs, data);
  if (o.top_k > info.outputs)
    throw cli::UsageError("--top-k " + std::to_string(o.top_k) + ": there are " + std::to_string(info.outputs) +
                          " classes");
  // A Network has products only, so any other model runs folded.
  std::optional<Network> network;
  if (!o.folded && is_trainable(model)) network = network_of(model);
  Inference inference =
      network ? Inference(context, *network)
              : Inference(context, model.make_network(context.get(), LF_LOGITS), info.features, info.outputs);
  const bool is_folded = !network || !network->description.batch_norm();
  const auto start = std::chrono::steady_clock::now();
  const Evaluation result = evaluate(context, inference, data.test, o.top_k);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (!std::isfinite(result.loss)) throw CheckpointError(o.model.path + ": its loss on these images is not finite");
  if (o.json) {
    cli::Json object = {{"event", "eval"},
                        {data.test.numbers ? "rows" : "images", data.test.count()},
                        {"folded", is_folded},
                        {"loss", result.loss},
                        {"test_accuracy", result.accuracy},
                        {"seconds", seconds}};
    if (o.top_k > 1) object["top_k"] = o.top_k, object["top_k_accuracy"] = result.top_k_accuracy;
    if (o.confusion) object["confusion"] = rows(result.confusion, info.outputs);
    std::printf("%s\n", object.dump().c_str());
    return 0;
  }
  std::printf("%s on %lld %s of %s: accuracy %.2f%%, loss %.4f, in %.3f s\n", o.model.path.c_str(),
              static_cast<long long>(data.test.count()), data.test.numbers ? "rows" : "test images", data.name.c_str(),
              100 * result.accuracy, result.loss, seconds);
  if (o.top_k > 1)
    std::printf("top-%lld accuracy: the label is among the %lld best: %.2f%%\n", static_cast<long long>(o.top_k),
                static_cast<long long>(o.top_k), 100 * result.top_k_accuracy);
  if (o.confusion) print_confusion(result.confusion, info.outputs);
  return 0;
}

} // namespace

cli::Command eval_command() {
  const auto o = std::make_shared<EvalOptions>();
  cli::Command command{.name = "eval",
                       .description = "Print loss and accuracy of a model on the test samples.",
                       .examples = "Examples:\n"
                                   "  lanefold eval model.safetensors --data mnist\n"
                                   "  lanefold eval model.safetensors --data mnist --top-k 3 --confusion",
                       .run = [o](const cli::Command &given) { return run_eval(*o, given); }};
  command.options = {
      {.names = "--folded",
       .target = &o->folded,
       .help = "First fold batch normalization into the weights.",
       .manual =
           "A network that has a layer without weights, such as a normalization of its input, always runs folded."},
      {.names = "--top-k",
       .value = "K",
       .target = &o->top_k,
       .range = cli::whole(1, 1000000000),
       .help = "Also print how often fewer than K classes rank above the label."},
      {.names = "--confusion",
       .target = &o->confusion,
       .help = "Also print the confusion matrix: labels down, predictions across."},
      {.names = "--json",
       .target = &o->json,
       .help = "Print one JSON object.",
       .manual = "Its keys are event (eval), images, folded (true if the network ran folded, or has no batch "
                 "normalization), loss, "
                 "test_accuracy and seconds (of the evaluation alone). With --top-k above 1 it has top_k and "
                 "top_k_accuracy, with --confusion also confusion, an array of rows."}};
  add_data_options(command.options, o->data, false);
  add_model_options(command.options, o->model);
  add_context_options(command.options, o->context);
  return command;
}

} // namespace lanefold::trainer
