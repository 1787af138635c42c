// lanefold predict: what a model predicts for each row of a file, or for the test samples.
#include "cli/atomic_file.hpp"
#include "trainer/checkpoint/checkpoint.hpp"
#include "trainer/commands/commands.hpp"
#include "trainer/commands/shared_options.hpp"
#include "trainer/data/digest.hpp"
#include "trainer/data/npy.hpp"
#include "trainer/distributed/job.hpp"
#include "trainer/network/inference.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <numeric>
#include <optional>
#include <system_error>

namespace lanefold::trainer {
namespace {

const std::vector<std::string> format_words = {"table", "csv", "npy"};
enum Format { table, csv, npy };

struct PredictOptions {
  ContextOptions context;
  ModelOptions model;
  DataWords data;
  std::string rows, output;
  int64_t first = 0, count = 10, top_k = 0;
  int32_t format = table;
  bool probabilities = false, logits = false, json = false;
};

// What the outputs of one row mean.
class Meaning {
public:
  Meaning(const Model &model, const std::optional<DataDescription> &data) : outputs_(model.info().outputs) {
    const lf_model_info info = model.info();
    if (data && data->schema.is_regression()) {
      for (const Target &target : data->schema.targets) values_.push_back(target.name);
      return; // data_of() has seen to it that there is one for each output
    }
    for (int64_t i = 0; i < info.classes; ++i) names_.emplace_back(info.class_names[i]);
    if (names_.empty() && data && data->schema.has_names()) names_ = data->schema.classes;
    const int64_t known = data && info.classes == 0 ? static_cast<int64_t>(data->schema.classes.size()) : info.classes;
    classes_ = outputs_ > 1 ? outputs_ : known;
    is_logit_ = outputs_ == 1 && classes_ == 2 && has_logit(model);
  }

  int64_t outputs() const { return outputs_; }
  int64_t classes() const { return classes_; } // 0: the outputs do not stand for classes
  // The output of two classes is the logit, or the probability, of the second one.
  bool is_logit() const { return is_logit_; }
  bool is_probability() const { return outputs_ == 1 && !is_logit_; }
  bool has_names() const { return !names_.empty(); }
  bool is_regression() const { return !values_.empty(); }
  // The name of a value of a regression.
  std::string value_name(int64_t of) const {
    const auto index = static_cast<size_t>(of);
    return index < values_.size() ? values_[index] : "value_" + std::to_string(of);
  }
  // What a logit belongs to.
  std::string logit_name(int64_t of) const { return name(is_logit_ ? 1 : of); }
  std::string name(int64_t of) const {
    const auto index = static_cast<size_t>(of);
    return index < names_.size() ? names_[index] : std::to_string(of);
  }
  // The class, from 0; -1 if all outputs are NaN, or if the outputs do not stand for classes.
  int32_t predicted(const float *y) const {
    if (is_regression()) return -1;
    if (outputs_ > 1) return largest(y, outputs_);
    if (classes_ != 2 || std::isnan(y[0])) return -1;
    return y[0] > (is_logit_ ? 0 : 0.5f) ? 1 : 0;
  }

private:
  int64_t outputs_, classes_ = 0;
  bool is_logit_ = false;
  std::vector<std::string> names_, values_;
};

// The probabilities of the classes, from the outputs of a row.
class Probabilities {
public:
  // output: LF_OUTPUT_SOFTMAX, for example: what the outputs are.
  Probabilities(const Context &context, const Meaning &meaning, int32_t output)
      : context_(context), meaning_(meaning), output_(output) {}

