// Chooses the reader, and divides the rows into a training and a test part.
#include "trainer/data/load.hpp"

#include "trainer/data/arrays.hpp"
#include "trainer/data/encode.hpp"
#include "trainer/data/npy.hpp"
#include "trainer/data/random.hpp"

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

Samples samples_of(EncodedTable table) {
  Samples made;
  made.rows = 1, made.columns = table.features;
  made.labels = std::move(table.labels);
  made.numbers = std::make_shared<StoredRows>(std::move(table.values), table.rows, table.features);
  return made;
}

// Some rows of all samples, in ascending order.
Samples part_of(const Samples &all, std::vector<uint32_t> chosen) {
  Samples part = all;
  std::sort(chosen.begin(), chosen.end());
  part.labels.clear();
  for (const uint32_t row : chosen) part.labels.push_back(all.labels[row]);
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

// Whether a table is too large to be loaded.
bool stays_file(const DataOptions &options) {
  if (!options.path.ends_with(".npy")) return false;
  const NpyReader file(options.path);
  return static_cast<uint64_t>(file.rows()) * static_cast<uint64_t>(file.columns()) * sizeof(float) >
         options.most_loaded;
}

Dataset open_table(const DataOptions &options, uint64_t seed) {
  if (options.fills_missing)
    throw DataError(options.path + ": is too large to be loaded, so --missing mean cannot be used");
  Dataset data = open_npy_table(options.path, options.target, options.csv);
  need_few_rows(options.path, data.train.count());
  if (!options.test.empty()) {
    EncodedTable test = encode(read_table(options.test, with_schema(options.csv, data.schema)), data.schema,
                               Need::labels, Missing::refused);
    data.test = samples_of(std::move(test));
    return data;
  }
  const Samples all = data.train;
  Division rows = divide(options, all.count(), seed);
  data.train = part_of(all, std::move(rows.train)), data.test = part_of(all, std::move(rows.test));
  return data;
}

Dataset load_table(const DataOptions &options, uint64_t seed) {
  Table table = read_table(options.path, options.csv);
  need_few_rows(options.path, table.rows);
  Dataset data;
  data.name = options.path;
  data.schema = learn_schema(table, options.target);
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
  const Samples samples = samples_of(std::move(all));
  if (test) {
    data.train = samples, data.test = samples_of(std::move(*test));
    return data;
  }
  data.train = part_of(samples, std::move(rows.train)), data.test = part_of(samples, std::move(rows.test));
  return data;
}

} // namespace

DataKind kind_of(const std::string &path) {
  if (path.empty() || (path == "digits" && !std::filesystem::exists(path))) return DataKind::digits;
  if (std::filesystem::is_directory(path)) return DataKind::folder;
  return path.ends_with(".npz") ? DataKind::archive : DataKind::table;
}

Dataset load_images(const std::string &path) {
  return kind_of(path) == DataKind::digits ? draw_digits() : read_idx(path);
}

Dataset load(const DataOptions &options, uint64_t seed) {
  const DataKind kind = kind_of(options.path);
  if (kind == DataKind::table && stays_file(options)) return open_table(options, seed);
  if (kind == DataKind::table) return load_table(options, seed);
  if (kind != DataKind::archive) return load_images(options.path);
  Dataset data = read_npz(options.path);
  if (data.test.count() > 0) return data;
  Division rows = divide(options, data.train.count(), seed);
  const Samples all = data.train;
  data.train = part_of(all, std::move(rows.train)), data.test = part_of(all, std::move(rows.test));
  return data;
}

Dataset load_test(const DataOptions &options, const Schema *schema, Need need) {
  switch (kind_of(options.path)) {
  case DataKind::digits: return draw_digits(0);
  case DataKind::folder: return read_idx(options.path, Needs::test);
  case DataKind::archive: {
    Dataset data = read_npz(options.path);
    if (data.test.count() == 0) data.test = data.train;
    return data;
  }
  case DataKind::table: break;
  }
  if (schema == nullptr)
    throw DataError(options.path + ": is a table, but the model does not say which columns it was trained on");
  if (!schema->is_of_table())
    throw DataError(options.path + ": is a table, but the model was trained on images or arrays");
  Table table = read_table(options.path, with_schema(options.csv, *schema));
  need_few_rows(options.path, table.rows);
  const Missing missing = schema->means.empty() ? Missing::refused : Missing::kept;
  EncodedTable rows = encode(std::move(table), *schema, need, missing);
  if (!schema->means.empty()) fill(rows, schema->means);
  Dataset data;
  data.name = options.path, data.schema = *schema, data.test = samples_of(std::move(rows));
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
