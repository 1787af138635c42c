// Options that several verbs share, and what they stand for.
#pragma once

#include "trainer/data/dataset.hpp"
#include "trainer/network/network.hpp"

#include <stdexcept>
#include <string>

namespace CLI {
class App;
class Validator;
} // namespace CLI

namespace lanefold::trainer {

// Options that do not fit each other, or the data.
class UsageError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct ContextOptions {
  int threads = 0;
  std::string isa;
};
void add_context_options(CLI::App &app, ContextOptions &options);
Context make_context(const ContextOptions &options);

void add_data_option(CLI::App &app, std::string &folder);

// A finite number from low to high, both included; above_low: low itself excluded.
CLI::Validator number_between(double low, double high, bool above_low = false);
CLI::Validator not_empty();
// One of the words; an unknown one is answered with the nearest.
CLI::Validator one_of(const std::vector<std::string> &words);
CLI::Validator whole_number_between(int64_t low, int64_t high);

// Throws CheckpointError unless the network of that file takes images of the data and knows their classes.
void check_fits(const std::string &path, const Network &network, const Dataset &data);

std::string version(); // of the library, "0.1.0"

// "AMD EPYC: sse2 avx ...".
std::string describe_cpu();

} // namespace lanefold::trainer
