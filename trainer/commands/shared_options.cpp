// The options, and the context that they ask for.
#include "trainer/commands/shared_options.hpp"

#include "trainer/data/digest.hpp"
#include "trainer/distributed/job.hpp"

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
  const int share = threads_of_rank();
  o.threads = options.threads > 0 ? options.threads : share;
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

cli::Option data_option(std::string &path) {
  return {.names = "--data",
          .value = "PATH",
          .target = &path,
          .help = "A folder with MNIST or a similar data set (IDX files), a table (CSV or .npy), an archive of arrays "
                  "(.npz), or digits.",
          .fallback = "$LANEFOLD_DATA, else the built-in digits",
          .manual =
              "See FILES. study, demo and verify take only a folder of images, or digits. eval and predict use the "
              "built-in digits only for "
              "models that were trained on them.",
          .environment = "LANEFOLD_DATA",
          .need = cli::Option::common};
}

namespace {

const std::vector<std::string> header_words = {"guess", "on", "off"}, missing_words = {"refuse", "mean"};

// A character, or a word for one.
char delimiter_of(const std::string &word) {
  if (word == "tab" || word == "\\t") return '\t';
  if (word == "space") return ' ';
  if (word.size() == 1 && word != "\"" && word != "\n" && word != "\r") return word[0];
  throw cli::UsageError("--delimiter: \"" + word + "\" is not valid; expected one character, tab or space");
}

void add_training_data_options(std::vector<cli::Option> &to, DataWords &words) {
  DataOptions &o = words.options;
  to.push_back({.names = "--test",
                .value = "FILE",
                .target = &o.test,
                .range = cli::not_empty(),
                .help = "A table with the test rows.",
                .fallback = "rows of --data, see --validation",
                .excludes = "--validation"});
  to.push_back({.names = "--validation",
                .value = "X",
                .target = &o.validation,
                .range = cli::above(0, 0.9),
                .help = "The share of the training samples that the seed draws as test samples.",
                .manual = "Data then lose their own test samples. Without this option, they keep them."});
  to.push_back({.names = "--task",
                .value = "WORD",
                .target = &words.task,
                .range = cli::one_of(task_names()),
                .help = "Whether the targets are classes, or numbers.",
                .fallback = "guessed from the targets",
                .manual =
                    "train prints its guess. One target with words means classification. So does one target with few "
                    "different whole numbers: at most 20, or the square root of the number of rows if that is more. "
                    "Numbers that count from 0 without a gap may be more. Each must stand in two rows on average. "
                    "Everything else means regression."});
  to.push_back({.names = "--target",
                .value = "COLUMN",
                .target = &o.targets,
                .range = cli::not_empty(),
                .help = "The column of a table that is to be predicted: its name, or its number from 1.",
                .fallback = "the last column",
                .manual =
                    "-1 is the last column. Classes are words or whole numbers. For a regression the option may be "
                    "repeated: each column is a target.",
                .repeated = cli::Option::all});
  to.push_back({.names = "--category",
                .value = "COLUMN",
                .target = &o.csv.categories,
                .help = "Columns whose values are words, even where they look like numbers.",
                .manual = "Each word becomes a feature that is 0 or 1, in alphabetical order. A column whose first "
                          "value is not a number always holds words.",
                .repeated = cli::Option::commas});
  to.push_back(
      {.names = "--missing",
       .value = "WORD",
       .target = &words.missing,
       .range = cli::one_of(missing_words),
       .help =
           "What to do with missing values: refuse them, or replace them by the column's mean over the training rows.",
       .manual = "A value is missing if it is empty or NA, N/A, NaN, null, None or ?. In a column of words, "
                 "only an empty one is. The means are kept in the model."});
  to.push_back({.names = "--standardize",
                .target = &words.standardizes,
                .help = "Subtract the mean of each feature, and divide by its standard deviation.",
                .manual = "Both are those of the training samples, and are kept in the model, which therefore takes "
                          "rows as they are."});
  to.push_back({.names = "--ignore",
                .value = "COLUMN",
                .target = &o.csv.ignored,
                .help = "Columns of a table to leave out.",
                .repeated = cli::Option::commas});
}

} // namespace

void add_data_options(std::vector<cli::Option> &to, DataWords &words, bool trains) {
  DataOptions &o = words.options;
  to.push_back(data_option(o.path));
  if (trains) add_training_data_options(to, words);
  to.push_back({.names = "--target-file",
                .value = "FILE",
                .target = &o.target_file,
                .range = cli::not_empty(),
                .help = "A table that holds the targets of the rows of --data.",
                .fallback = "they are columns of --data",
                .manual =
                    "All its columns are targets, unless --target names some of them. Its delimiter and header are "
                    "guessed. A .npy file may be a vector."});
  to.push_back({.names = "--delimiter",
                .value = "CHAR",
                .target = &words.delimiter,
                .range = cli::not_empty(),
                .help = "What stands between the values of a CSV file: a character, tab or space.",
                .fallback = "guessed from the first row"});
  to.push_back({.names = "--header",
                .value = "WORD",
                .target = &words.header,
                .range = cli::one_of(header_words),
                .help = "Whether the first row of a CSV file has the names of the columns.",
                .manual = "guess: it has them if none of its values is a number."});
  to.push_back({.names = "--skip-lines",
                .value = "K",
                .target = &o.csv.skip_lines,
                .range = cli::whole(0, 1000000000),
                .help = "The number of lines to skip before the table of a CSV file."});
}

