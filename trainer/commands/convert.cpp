// lanefold import and export: a model in one format becomes a file in another.
#include "trainer/checkpoint/checkpoint.hpp"
#include "trainer/commands/commands.hpp"
#include "trainer/commands/shared_options.hpp"

#include <cstdio>
#include <memory>

namespace lanefold::trainer {
namespace {

const std::vector<std::string> &format_words() { // in the order of LF_FORMAT_SAFETENSORS and so on
  static const std::vector<std::string> words = {"safetensors", "state-dict", "onnx"};
  return words;
}

struct ConvertOptions {
  ContextOptions context;
  ModelOptions model;
  std::string output, format;
  bool folded = false;
};

int run_convert(const ConvertOptions &o, int32_t format) {
  if (format == LF_FORMAT_SAFETENSORS || format == LF_FORMAT_STATE_DICT) need_no_onnx(o.output);
  const Model model = open_model(o.model);
  SaveOptions how{.format = format};
  std::optional<Context> context;
  if (o.folded) how.folds_on = context.emplace(make_context(o.context)).get();
  save_model(model, o.output, how);
  const lf_model_info info = model.info();
  std::printf("%s: %lld features, %lld outputs\n", o.output.c_str(), static_cast<long long>(info.features),
              static_cast<long long>(info.outputs));
  if (format == LF_FORMAT_STATE_DICT)
    std::printf(
        "PyTorch reads tensors alone: eps, momentum, activations and names are in the metadata, under network\n");
  return 0;
}

cli::Option output_option(std::string &path, const char *help) {
  return {.names = "-o,--output", .value = "FILE", .target = &path, .help = help, .need = cli::Option::required};
}

} // namespace

cli::Command import_command() {
  const auto o = std::make_shared<ConvertOptions>();
  cli::Command command{.name = "import",
                       .description = "Convert an ONNX file or a state_dict of PyTorch to a checkpoint.",
                       .examples = "Examples:\n"
                                   "  lanefold import model.onnx -o model.safetensors\n"
                                   "  lanefold import weights.safetensors --network net.json -o model.safetensors",
                       .run = [o](const cli::Command &) { return run_convert(*o, LF_FORMAT_SAFETENSORS); }};
  command.options = {output_option(o->output, "The checkpoint to write.")};
  add_model_options(command.options, o->model);
  return command;
}

cli::Command export_command() {
  const auto o = std::make_shared<ConvertOptions>();
  cli::Command command{.name = "export",
                       .description = "Write a model for other programs: as ONNX, or as a state_dict of PyTorch.",
                       .examples = "Examples:\n"
                                   "  lanefold export model.safetensors -o model.onnx --folded\n"
                                   "  lanefold export model.safetensors --format state-dict -o weights.safetensors",
                       .run = [o](const cli::Command &) {
                         int32_t format = LF_FORMAT_GUESSED;
                         for (size_t i = 0; i < format_words().size(); ++i)
                           if (o->format == format_words()[i]) format = static_cast<int32_t>(i) + LF_FORMAT_SAFETENSORS;
                         return run_convert(*o, format);
                       }};
  command.options = {output_option(o->output, "The file to write."),
                     {.names = "--format",
                      .value = "WORD",
                      .target = &o->format,
                      .range = cli::one_of(format_words()),
                      .help = "The format of the file.",
                      .fallback = "onnx for a name that ends in .onnx, safetensors for .safetensors"},
                     {.names = "--folded",
                      .target = &o->folded,
                      .help = "First fold batch normalization and input normalization into the weights."}};
  add_model_options(command.options, o->model);
  add_context_options(command.options, o->context);
  return command;
}

} // namespace lanefold::trainer
