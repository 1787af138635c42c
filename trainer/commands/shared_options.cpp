// Shared options.
#include "trainer/commands/shared_options.hpp"

#include "trainer/checkpoint/checkpoint.hpp"
#include "cli/words.hpp"

#include <CLI/CLI.hpp>

#include <charconv>
#include <cmath>

namespace lanefold::trainer {

CLI::Validator number_between(double low, double high, bool above_low) {
  char range[80];
  std::snprintf(range, sizeof range, "%s%g..%g", above_low ? ">" : "", low, high);
  return CLI::Validator(
      [=, text = std::string(range)](std::string &given) -> std::string {
        char *end = nullptr;
        const double value = static_cast<float>(std::strtod(given.c_str(), &end)); // as it will be used
        const bool number = !given.empty() && *end == 0 && std::isfinite(value);
        if (number && value >= low && value <= high && !(above_low && value == low)) return {};
        return given + " is not a number in " + text;
      },
      range);
}

CLI::Validator not_empty() {
  return CLI::Validator([](std::string &given) { return given.empty() ? "must not be empty" : std::string(); }, "");
}

CLI::Validator one_of(const std::vector<std::string> &words) {
  std::string all;
  for (const std::string &word : words) all += (all.empty() ? "" : "|") + word;
  return CLI::Validator(
      [=](std::string &given) { return cli::code_of(words, given) >= 0 ? std::string() : cli::unknown_word(given, words); }, all);
}

CLI::Validator whole_number_between(int64_t low, int64_t high) {
  const std::string range = std::to_string(low) + ".." + std::to_string(high);
  return CLI::Validator(
      [=](std::string &given) -> std::string {
        int64_t value = 0;
        const auto [end, error] = std::from_chars(given.data(), given.data() + given.size(), value);
        const bool number = error == std::errc() && end == given.data() + given.size();
        return number && value >= low && value <= high ? std::string() : given + " is not a whole number in " + range;
      },
      range);
}

void add_context_options(CLI::App &app, ContextOptions &options) {
  app.add_option("--threads", options.threads, "threads; 0: as many as there are CPUs")
      ->check(whole_number_between(0, 4096));
  app.add_option("--isa", options.isa,
                 "plugin to use: a name that `lanefold info` lists; default: the best usable one");
}

Context make_context(const ContextOptions &options) {
  auto o = args<lf_context_options>();
  o.threads = options.threads;
  o.isa = options.isa.c_str();
  // A plugin that is refused is a surprise: calls fall to a slower one.
  o.log = [](void *, int32_t level, const char *message) {
    if (level == LF_LOG_WARNING) std::fprintf(stderr, "lanefold: %s\n", message);
  };
  return Context(o);
}

void add_data_option(CLI::App &app, std::string &folder) {
  app.add_option("--data", folder,
                 "folder with MNIST or Fashion-MNIST as published (IDX files, gzip-compressed or not); "
                 "default: $LANEFOLD_DATA, else built-in digits")
      ->envname("LANEFOLD_DATA");
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