DataOptions data_options(const DataWords &words, const cli::Command &given, const Context &context) {
  DataOptions o = words.options;
  const DataKind kind = kind_of(o.path);
  for (const char *name : {"--test", "--target", "--target-file", "--category", "--missing", "--ignore", "--delimiter",
                           "--header", "--skip-lines"})
    if (kind != DataKind::table && given.given(name))
      throw cli::UsageError(std::string(name) + ": is for tables, but " +
                            (kind == DataKind::digits    ? std::string("the data are the built-in digits")
                             : kind == DataKind::archive ? o.path + " is an archive of arrays"
                             : kind == DataKind::images  ? o.path + " is an IDX file"
                                                         : o.path + " is a folder"));
  for (const char *name : {"--category", "--delimiter", "--header", "--skip-lines"})
    if (o.path.ends_with(".npy") && given.given(name))
      throw cli::UsageError(std::string(name) + ": is for CSV files, but " + o.path + " is a matrix");
  if (!words.delimiter.empty()) o.csv.delimiter = delimiter_of(words.delimiter);
  o.csv.header = static_cast<Header>(words.header);
  o.fills_missing = words.missing == "mean";
  o.redraws_test = given.given("--validation");
  if (!words.task.empty()) o.task = words.task == task_names()[0] ? Task::classification : Task::regression;
  if (o.task == Task::regression && (kind == DataKind::digits || kind == DataKind::folder))
    throw cli::UsageError("--task: regression is for tables and arrays, but the labels of images are classes");
  if (!o.target_file.empty() && !o.test.empty())
    throw cli::UsageError("--target-file: does not go with --test, whose rows would have no targets; see --validation");
  o.csv.threads = context.threads();
  return o;
}

void read_as_before(DataOptions &options, const Schema &schema, const cli::Command &given) {
  for (const char *name : {"--target", "--category", "--ignore", "--missing", "--task"})
    if (given.given(name)) return;
  options.csv.schema = &schema, options.task = schema.task, options.fills_missing = !schema.means.empty();
  if (!options.target_file.empty()) return; // its columns follow from the schema
  for (const Target &target : schema.targets)
    options.targets.push_back(schema.has_header ? target.name : std::to_string(target.position + 1));
}

Dataset load_test(const DataWords &words, const cli::Command &given, const Context &context, const ModelOptions &model,
                  int64_t outputs, const std::optional<DataDescription> &data, Need need) {
  DataOptions o = data_options(words, given, context);
  if (o.path.empty() && (!data || data->name != digits_name))
    throw cli::UsageError(model.path + (data ? ": was trained on " + data->name + "; name the data with --data"
                                             : ": does not say what it was trained on; name the data with --data, or "
                                               "--data digits for the built-in digits"));
  if (!data && outputs > 1) o.task = Task::classification;
  Dataset loaded = load_test(o, data ? &data->schema : nullptr, need);
  if (data && need == Need::labels && loaded.schema.task != data->schema.task)
    throw cli::UsageError(model.path + ": predicts " + (data->schema.is_regression() ? "numbers" : "classes") +
                          ", but the labels of " + loaded.name + " are " +
                          (data->schema.is_regression() ? "classes" : "numbers"));
  return loaded;
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
    throw CheckpointError(path + ": is for " + std::to_string(features) + " features, but the " +
                          (data.test.numbers ? "rows" : "images") + " of " + data.name + " have " +
                          (data.test.rows > 1 ? std::to_string(data.test.rows) + " x " : "") +
                          std::to_string(data.test.columns));
  const Schema &schema = data.schema;
  if (schema.is_regression() && outputs != schema.outputs())
    throw CheckpointError(path + ": has " + counted(outputs, "output") + ", but " + data.name + " has " +
                          counted(schema.outputs(), "target"));
  if (outputs < schema.outputs())
    throw CheckpointError(path + ": has " + std::to_string(outputs) + " outputs, but " + data.name + " has " +
                          std::to_string(data.classes()) + " classes");
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

void need_same_model(const std::string &path) {
  if (job().count() == 1) return;
  Sha256 hash;
  const std::string file = read_text(path);
  hash.add(file.data(), file.size());
  need_same(job(), "model", hash.hex());
}

} // namespace lanefold::trainer