  std::vector<float> of(const float *y) const {
    const int64_t n = meaning_.outputs();
    if (meaning_.classes() == 0) return {};
    if (meaning_.is_probability()) return {1 - y[0], y[0]};
    if (meaning_.is_logit()) {
      std::vector<float> made = {-y[0], y[0]};
      context_.activation_forward({LF_LOGISTIC}, {made.data(), 1, 2}, {made.data(), 1, 2});
      return made;
    }
    std::vector<float> made(y, y + n);
    if (output_ == LF_OUTPUT_VALUES) context_.softmax({y, 1, n}, {made.data(), 1, n});
    if (output_ == LF_OUTPUT_LOG_SOFTMAX)
      for (float &value : made) value = std::exp(value);
    return made;
  }

private:
  const Context &context_;
  const Meaning &meaning_;
  const int32_t output_;
};

// One row or image, and what the model says of it.
struct Prediction {
  int64_t index;
  const float *y;
  int32_t label;        // -1: unknown
  const float *targets; // of a regression; NULL: unknown
  std::vector<float> probabilities;
  int32_t predicted;
};

// A value of a CSV file, in quotes if it needs them.
std::string in_csv(const std::string &text) {
  if (text.find_first_of(",\"\n\r") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + '"';
}

std::string number_text(float value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.9g", static_cast<double>(value));
  return text;
}

// Writes predictions in one format.  Output to a file is kept until all is well.
class Writer {
public:
  Writer(const PredictOptions &options, const Meaning &meaning, bool has_labels, int64_t rows)
      : o_(options), m_(meaning), has_labels_(has_labels) {
    if (o_.json) return;
    if (o_.format == csv) write_csv_head();
    if (o_.format == npy) write_npy_head(rows);
  }

  void write(const Prediction &p) {
    if (o_.json) write_json(p);
    else if (o_.format == csv) write_csv(p);
    else if (o_.format == npy) write_npy(p);
    else write_line(p);
    if (o_.output.empty()) flush();
  }

  void finish() {
    if (o_.output.empty()) return;
    try {
      cli::replace_file(o_.output, {text_});
    } catch (const std::system_error &problem) {
      throw std::runtime_error(o_.output + ": cannot be written: " + problem.code().message());
    }
  }

private:
  void flush() {
    if (std::fwrite(text_.data(), 1, text_.size(), stdout) != text_.size())
      throw std::runtime_error(std::string("the output cannot be written: ") + std::strerror(errno));
    text_.clear();
  }

  // The classes that rank highest, the best first.
  std::vector<int32_t> best(const Prediction &p) const {
    std::vector<int32_t> order(static_cast<size_t>(m_.classes()));
    std::iota(order.begin(), order.end(), 0);
    const auto rank = [&](int32_t c) {
      return std::isnan(p.probabilities[static_cast<size_t>(c)]) ? -1.0f : p.probabilities[static_cast<size_t>(c)];
    };
    std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) { return rank(a) > rank(b); });
    order.resize(std::min(order.size(), static_cast<size_t>(o_.top_k)));
    return order;
  }

  void write_line(const Prediction &p) {
    char index[32];
    std::snprintf(index, sizeof index, "%6lld ", static_cast<long long>(p.index));
    text_ += index;
    if (p.predicted >= 0) text_ += " " + m_.name(p.predicted);
    else if (m_.classes() > 0) text_ += " no class: all outputs are NaN";
    else
      for (int64_t j = 0; j < m_.outputs(); ++j) text_ += " " + number_text(p.y[j]);
    if (p.label >= 0 && p.label != p.predicted) text_ += "  (is " + m_.name(p.label) + ")";
    if (p.targets != nullptr) {
      text_ += "  (is";
      for (int64_t j = 0; j < m_.outputs(); ++j) text_ += " " + number_text(p.targets[j]);
      text_ += ")";
    }
    if (o_.top_k > 0)
      for (const int32_t c : best(p))
        text_ += "  " + m_.name(c) + " " + rounded(p.probabilities[static_cast<size_t>(c)]);
    if (o_.probabilities)
      for (const float value : p.probabilities) text_ += "  " + rounded(value);
    if (o_.logits)
      for (int64_t j = 0; j < m_.outputs(); ++j) text_ += "  " + number_text(p.y[j]);
    text_ += "\n";
  }

  static std::string rounded(float value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.4f", static_cast<double>(value));
    return text;
  }

  void write_csv_head() {
    text_ = "index";
    if (m_.classes() > 0) text_ += ",class";
    else
      for (int64_t j = 0; j < m_.outputs(); ++j) text_ += "," + in_csv(m_.value_name(j));
    if (has_labels_ && m_.classes() > 0) text_ += ",label";
    else if (has_labels_)
      for (int64_t j = 0; j < m_.outputs(); ++j) text_ += "," + in_csv("true_" + m_.value_name(j));
    for (int64_t k = 1; k <= std::min(o_.top_k, m_.classes()); ++k)
      text_ += ",top_" + std::to_string(k) + ",probability_" + std::to_string(k);
    if (o_.probabilities)
      for (int64_t c = 0; c < m_.classes(); ++c) text_ += "," + in_csv("p_" + m_.name(c));
    if (o_.logits)
      for (int64_t c = 0; c < m_.outputs(); ++c) text_ += "," + in_csv("logit_" + m_.logit_name(c));
    text_ += "\n";
  }

