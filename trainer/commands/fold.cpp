// lanefold fold: writes a checkpoint in which batch normalization is part of weights and biases.
#include "trainer/checkpoint/checkpoint.hpp"
#include "trainer/commands/commands.hpp"
#include "trainer/commands/shared_options.hpp"

#include <CLI/CLI.hpp>

#include <memory>

namespace lanefold::trainer {

void add_fold(CLI::App &app, Run &run_verb) {
  struct Options {
    ContextOptions context;
    std::string model, output;
  };
  CLI::App *verb = app.add_subcommand("fold", "fold batch normalization into the weights");
  const auto o = std::make_shared<Options>();
  verb->add_option("model", o->model, "checkpoint")->required();
  verb->add_option("-o,--output", o->output, "folded checkpoint to write")->required();
  add_context_options(*verb, o->context);
  verb->footer("Example:\n  lanefold fold model.safetensors -o folded.safetensors");
  verb->callback([=, &run_verb] {
    run_verb = [=] {
      const Context context = make_context(o->context);
      Network network = read_checkpoint(o->model).network;
      if (!network.description.batch_norm()) throw CheckpointError(o->model + ": has no batch normalization to fold");
      Network folded = fold(context, network);
      save(o->output, folded);
      std::printf("%s: %lld layers, batch normalization folded\n", o->output.c_str(),
                  static_cast<long long>(folded.layers.size()));
      return 0;
    };
  });
}

} // namespace lanefold::trainer
