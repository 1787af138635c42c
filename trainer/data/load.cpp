// Chooses the reader, and divides the rows into a training and a test part.
#include "trainer/data/load.hpp"

#include "trainer/data/arrays.hpp"
#include "trainer/data/encode.hpp"
#include "trainer/data/npy.hpp"
#include "trainer/data/random.hpp"
#include "trainer/distributed/job.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <numeric>
#include <optional>

namespace lanefold::trainer {
namespace {

constexpr int64_t most_rows = UINT32_MAX;

// Of features that can be standardized.  The least one is far above the 1e-30 that is added to it.
constexpr double least_variance = 1e-22, most_variance = 1e30;

// The name of a feature, or its number.
std::string name_of(const Schema &schema, size_t feature) {
  const std::vector<std::string> names = schema.feature_names();
  return feature < names.size() ? shown(names[feature]) : std::to_string(feature + 1);
}

std::string text_of(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", value);
  return text;
}

Samples samples_of(EncodedTable table, const Schema &schema) {
  Samples made;
  made.rows = 1, made.columns = table.features;
  made.labels = std::move(table.labels);
  if (schema.is_regression()) made.outputs = schema.outputs(), made.targets = std::move(table.targets);
  made.numbers = std::make_shared<StoredRows>(std::move(table.values), table.rows, table.features);
  return made;
}

// Some rows of all samples, in ascending order.
Samples part_of(const Samples &all, std::vector<uint32_t> chosen) {
  Samples part = all;
  std::sort(chosen.begin(), chosen.end());
  part.labels.clear(), part.targets.clear();
  for (const uint32_t row : chosen) {
    if (all.outputs == 0) part.labels.push_back(all.labels[row]);
    for (int64_t j = 0; j < all.outputs; ++j)
      part.targets.push_back(all.targets[row * static_cast<size_t>(all.outputs) + static_cast<size_t>(j)]);
  }
  for (uint32_t &row : chosen) row = static_cast<uint32_t>(all.number_of(row));
  part.chosen = std::move(chosen);
  return part;
}

Table read_table(const std::string &path, const CsvOptions &options) {
  return path.ends_with(".npy") ? read_npy_table(path, options) : read_csv(path, options);
}

CsvOptions with_schema(CsvOptions options, const Schema &schema) {
  options.schema = &schema;
  return options;
}

std::vector<uint32_t> first_numbers(int64_t count) {
  std::vector<uint32_t> numbers(static_cast<size_t>(count));
  std::iota(numbers.begin(), numbers.end(), 0u);
  return numbers;
}

void need_few_rows(const std::string &path, int64_t rows) {
  if (rows > most_rows)
    throw DataError(path + ": has " + std::to_string(rows) + " rows; at most " + std::to_string(most_rows) +
                    " can be used");
}

// The rows of the training, and those that are held out for the test, as the seed draws them.
struct Division {
  std::vector<uint32_t> train, test;
};
Division divide(const DataOptions &options, int64_t rows, uint64_t seed) {
  const int64_t count = std::llround(options.validation * static_cast<double>(rows));
  if (count == 0 || count + 1 >= rows)
    throw DataError(
        options.path + ": cannot hold out " + std::to_string(count) + " of " + std::to_string(rows) +
        " rows for the test: at least 1 must be held out, and at least 2 must remain; --validation sets the "
        "share");
  const std::vector<uint32_t> order = permutation(static_cast<uint32_t>(rows), Stream(seed, Purpose::validation, 0));
  return {{order.begin() + count, order.end()}, {order.begin(), order.begin() + count}};
}

void hold_out(Dataset &data, const DataOptions &options, uint64_t seed) {
  const Samples all = data.train;
  Division rows = divide(options, all.count(), seed);
  data.train = part_of(all, std::move(rows.train)), data.test = part_of(all, std::move(rows.test));
}

// Some columns of a table.
Table picked(const Table &table, const std::vector<int64_t> &positions) {
  const std::vector<size_t> columns = columns_at(table, positions);
  Table made;
  made.path = table.path, made.has_header = table.has_header, made.skipped = table.skipped, made.rows = table.rows;
  for (const size_t column : columns) {
    made.names.push_back(table.columns[column].name);
    made.columns.push_back(table.columns[column]);
    made.columns.back().position = made.columns.size() - 1;
  }
  made.values.resize(static_cast<size_t>(table.rows) * columns.size());
  size_t to = 0;
  for (int64_t r = 0; r < table.rows; ++r)
    for (const size_t column : columns) made.values[to++] = table.at(r, column);
  return made;
}

// The columns of a file of targets: those that options or a schema name, or all.  Options that describe the other file do
// not apply to it.
Table read_targets(const DataOptions &options, const Schema *schema) {
  CsvOptions csv;
  csv.threads = options.csv.threads;
  const std::string &path = options.target_file;
  const Table table = is_npy_vector(path) ? read_npy_column(path) : read_table(path, csv);
  std::vector<int64_t> positions;
  if (schema != nullptr)
    for (const Target &target : schema->targets)
      if (const int64_t at = table.has_header ? find_column(table.names, target.name) : -1; at >= 0)
        positions.push_back(at);
  if (schema == nullptr && !options.targets.empty()) positions = targets_of(table, {options.targets, {}});
  const size_t wanted = schema != nullptr ? schema->targets.size() : positions.size();
  if (positions.size() != wanted || positions.empty()) {
    positions.clear();
    for (const Column &column : table.columns) positions.push_back(static_cast<int64_t>(column.position));
  }
  if (schema != nullptr && positions.size() != wanted)
    throw DataError(path + ": the number of columns is " + std::to_string(positions.size()) + "; expected " +
                    std::to_string(wanted) + ", one for each target of the model");
  Table made = picked(table, positions);
  if (schema == nullptr) return made;
  // The table that they are joined to finds them by the names that the schema has.
  if (!made.has_header) --made.skipped, made.has_header = true; // rows keep their numbers
  for (size_t j = 0; j < wanted; ++j) made.names[j] = schema->targets[j].name;
  return made;
}

// Whether a table is too large to be loaded.
bool stays_file(const DataOptions &options) {
  if (!options.path.ends_with(".npy")) return false;
  const NpyReader file(options.path);
  return static_cast<uint64_t>(file.rows()) * static_cast<uint64_t>(file.columns()) * sizeof(float) >
         options.most_loaded;
}

Dataset open_table(const DataOptions &options, uint64_t seed) {
  for (const auto &[is_given, option] :
       {std::pair(options.fills_missing, "--missing mean"), std::pair(!options.target_file.empty(), "--target-file")})
    if (is_given) throw DataError(options.path + ": is too large to be loaded, so " + option + " cannot be used");
  Dataset data = open_npy_table(options.path, {options.targets, options.task}, options.csv);
  need_few_rows(options.path, data.train.count());
  if (!options.test.empty()) {
    EncodedTable test = encode(read_table(options.test, with_schema(options.csv, data.schema)), data.schema,
                               Need::labels, Missing::refused);
    data.test = samples_of(std::move(test), data.schema);
    return data;
  }
  hold_out(data, options, seed);
  return data;
}

Dataset load_table(const DataOptions &options, uint64_t seed) {
  Table table = read_table(options.path, options.csv);
  need_few_rows(options.path, table.rows);
  std::vector<int64_t> targets;
  if (options.target_file.empty()) targets = targets_of(table, {options.targets, {}});
  else {
    const auto before = static_cast<int64_t>(table.names.size());
    table = joined(std::move(table), read_targets(options, options.csv.schema));
    for (auto at = before; at < static_cast<int64_t>(table.names.size()); ++at) targets.push_back(at);
  }
  const std::vector<size_t> columns = columns_at(table, targets);
  ChosenTask task = choose_task(table, columns, options.task);
  Dataset data;
  data.name = options.path, data.reason = std::move(task.reason);
  data.schema = schema_of(table, targets, task.task, table, columns);
  const Missing missing = options.fills_missing ? Missing::kept : Missing::refused;
  EncodedTable all = encode(std::move(table), data.schema, Need::labels, missing);
  std::optional<EncodedTable> test;
  Division rows{first_numbers(all.rows), {}};
  if (options.test.empty()) rows = divide(options, all.rows, seed);
  else
    test = encode(read_table(options.test, with_schema(options.csv, data.schema)), data.schema, Need::labels, missing);
  if (options.fills_missing) {
    std::sort(rows.train.begin(), rows.train.end());
    data.schema.means = means_of(all, rows.train, data.schema, options.path);
    fill(all, data.schema.means);
    if (test) fill(*test, data.schema.means);
  }
  const Samples samples = samples_of(std::move(all), data.schema);
  if (test) {
    data.train = samples, data.test = samples_of(std::move(*test), data.schema);
    return data;
  }
  data.train = part_of(samples, std::move(rows.train)), data.test = part_of(samples, std::move(rows.test));
  return data;
}

// Turns labels that are numbers into those of classes with such names.
void name_labels(Samples &samples, const Schema &schema, const std::string &path) {
  for (int32_t &label : samples.labels) {
    const auto at = std::find(schema.classes.begin(), schema.classes.end(), std::to_string(label));
    if (at == schema.classes.end())
      throw DataError(path + ": holds the label " + std::to_string(label) +
                      ", which is not a class of the training data, which has " + shown_list(schema.classes));
    label = static_cast<int32_t>(at - schema.classes.begin());
  }
}

// Samples without labels or targets, for a model with this schema.
Dataset unlabelled(const std::string &path, Samples samples, const Schema *schema) {
  Dataset data;
  data.name = path;
  if (schema) data.schema = *schema;
  if (data.schema.is_regression()) {
    samples.outputs = data.schema.outputs();
    samples.targets.assign(samples.labels.size() * static_cast<size_t>(samples.outputs), NAN);
    samples.labels.clear();
  }
  data.test = std::move(samples);
  return data;
}

// The mean and the deviation of each target over the training samples.
void learn_target_statistics(Dataset &data) {
  const Samples &train = data.train;
  const auto outputs = static_cast<size_t>(train.outputs);
  for (size_t j = 0; j < outputs; ++j) {
    double sum = 0, squares = 0;
    const auto count = static_cast<double>(train.count());
    for (size_t i = j; i < train.targets.size(); i += outputs) sum += static_cast<double>(train.targets[i]);
    const double mean = sum / count;
    for (size_t i = j; i < train.targets.size(); i += outputs)
      squares += (static_cast<double>(train.targets[i]) - mean) * (static_cast<double>(train.targets[i]) - mean);
    const double variance = squares / count;
    Target &target = data.schema.targets[j];
    if (variance < least_variance || variance > most_variance)
      throw DataError(data.name + ": the target " + shown(target.name) + " has a standard deviation of " +
                      text_of(std::sqrt(variance)) + " over the training rows" +
                      (variance == 0 ? ", so there is nothing to learn"
                                     : ", which is too " + std::string(variance < 1 ? "small" : "large") +
                                           " for 32-bit floats; change its unit"));
    target.mean = static_cast<float>(mean), target.deviation = static_cast<float>(std::sqrt(variance));
  }
}

} // namespace

DataKind kind_of(const std::string &path) {
  if (path.empty() || (path == "digits" && !std::filesystem::exists(path))) return DataKind::digits;
  if (std::filesystem::is_directory(path)) return DataKind::folder;
  if (path.ends_with(".npz")) return DataKind::archive;
  return is_idx(path) ? DataKind::images : DataKind::table;
}

namespace {

// Ranks draw digits together, so all of them must.
void need_same_kind(const std::string &path) {
  need_same(job(), "kind of data", std::to_string(static_cast<int>(kind_of(path))));
}

} // namespace

Dataset load_images(const std::string &path) {
  return kind_of(path) == DataKind::digits ? draw_digits(60000, 10000, job()) : read_idx(path);
}

Dataset load(const DataOptions &options, uint64_t seed) {
  need_same_kind(options.path);
  Dataset data;
  if (kind_of(options.path) == DataKind::images)
    throw DataError(
        options.path +
        ": is one IDX file, which has no labels; train takes the folder with the files of images and labels");
  if (kind_of(options.path) == DataKind::table)
    data = stays_file(options) ? open_table(options, seed) : load_table(options, seed);
  else {
    data =
        kind_of(options.path) == DataKind::archive ? read_npz(options.path, options.task) : load_images(options.path);
    if (data.test.count() == 0 || options.redraws_test) hold_out(data, options, seed);
  }
  if (data.schema.is_regression()) learn_target_statistics(data);
  return data;
}

Dataset load_test(const DataOptions &options, const Schema *schema, Need need) {
  need_same_kind(options.path);
  switch (kind_of(options.path)) {
  case DataKind::digits: return draw_digits(0, 10000, job());
  case DataKind::folder: return read_idx(options.path, Needs::test);
  case DataKind::images: {
    if (need == Need::labels) throw DataError(options.path + ": is one IDX file, which has no labels");
    return unlabelled(options.path, read_idx_images(options.path, options.most_loaded), schema);
  }
  case DataKind::archive: {
    if (need == Need::features)
      if (std::optional<Samples> rows = read_unlabelled_npz(options.path))
        return unlabelled(options.path, std::move(*rows), schema);
    Dataset data = read_npz(options.path, schema ? std::optional(schema->task) : options.task);
    if (data.test.count() == 0) data.test = data.train;
    if (data.schema.is_regression()) {
      if (schema && schema->outputs() != data.schema.outputs())
        throw DataError(options.path + ": has " + counted(data.schema.outputs(), "target") +
                        ", but the model predicts " + std::to_string(schema->outputs()));
      if (schema) data.schema = *schema;
    } else if (schema && schema->has_names()) {
      name_labels(data.test, *schema, options.path);
      data.schema.classes = schema->classes;
    }
    return data;
  }
  case DataKind::table: break;
  }
  if (schema == nullptr)
    throw DataError(options.path + ": is a table, but the model does not say which columns it was trained on");
  if (!schema->is_of_table())
    throw DataError(options.path + ": is a table, but the model was trained on images or arrays");
  if (stays_file(options) && options.target_file.empty() && schema->means.empty()) {
    Dataset data;
    data.name = options.path, data.schema = *schema, data.test = open_npy_rows(options.path, *schema, need);
    need_few_rows(options.path, data.test.count());
    return data;
  }
  Table table = read_table(options.path, with_schema(options.csv, *schema));
  need_few_rows(options.path, table.rows);
  if (!options.target_file.empty()) table = joined(std::move(table), read_targets(options, schema));
  const Missing missing = schema->means.empty() ? Missing::refused : Missing::kept;
  EncodedTable rows = encode(std::move(table), *schema, need, missing);
  if (!schema->means.empty()) fill(rows, schema->means);
  Dataset data;
  data.name = options.path, data.schema = *schema, data.test = samples_of(std::move(rows), *schema);
  return data;
}

Moments moments_of(const Samples &samples, const Schema &schema) {
  const auto features = static_cast<size_t>(samples.features());
  std::vector<float> row(features);
  std::vector<double> mean(features), squares(features);
  const auto for_each = [&](const auto &body) {
    for (int64_t i = 0; i < samples.count(); ++i) {
      const int64_t number = samples.number_of(i);
      if (samples.numbers) samples.numbers->copy(number, row.data());
      else
        for (size_t j = 0; j < features; ++j) row[j] = static_cast<float>(samples.image(number)[j]) / 255.0f;
      for (size_t j = 0; j < features; ++j) body(j, static_cast<double>(row[j]));
    }
  };
  const auto count = static_cast<double>(samples.count());
  for_each([&](size_t j, double x) { mean[j] += x; });
  for (double &value : mean) value /= count;
  for_each([&](size_t j, double x) { squares[j] += (x - mean[j]) * (x - mean[j]); });
  Moments moments;
  for (size_t j = 0; j < features; ++j) {
    moments.mean.push_back(static_cast<float>(mean[j]));
    const double var = squares[j] / count;
    if (var != 0 && (var < least_variance || var > most_variance))
      throw DataError("--standardize: feature " + name_of(schema, j) + " has a standard deviation of " +
                      text_of(std::sqrt(var)) + ", which is too " + (var < 1 ? "small" : "large") +
                      " for 32-bit floats; change its unit");
    moments.var.push_back(var > 0 ? static_cast<float>(var) : 1.0f); // a constant feature becomes 0
  }
  return moments;
}

} // namespace lanefold::trainer