  void write_csv(const Prediction &p) {
    text_ += std::to_string(p.index);
    if (m_.classes() > 0) text_ += "," + (p.predicted < 0 ? "" : in_csv(m_.name(p.predicted)));
    else
      for (int64_t j = 0; j < m_.outputs(); ++j) text_ += "," + number_text(p.y[j]);
    if (has_labels_ && m_.classes() > 0) text_ += "," + (p.label < 0 ? "" : in_csv(m_.name(p.label)));
    else if (has_labels_)
      for (int64_t j = 0; j < m_.outputs(); ++j)
        text_ += "," + (p.targets && !std::isnan(p.targets[j]) ? number_text(p.targets[j]) : "");
    if (o_.top_k > 0)
      for (const int32_t c : best(p))
        text_ += "," + in_csv(m_.name(c)) + "," + number_text(p.probabilities[static_cast<size_t>(c)]);
    if (o_.probabilities)
      for (const float value : p.probabilities) text_ += "," + number_text(value);
    if (o_.logits)
      for (int64_t j = 0; j < m_.outputs(); ++j) text_ += "," + number_text(p.y[j]);
    text_ += "\n";
  }

  void write_json(const Prediction &p) {
    const auto numbers = [](const float *values, int64_t count) {
      cli::Json array = cli::Json::array();
      for (int64_t j = 0; j < count; ++j) array.push_back(cli::shortest(values[j]));
      return array;
    };
    cli::Json object = {{"index", p.index}};
    if (m_.classes() > 0) object["predicted"] = p.predicted < 0 ? cli::Json() : cli::Json(p.predicted);
    if (m_.has_names() && p.predicted >= 0) object["class"] = m_.name(p.predicted);
    if (p.label >= 0) object["label"] = p.label;
    const auto named = [&](const float *values) {
      cli::Json object = cli::Json::object();
      for (int64_t j = 0; j < m_.outputs(); ++j)
        object[m_.value_name(j)] = std::isnan(values[j]) ? cli::Json() : cli::Json(cli::shortest(values[j]));
      return object;
    };
    if (m_.is_regression()) object["values"] = named(p.y);
    if (p.targets != nullptr) object["targets"] = named(p.targets);
    if (o_.top_k > 0) {
      object["top_k"] = cli::Json::array();
      for (const int32_t c : best(p))
        object["top_k"].push_back({{"class", m_.has_names() ? cli::Json(m_.name(c)) : cli::Json(c)},
                                   {"probability", cli::shortest(p.probabilities[static_cast<size_t>(c)])}});
    }
    if (o_.probabilities) object["probabilities"] = numbers(p.probabilities.data(), m_.classes());
    object["outputs"] = numbers(p.y, m_.outputs());
    text_ += object.dump() + "\n";
  }

  // Version 1 of the format: a magic number, the length of the header, and the header, padded to 64 bytes.
  void write_npy_head(int64_t rows) {
    const bool floats = m_.classes() == 0 || o_.probabilities || o_.logits;
    const int64_t columns = o_.probabilities ? m_.classes() : m_.outputs();
    std::string head = std::string("{'descr': '") + (floats ? "<f4" : "<i4") + "', 'fortran_order': False, 'shape': (" +
                       std::to_string(rows) + "," + (floats ? " " + std::to_string(columns) + ")" : ")") + ", }";
    head.resize((10 + head.size() + 1 + 63) / 64 * 64 - 11, ' ');
    head += '\n';
    const auto length = static_cast<uint16_t>(head.size());
    text_ = std::string("\x93NUMPY\x01\x00", 8);
    text_.append(reinterpret_cast<const char *>(&length), sizeof length);
    text_ += head;
  }

  void write_npy(const Prediction &p) {
    const auto append = [&](const void *bytes, int64_t count) {
      text_.append(static_cast<const char *>(bytes), static_cast<size_t>(4 * count));
    };
    if (o_.probabilities) append(p.probabilities.data(), m_.classes());
    else if (o_.logits || m_.classes() == 0) append(p.y, m_.outputs());
    else append(&p.predicted, 1);
  }

