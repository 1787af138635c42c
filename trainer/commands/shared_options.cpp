// The options, and the context that they ask for.
#include "trainer/commands/shared_options.hpp"

#include "trainer/checkpoint/checkpoint.hpp"

#include <cstdio>

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

cli::Option model_argument(std::string &path) {
  return {.names = "model", .value = "FILE", .target = &path, .help = "The checkpoint.", .need = cli::Option::required};
}

void check_fits(const std::string &path, const Network &network, const Dataset &data) {
  if (network.features() != data.test.features())
    throw CheckpointError(path + ": is for " + std::to_string(network.features()) + " features, but the images of " +
                          data.name + " have " + std::to_string(data.test.rows) + " x " +
                          std::to_string(data.test.columns));
  if (network.outputs() != classes)
    throw CheckpointError(path + ": has " + std::to_string(network.outputs()) + " outputs, but " + data.name + " has " +
                          std::to_string(classes) + " classes");
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
