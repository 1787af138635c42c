// Options that several verbs share, and what they stand for.
#pragma once

#include "cli/command.hpp"
#include "trainer/data/dataset.hpp"
#include "trainer/network/network.hpp"

#include <string>
#include <vector>

namespace lanefold::trainer {

struct ContextOptions {
  int32_t threads = 0;
  std::string isa;
};
void add_context_options(std::vector<cli::Option> &to, ContextOptions &options);
Context make_context(const ContextOptions &options);

// A message of the library in the words of a command's user: without the name of the C function, and with the option's
// name where the argument is that of an option.
std::string in_words_of_options(const std::string &message);

cli::Option data_option(std::string &folder);
cli::Option model_argument(std::string &path);

// Throws CheckpointError unless the network of that file takes the images of the data and knows their classes.
void check_fits(const std::string &path, const Network &network, const Dataset &data);

std::string version();      // of the library: "0.1.0"
std::string describe_cpu(); // "AMD EPYC: sse2 avx ..."

} // namespace lanefold::trainer
