// lanefold eval: loss and accuracy of a checkpoint on the test images.
#include "../checkpoint.hpp"
#include "../inference.hpp"
#include "commands.hpp"
#include "options.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <cmath>
#include <memory>

namespace lanefold::trainer {
namespace {

struct Options {
  ContextOptions context;
  std::string model, data;
  bool folded = false, json = false;
};

int run(const Options &o) {
  const Context context = make_context(o.context);
  Network network = read_checkpoint(o.model);
  const Dataset data = load(o.data);
  check_fits(o.model, network, data);
  if (o.folded) network = fold(context, network);
  const Evaluation result = evaluate(context, network, data.test);
  if (!std::isfinite(result.loss)) throw CheckpointError(o.model + ": its loss on these images is not a number");
  if (o.json) {
    const nlohmann::ordered_json object = {{"event", "eval"},
                                           {"images", data.test.count()},
                                           {"folded", !network.description.batch_norm},
                                           {"loss", result.loss},
                                           {"test_accuracy", result.accuracy}};
    std::printf("%s\n", object.dump().c_str());
  } else {
    std::printf("%s on %lld test images of %s: accuracy %.2f%%, loss %.4f\n", o.model.c_str(),
                static_cast<long long>(data.test.count()), data.name.c_str(), 100 * result.accuracy, result.loss);
  }
  return 0;
}

} // namespace

void add_eval(CLI::App &app, Run &run_verb) {
  CLI::App *verb = app.add_subcommand("eval", "loss and accuracy of a checkpoint on the test images");
  const auto o = std::make_shared<Options>();
  verb->add_option("model", o->model, "checkpoint")->required();
  add_data_option(*verb, o->data);
  verb->add_flag("--folded", o->folded, "fold batch normalization into the weights first");
  verb->add_flag("--json", o->json, "one JSON object on standard output");
  add_context_options(*verb, o->context);
  verb->callback([=, &run_verb] { run_verb = [=] { return run(*o); }; });
}

} // namespace lanefold::trainer
