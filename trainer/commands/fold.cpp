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
  std::string model, output;
};

int run_fold(const FoldOptions &o) {
  const Context context = make_context(o.context);
  Network network = read_checkpoint(o.model).network;
  if (!network.description.batch_norm()) throw CheckpointError(o.model + ": has no batch normalization to fold");
  Network folded = [&] {
    try {
      return fold(context, network);
    } catch (const Error &error) {
      throw CheckpointError(o.model + ": " + error.what());
    }
  }();
  save(o.output, folded);
  std::printf("%s: %lld layers, batch normalization folded\n", o.output.c_str(),
              static_cast<long long>(folded.layers.size()));
  return 0;
}

} // namespace

cli::Command fold_command() {
  const auto o = std::make_shared<FoldOptions>();
  cli::Command command{.name = "fold",
                       .description = "Fold batch normalization into the weights.",
                       .examples = "Example:\n  lanefold fold model.safetensors -o folded.safetensors",
                       .run = [o](const cli::Command &) { return run_fold(*o); }};
  command.options = {model_argument(o->model),
                     {.names = "-o,--output",
                      .value = "FILE",
                      .target = &o->output,
                      .help = "The folded checkpoint to write.",
                      .need = cli::Option::required}};
  add_context_options(command.options, o->context);
  return command;
}

} // namespace lanefold::trainer