  const PredictOptions &o_;
  const Meaning &m_;
  const bool has_labels_;
  std::string text_;
};

// Where rows come from: test samples, or a file of NumPy.
class Source {
public:
  virtual ~Source() = default;
  virtual int64_t rows() const = 0;
  virtual int64_t columns() const = 0;
  virtual const float *read(int64_t first, int64_t count) = 0;
  virtual int32_t label(int64_t) const { return -1; }
  virtual const float *targets(int64_t) const { return nullptr; } // NULL: unknown
  virtual bool has_labels() const { return false; }
  virtual const char *what() const { return "rows"; }
};

class SampleSource : public Source {
public:
  SampleSource(const Context &context, Dataset data) : context_(context), data_(std::move(data)) {}
  const Dataset &data() const { return data_; }
  int64_t rows() const override { return data_.test.count(); }
  int64_t columns() const override { return data_.test.features(); }
  const float *read(int64_t first, int64_t count) override {
    gather(context_, data_.test, nullptr, first, count, batch_);
    return batch_.x.data();
  }
  int32_t label(int64_t index) const override {
    return data_.test.outputs > 0 ? -1 : data_.test.labels[static_cast<size_t>(index)];
  }
  const float *targets(int64_t index) const override {
    const int64_t n = data_.test.outputs;
    const float *first = data_.test.targets.data() + index * n;
    return std::all_of(first, first + n, [](float x) { return std::isnan(x); }) ? nullptr : first;
  }
  bool has_labels() const override {
    for (int64_t i = 0; i < rows(); ++i)
      if (label(i) >= 0 || targets(i) != nullptr) return true;
    return false;
  }
  const char *what() const override { return data_.test.numbers ? "rows" : "test images"; }

private:
  const Context &context_;
  const Dataset data_;
  Batch batch_;
};

class NpySource : public Source {
public:
  NpySource(const std::string &path, const std::string &model, int64_t features, bool scales_bytes)
      : file_(path), scales_(scales_bytes && file_.has_bytes()) {
    file_.need_matrix();
    if (file_.columns() != features)
      throw DataError(path + ": has rows of " + std::to_string(file_.columns()) + " numbers, but " + model + " takes " +
                      std::to_string(features));
  }
  int64_t rows() const override { return file_.rows(); }
  int64_t columns() const override { return file_.columns(); }
  const float *read(int64_t first, int64_t count) override {
    file_.read(first, count, x_);
    if (scales_)
      for (float &value : x_) value /= 255;
    return x_.data();
  }

private:
  NpyReader file_;
  const bool scales_; // the model takes bytes as numbers from 0 to 1
  std::vector<float> x_;
};

std::unique_ptr<Source> source_of(PredictOptions &o, const cli::Command &given, const Context &context,
                                  const Model &model, const std::optional<DataDescription> &data) {
  const lf_model_info info = model.info();
  if (o.rows.ends_with(".npy") && !(data && data->schema.is_of_table())) {
    for (const char *name : {"--delimiter", "--header", "--skip-lines", "--target-file"})
      if (given.given(name))
        throw cli::UsageError(std::string(name) + ": is for tables, but " + o.model.path +
                              " was not trained on a table");
    return std::make_unique<NpySource>(o.rows, o.model.path, info.features, data && data->schema.scales_bytes);
  }
  if (!o.rows.empty()) o.data.options.path = o.rows;
  auto source = std::make_unique<SampleSource>(
      context, load_test(o.data, given, context, o.model, info.outputs, data, Need::features));
  check_fits(o.model.path, info.features, info.outputs, source->data());
  return source;
}

// One past the last row.  all: those from `first` on.
int64_t end_of(const PredictOptions &o, const Source &source, bool all) {
  const int64_t there = source.rows();
  if (o.first > 0 && o.first >= there)
    throw cli::UsageError("--first " + std::to_string(o.first) + ": there are " + std::to_string(there) + " " +
                          source.what());
  return all ? there : std::min(there, o.first + o.count);
}

void check_options(const PredictOptions &o, const cli::Command &given, const Meaning &meaning) {
  const char *variable = std::getenv("LANEFOLD_DATA"); // which stands for --data where it is not typed
  const bool is_typed = given.given("--data") && (variable == nullptr || o.data.options.path != variable);
  if (!o.rows.empty() && is_typed)
    throw cli::UsageError("--data: does not go with the rows of " + o.rows + "; give one of them");
  if (o.json && given.given("--format")) throw cli::UsageError("--json: does not go with --format");
  if (meaning.classes() == 0 && (o.probabilities || o.top_k > 0))
    throw cli::UsageError(o.model.path + ": its output does not stand for classes, so it has no probabilities");
  if (o.logits && meaning.is_probability())
    throw cli::UsageError("--logits: " + o.model.path + " has one output, which is not a logit");
  if (o.format == npy && !o.json && (o.top_k > 0 || (o.probabilities && o.logits)))
    throw cli::UsageError("--format npy holds one array: classes, --probabilities or --logits");
  if (o.top_k > meaning.classes())
    throw cli::UsageError("--top-k " + std::to_string(o.top_k) + ": there are " + std::to_string(meaning.classes()) +
                          " classes");
}

// Throws std::runtime_error on all ranks if they do not have the same rows.
void need_same_rows(Source &source, int64_t first, int64_t end) {
  if (job().count() == 1) return;
  need_same(job(), "number of rows", std::to_string(first) + " " + std::to_string(end));
  Sha256 rows;
  constexpr int64_t together = 500;
  for (int64_t i = first; i < end; i += together) {
    const int64_t count = std::min(together, end - i);
    rows.add(source.read(i, count), static_cast<size_t>(count * source.columns()) * sizeof(float));
  }
  need_same(job(), "rows", rows.hex());
}

int run_predict(PredictOptions &o, const cli::Command &given) {
  const Context context = make_context(o.context);
  const Model model = open_model(o.model);
  const std::optional<DataDescription> data = data_of(model, o.model.path);
  const Meaning meaning(model, data);
  check_options(o, given, meaning);
  const std::unique_ptr<Source> source = source_of(o, given, context, model, data);
  Inference inference(context, model.make_network(context.get(), o.logits ? LF_LOGITS : 0), model.info().features,
                      meaning.outputs());
  const Probabilities probabilities(context, meaning, o.logits ? LF_OUTPUT_VALUES : model.info().output);
  const int64_t end = end_of(o, *source, !o.rows.empty() && !given.given("--count"));
  need_same_model(o.model.path);
  need_same_rows(*source, o.first, end);
  std::optional<Writer> writer;
  if (job().is_first()) writer.emplace(o, meaning, source->has_labels(), end - o.first);
  const int64_t n = meaning.outputs();
  const auto read = [&](int64_t first, int64_t rows) { return source->read(first, rows); };
  for_each_batch(inference, {o.first, end}, job(), read, [&](int64_t first, int64_t rows, const float *y) {
    for (int64_t i = 0; writer && i < rows; ++i, y += n)
      writer->write({first + i, y, source->label(first + i), source->targets(first + i), probabilities.of(y),
                     meaning.predicted(y)});
  });
  if (writer) writer->finish();
  return 0;
}

} // namespace

