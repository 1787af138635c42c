// lanefold fold: writes a checkpoint in which batch normalization is part of the weights and biases.
#include "trainer/checkpoint/checkpoint.hpp"
#include "trainer/commands/commands.hpp"
#include "trainer/commands/shared_options.hpp"

#include <cstdio>
#include <memory>

namespace lanefold::trainer {
namespace {

struct FoldOptions {
  ContextOptions context;
  ModelOptions model;
  std::string output;
};

int64_t normalizations(const Model &model) {
  int64_t count = 0;
  for (int64_t i = 0; i < model.info().layers; ++i) count += model.layer(i).batch_norm.has_value();
  return count;
}

int run_fold(const FoldOptions &o) {
  need_no_onnx(o.output);
  const Context context = make_context(o.context);
  const Model model = open_model(o.model);
  if (normalizations(model) == 0) throw CheckpointError(o.model.path + ": has no batch normalization to fold");
  save_model(model, o.output, {.format = LF_FORMAT_SAFETENSORS, .folds_on = context.get()});
  const Model folded = open_model(o.output);
  std::printf("%s: %lld layers, batch normalization folded\n", o.output.c_str(),
              static_cast<long long>(folded.info().layers));
  if (const int64_t left = normalizations(folded); left > 0)
    std::printf("%lld normalizations stay layers of their own: their weights would lose too many digits\n",
                static_cast<long long>(left));
  return 0;
}

} // namespace

cli::Command fold_command() {
  const auto o = std::make_shared<FoldOptions>();
  cli::Command command{.name = "fold",
                       .description = "Fold batch normalization into the weights.",
                       .examples = "Example:\n  lanefold fold model.safetensors -o folded.safetensors",
                       .run = [o](const cli::Command &) { return run_fold(*o); }};
  command.options = {{.names = "-o,--output",
                      .value = "FILE",
                      .target = &o->output,
                      .help = "The folded checkpoint to write.",
                      .need = cli::Option::required}};
  add_model_options(command.options, o->model);
  add_context_options(command.options, o->context);
  return command;
}

} // namespace lanefold::trainer
