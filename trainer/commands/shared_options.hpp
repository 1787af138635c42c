// Options that several verbs share, and what they stand for.
#pragma once

#include "cli/command.hpp"
#include "trainer/checkpoint/checkpoint.hpp"
#include "trainer/data/load.hpp"

#include <lanefold/model.hpp>

#include <optional>
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

cli::Option data_option(std::string &path);

// Data of any kind.
struct DataWords {
  DataOptions options;
  std::string delimiter, missing = "refuse", task;
  int32_t header = 0; // a position in the list of words
  bool standardizes = false;
};
// trains: also the options that only a training has.
void add_data_options(std::vector<cli::Option> &to, DataWords &words, bool trains);
// What the words mean.  Throws cli::UsageError where options do not fit each other or the data.
DataOptions data_options(const DataWords &words, const cli::Command &given, const Context &context);

// Reads a table as one with this schema was read, unless options say otherwise.  Keeps a pointer to the schema.
void read_as_before(DataOptions &options, const Schema &schema, const cli::Command &given);

// A model in a file of any format.
struct ModelOptions {
  std::string path, network; // network: a JSON file that describes the network; "": the model's file does
  bool skips_foreign = false;
};
// The model comes first among the options.  is_optional: the verb also does something without one.
void add_model_options(std::vector<cli::Option> &to, ModelOptions &options, bool is_optional = false);
// Opens the file, and tells on standard error what was converted or skipped.  Throws CheckpointError.
Model open_model(const ModelOptions &options);

// Loads test samples for a model.  Throws UsageError without --data, unless the model was trained on the built-in
// digits.
Dataset load_test(const DataWords &words, const cli::Command &given, const Context &context, const ModelOptions &model,
                  int64_t outputs, const std::optional<DataDescription> &data, Need need);

// Throws cli::UsageError if the name of a safetensors file would say that it is ONNX.
void need_no_onnx(const std::string &path);

// Throws CheckpointError unless a network of this size takes the test samples, and has an output for each class (or one
// for two classes) or for each target.
void check_fits(const std::string &path, int64_t features, int64_t outputs, const Dataset &data);

// Throws std::runtime_error on all ranks if they do not have the same model.
void need_same_model(const std::string &path);

// A whole file of text.  Throws cli::UsageError.
std::string read_text(const std::string &path);

std::string version();      // of the library: "0.1.0"
std::string describe_cpu(); // "AMD EPYC: sse2 avx ..."

} // namespace lanefold::trainer
