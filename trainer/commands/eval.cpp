// lanefold eval: loss and accuracy of a model on the test samples.
#include "trainer/checkpoint/checkpoint.hpp"
#include "trainer/commands/commands.hpp"
#include "trainer/commands/shared_options.hpp"
#include "trainer/distributed/job.hpp"
#include "trainer/network/inference.hpp"
#include "trainer/training/golden.hpp"

#include <algorithm>
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

// The number of characters of UTF-8 text.
size_t length_of(const std::string &text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

// A text at the right of a column, which is cut if it does not fit.
std::string aligned(std::string text, size_t width) {
  if (length_of(text) > width) {
    while (length_of(text) >= width) text.pop_back();
    while (!text.empty() && (text.back() & 0xc0) == 0xc0) text.pop_back(); // a character without its end
    text += '~';
  }
  return std::string(width - length_of(text), ' ') + text;
}

// Labels down, predictions across.
void print_confusion(const std::vector<int64_t> &confusion, const std::vector<std::string> &classes) {
  constexpr size_t most = 16; // characters of a name
  size_t width = 5;
  for (const std::string &name : classes) width = std::max(width, std::min(length_of(name), most));
  const size_t across = std::max<size_t>(width, 6);
  std::string text = "\nlabel" + std::string(width - 5, ' ') + "  predicted as\n" + std::string(width + 1, ' ');
  for (const std::string &name : classes) text += " " + aligned(name, across);
  for (size_t i = 0; i < classes.size(); ++i) {
    text += "\n" + aligned(classes[i], width) + " ";
    for (size_t j = 0; j < classes.size(); ++j)
      text += " " + aligned(std::to_string(confusion[i * classes.size() + j]), across);
  }
  std::printf("%s\n", text.c_str());
}

cli::Json rows(const std::vector<int64_t> &confusion, int64_t outputs) {
  cli::Json rows = cli::Json::array();
  for (auto row = confusion.begin(); row != confusion.end(); row += outputs)
    rows.push_back(std::vector<int64_t>(row, row + outputs));
  return rows;
}

// The names of the classes, or their numbers.
std::vector<std::string> classes_of(const Dataset &data, const std::optional<DataDescription> &trained_on,
                                    int64_t outputs) {
  const Schema &schema = trained_on ? trained_on->schema : data.schema;
  const int64_t classes = std::max<int64_t>(outputs, 2);
  return static_cast<int64_t>(schema.classes.size()) == classes ? schema.classes : numbered_classes(classes);
}

cli::Json describe(const EvalOptions &o, const Dataset &data, const Evaluation &result) {
  if (data.schema.is_regression()) {
    cli::Json object = {{"loss", result.loss},
                        {"test_r2", result.r2},
                        {"root_mean_square_error", result.root_mean_square_error},
                        {"mean_absolute_error", result.mean_absolute_error}};
    if (data.schema.targets.size() > 1) object["r2_of_targets"] = result.r2_of_targets;
    return object;
  }
  cli::Json object = {{"loss", result.loss}, {"test_accuracy", result.accuracy}};
  if (o.top_k > 1) object["top_k"] = o.top_k, object["top_k_accuracy"] = result.top_k_accuracy;
  return object;
}

void print_result(const EvalOptions &o, const Dataset &data, const Evaluation &result, double seconds) {
  std::printf("%s on %lld %s of %s: ", o.model.path.c_str(), static_cast<long long>(data.test.count()),
              data.test.numbers ? "rows" : "test images", data.name.c_str());
  if (!data.schema.is_regression()) {
    std::printf("accuracy %.2f%%, loss %.4f, in %.3f s\n", 100 * result.accuracy, result.loss, seconds);
    if (o.top_k > 1)
      std::printf("top-%lld accuracy: the label is among the %lld best: %.2f%%\n", static_cast<long long>(o.top_k),
                  static_cast<long long>(o.top_k), 100 * result.top_k_accuracy);
    return;
  }
  std::printf("R2 %.4f, loss %.4f, in %.3f s\nroot-mean-square error %.6g, mean absolute error %.6g\n", result.r2,
              result.loss, seconds, result.root_mean_square_error, result.mean_absolute_error);
  const std::vector<Target> &targets = data.schema.targets;
  for (size_t j = 0; targets.size() > 1 && j < targets.size(); ++j)
    std::printf("R2 of %s: %.4f\n", targets[j].name.c_str(), result.r2_of_targets[j]);
}

// Evaluates the network as the file has it, or folded.  A Network has products only, so any other model runs folded.
struct Evaluated {
  Evaluation result;
  bool is_folded;
};
Evaluated evaluate(const EvalOptions &o, const Context &context, const Model &model, const Dataset &data) {
  const lf_model_info info = model.info();
  std::optional<Network> network;
  if (!o.folded && is_trainable(model)) network = network_of(model);
  Inference inference =
      network ? Inference(context, *network)
              : Inference(context, model.make_network(context.get(), LF_LOGITS), info.features, info.outputs);
  return {data.schema.is_regression() ? evaluate_regression(context, inference, data.test, data.schema, job())
                                      : evaluate(context, inference, data.test, o.top_k, job()),
          !network || !network->description.batch_norm()};
}

void check_options(const EvalOptions &o, const Dataset &data, const Model &model) {
  const lf_model_info info = model.info();
  check_fits(o.model.path, info.features, info.outputs, data);
  if (data.schema.is_regression()) {
    if (o.top_k > 1 || o.confusion)
      throw cli::UsageError(std::string(o.confusion ? "--confusion" : "--top-k") + ": applies to classification, but " +
                            o.model.path + " is a model for regression");
    return;
  }
  if (o.top_k > std::max<int64_t>(info.outputs, 2))
    throw cli::UsageError("--top-k: " + std::to_string(o.top_k) + " is out of range; expected 1 to " +
                          std::to_string(std::max<int64_t>(info.outputs, 2)) + ", the number of classes of " +
                          o.model.path);
  if (info.outputs == 1 && !has_logit(model))
    throw CheckpointError(
        o.model.path +
        ": has one output, and its last activation is not identity; eval needs a logit to compute the loss");
}

int run_eval(const EvalOptions &o, const cli::Command &given) {
  const Context context = make_context(o.context);
  const Model model = open_model(o.model);
  const std::optional<DataDescription> trained_on = data_of(model, o.model.path);
  const Dataset data = load_test(o.data, given, context, o.model, model.info().outputs, trained_on, Need::labels);
  check_options(o, data, model);
  need_same_model(o.model.path);
  if (job().count() > 1) need_same(job(), "data", sha256(data.test));
  const auto start = std::chrono::steady_clock::now();
  const auto [result, is_folded] = evaluate(o, context, model, data);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (!std::isfinite(result.loss)) throw CheckpointError(o.model.path + ": its loss on these images is not finite");
  if (o.json) {
    cli::Json object = {
        {"event", "eval"}, {data.test.numbers ? "rows" : "images", data.test.count()}, {"folded", is_folded}};
    const cli::Json figures = describe(o, data, result);
    for (const auto &[key, value] : figures.members()) object[key] = value;
    object["seconds"] = seconds;
    if (o.confusion) object["confusion"] = rows(result.confusion, std::max<int64_t>(model.info().outputs, 2));
    std::printf("%s\n", object.dump().c_str());
    return 0;
  }
  print_result(o, data, result, seconds);
  if (o.confusion) print_confusion(result.confusion, classes_of(data, trained_on, model.info().outputs));
  return 0;
}

} // namespace

cli::Command eval_command() {
  const auto o = std::make_shared<EvalOptions>();
  cli::Command command{.name = "eval",
                       .description = "Print loss and accuracy, or R2, of a model on the test samples.",
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
                 "top_k_accuracy, with --confusion also confusion, an array of rows. A regression has test_r2, "
                 "root_mean_square_error and mean_absolute_error (in the units of the targets) in place of "
                 "test_accuracy and, with several targets, r2_of_targets."}};
  add_data_options(command.options, o->data, false);
  add_model_options(command.options, o->model);
  add_context_options(command.options, o->context);
  return command;
}

} // namespace lanefold::trainer