cli::Command predict_command() {
  const auto o = std::make_shared<PredictOptions>();
  cli::Command command{.name = "predict",
                       .description = "Print what a model predicts for the rows of a file, or for the test samples.",
                       .examples =
                           "Examples:\n"
                           "  lanefold predict model.safetensors rows.csv --probabilities --format csv -o out.csv\n"
                           "  lanefold predict model.onnx rows.npy --json\n"
                           "  lanefold predict model.safetensors --data mnist --first 100 --count 20",
                       .run = [o](const cli::Command &command) { return run_predict(*o, command); }};
  command.options = {
      {.names = "rows",
       .value = "ROWS",
       .target = &o->rows,
       .help = "A table (CSV or .npy) with the rows to predict.",
       .fallback = "the test samples of --data",
       .manual = "A CSV file has the columns that the model was trained on, and may have the classes, too. A .npy file "
                 "holds a matrix of 32- or 64-bit floats, or of integers. A vector is one row."},
      {.names = "--first",
       .value = "K",
       .target = &o->first,
       .range = cli::whole(0, 1000000000),
       .help = "The index of the first image or row, from 0."},
      {.names = "--count",
       .value = "K",
       .target = &o->count,
       .range = cli::whole(1, 1000000000),
       .help = "The number of images or rows, but no more than there are.",
       .fallback = "10 test samples, or all rows of ROWS"},
      {.names = "--probabilities", .target = &o->probabilities, .help = "Also give the probability of each class."},
      {.names = "--logits", .target = &o->logits, .help = "Also give the output for each class before softmax."},
      {.names = "--top-k",
       .value = "K",
       .target = &o->top_k,
       .range = cli::whole(1, 1000000000),
       .help = "Also give the K most probable classes with their probabilities.",
       .fallback = "none"},
      {.names = "--format",
       .value = "WORD",
       .target = &o->format,
       .range = cli::one_of(format_words),
       .help = "A table for people, a CSV file with a header, or a file of NumPy's format.",
       .manual = "npy holds one array: the classes as 32-bit integers or, with --probabilities or --logits, those as "
                 "32-bit floats."},
      {.names = "-o,--output",
       .value = "FILE",
       .target = &o->output,
       .range = cli::not_empty(),
       .help = "The file to write, which is replaced as a whole.",
       .fallback = "standard output"},
      {.names = "--json",
       .target = &o->json,
       .help = "Print one JSON object for each image or row.",
       .manual = "Its keys are index, predicted (the class, from 0; null if all outputs are NaN), class (its name, if "
                 "the model has names), label (if the row has one), top_k, probabilities and outputs (logits, or "
                 "values). A regression has values and, if the row has them, targets: objects with a number for each "
                 "target."}};
  add_data_options(command.options, o->data, false);
  add_model_options(command.options, o->model);
  add_context_options(command.options, o->context);
  return command;
}

} // namespace lanefold::trainer
