// The options, and the context that they ask for.
#include "trainer/commands/shared_options.hpp"

#include "trainer/checkpoint/checkpoint.hpp"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace lanefold::trainer {

void add_context_options(std::vector<cli::Option> &to, ContextOptions &options) {
  to.push_back({.names = "--threads",
                .value = "K",
                .target = &options.threads,
                .range = cli::whole(0, 4096),
                .help = "The number of threads. 0 means one for each CPU that the process may use.",
                .need = cli::Option::common});
  to.push_back({.names = "--isa",
                .value = "NAME",
                .target = &options.isa,
                .help = "The plugin to use, by a name that `lanefold info` lists.",
                .fallback = "$LANEFOLD_ISA, else the best usable one",
                .manual = "It is an error if this plugin cannot be used.",
                .need = cli::Option::common});
}

Context make_context(const ContextOptions &options) {
  auto o = args<lf_context_options>();
  o.threads = options.threads;
  o.isa = options.isa.c_str();
  // If a plugin is refused, calls go to a slower one.  The user should know.
  o.log = [](void *, int32_t level, const char *message) {
    if (level == LF_LOG_WARNING) std::fprintf(stderr, "lanefold: %s\n", message);
  };
  try {
    return Context(o);
  } catch (const Error &error) {
    throw Error(error.status, in_words_of_options(error.what()));
  }
}

std::string in_words_of_options(const std::string &message) {
  const size_t end = message.find(": ");
  if (!message.starts_with("lf_") || end == std::string::npos) return message;
  const std::string words = message.substr(end + 2);
  return words.starts_with("isa is ") || words.starts_with("threads is ") ? "--" + words : words;
}

cli::Option data_option(std::string &folder) {
  return {.names = "--data",
          .value = "FOLDER",
          .target = &folder,
          .help = "A folder with MNIST or Fashion-MNIST as published: IDX files, compressed with gzip or not.",
          .fallback = "$LANEFOLD_DATA, else the built-in digits",
          .manual = "See FILES.",
          .environment = "LANEFOLD_DATA",
          .need = cli::Option::common};
}

void add_model_options(std::vector<cli::Option> &to, ModelOptions &options, bool is_optional) {
  to.insert(to.begin(), {.names = "model",
                         .value = "FILE",
                         .target = &options.path,
                         .help = "The model: a checkpoint, an ONNX file, or a state_dict of PyTorch in safetensors.",
                         .need = is_optional ? cli::Option::optional : cli::Option::required});
  to.push_back({.names = "--network",
                .value = "FILE",
                .target = &options.network,
                .range = cli::not_empty(),
                .help = "A JSON file that describes the network, for a model that is a state_dict of PyTorch.",
                .manual = "See MODEL FILES."});
  to.push_back({.names = "--skip-foreign",
                .target = &options.skips_foreign,
                .help = "Skip tensors that the network does not use. Without it they are an error."});
}

Model open_model(const ModelOptions &options) {
  OpenOptions how;
  if (options.skips_foreign) how.flags = LF_SKIP_FOREIGN_TENSORS;
  if (!options.network.empty()) {
    how.network = read_text(options.network);
    how.format = LF_FORMAT_STATE_DICT;
  }
  Model model = open_model(options.path, how);
  const lf_model_info info = model.info();
  for (int64_t i = 0; i < info.note_count; ++i)
    std::fprintf(stderr, "lanefold: %s: %s\n", options.path.c_str(), info.notes[i]);
  return model;
}

void need_no_onnx(const std::string &path) {
  if (path.ends_with(".onnx"))
    throw cli::UsageError(path + ": would be a safetensors file; to write ONNX: lanefold export MODEL -o FILE.onnx");
}

void check_fits(const std::string &path, int64_t features, int64_t outputs, const Dataset &data) {
  if (features != data.test.features())
    throw CheckpointError(path + ": is for " + std::to_string(features) + " features, but the images of " + data.name +
                          " have " + std::to_string(data.test.rows) + " x " + std::to_string(data.test.columns));
  if (outputs != classes)
    throw CheckpointError(path + ": has " + std::to_string(outputs) + " outputs, but " + data.name + " has " +
                          std::to_string(classes) + " classes");
}

std::string read_text(const std::string &path) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) throw cli::UsageError(path + ": no such file");
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  if (!file) throw cli::UsageError(path + ": cannot be read");
  return text.str();
}

std::string version() {
  const int32_t v = lf_version();
  return std::to_string(v / 10000) + "." + std::to_string(v / 100 % 100) + "." + std::to_string(v % 100);
}

std::string describe_cpu() {
  uint64_t needed = 0;
  lf_describe_cpu(nullptr, 0, &needed);
  std::string text(needed, 0);
  lf_describe_cpu(text.data(), text.size(), nullptr);
  text.resize(text.find('\0'));
  return text;
}

} // namespace lanefold::trainer
