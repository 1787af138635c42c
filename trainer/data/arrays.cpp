// libzip reads the archive, and npy.cpp each array.
#include "trainer/data/arrays.hpp"

#include "trainer/data/npy.hpp"

#include <zip.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <optional>

namespace lanefold::trainer {
namespace {

constexpr int64_t rows_at_once = 4096;

[[noreturn]] void fail_at(const std::string &name, int64_t row, int64_t column, float value) {
  throw DataError(name + ": element " + std::to_string(column) + " of row " + std::to_string(row) +
                  " (both from 0) is " + std::to_string(value) + ", which is not finite");
}

// All rows as floats.
GrowingFloats values_of(NpyReader &file, const std::string &name, bool may_be_nan) {
  GrowingFloats values;
  values.resize(static_cast<size_t>(file.rows() * file.columns()));
  std::vector<float> x;
  for (int64_t first = 0; first < file.rows(); first += rows_at_once) {
    const int64_t count = std::min(rows_at_once, file.rows() - first);
    file.read(first, count, x);
    for (size_t i = 0; i < x.size(); ++i)
      if (std::isinf(x[i]) || (std::isnan(x[i]) && !may_be_nan))
        fail_at(name, first + static_cast<int64_t>(i) / file.columns(), static_cast<int64_t>(i) % file.columns(), x[i]);
    std::copy(x.begin(), x.end(), values.data() + first * file.columns());
  }
  return values;
}

class Archive {
public:
  explicit Archive(const std::string &path) : path_(path) {
    int code = 0;
    archive_.reset(zip_open(path.c_str(), ZIP_RDONLY, &code));
    if (archive_) return;
    zip_error_t error;
    zip_error_init_with_code(&error, code);
    const std::string text = zip_error_strerror(&error);
    zip_error_fini(&error);
    fail("cannot be read: " + text);
  }
  [[noreturn]] void fail(const std::string &message) const { throw DataError(path_ + ": " + message); }

  std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (zip_int64_t i = 0; i < zip_get_num_entries(archive_.get(), 0); ++i)
      if (const char *name = zip_get_name(archive_.get(), static_cast<zip_uint64_t>(i), 0)) names.emplace_back(name);
    return names;
  }

  bool has(const std::string &array) const { return zip_name_locate(archive_.get(), (array + ".npy").c_str(), 0) >= 0; }

  std::string name_of(const std::string &array) const { return path_ + ", array " + array; }

  NpyReader open(const std::string &array) const {
    const std::string entry = array + ".npy";
    zip_stat_t stat;
    if (zip_stat(archive_.get(), entry.c_str(), 0, &stat) != 0) fail("the array " + array + " cannot be read");
    const std::unique_ptr<zip_file_t, int (*)(zip_file_t *)> file(zip_fopen(archive_.get(), entry.c_str(), 0),
                                                                  zip_fclose);
    if (!file) fail("the array " + array + " cannot be read: " + zip_strerror(archive_.get()));
    // It grows with what is really there.  The last read, which gets nothing, compares the checksum.
    std::string bytes;
    for (;;) {
      constexpr uint64_t block = 4 << 20;
      const uint64_t have = bytes.size();
      bytes.resize(have + block);
      const zip_int64_t got = zip_fread(file.get(), bytes.data() + have, block);
      bytes.resize(have + static_cast<uint64_t>(std::max<zip_int64_t>(got, 0)));
      if (got < 0 || bytes.size() > stat.size) fail("the array " + array + " is damaged");
      if (got == 0) break;
    }
    if (bytes.size() != stat.size) fail("the array " + array + " is damaged");
    return {name_of(array), std::move(bytes)};
  }

private:
  struct Discard {
    void operator()(zip_t *archive) const { zip_discard(archive); }
  };
  std::string path_;
  std::unique_ptr<zip_t, Discard> archive_;
};

// What others call the features and the labels of each part.
struct Names {
  std::vector<std::string> features, labels;
};
const Names train_names = {{"x_train", "X_train", "train_images", "train_x", "x", "X", "data", "arr_0"},
                           {"y_train", "Y_train", "train_labels", "train_y", "y", "Y", "target", "arr_1"}};
const Names test_names = {{"x_test", "X_test", "test_images", "test_x"}, {"y_test", "Y_test", "test_labels", "test_y"}};

std::optional<std::string> first_of(const Archive &archive, const std::vector<std::string> &names) {
  const auto at = std::find_if(names.begin(), names.end(), [&](const std::string &name) { return archive.has(name); });
  return at == names.end() ? std::nullopt : std::optional(*at);
}

// An array of targets as a table: a row for each sample.
Table targets_in(const Archive &archive, const std::string &array, int64_t count) {
  NpyReader file = archive.open(array);
  const bool is_vector = file.shape().size() < 2 || file.columns() == 1;
  const int64_t rows = is_vector ? file.rows() * file.columns() : file.rows();
  if (rows != count)
    archive.fail("the array " + array + " has " + counted(rows, "row") + " for " + std::to_string(count) + " samples");
  Table table;
  table.path = archive.name_of(array), table.rows = rows;
  if (file.columns() == 0 || file.columns() > most_columns)
    archive.fail("the array " + array + " has " + std::to_string(file.columns()) + " columns; expected 1 to " +
                 std::to_string(most_columns));
  table.columns.resize(is_vector ? 1 : static_cast<size_t>(file.columns()));
  for (size_t c = 0; c < table.columns.size(); ++c)
    table.columns[c].name = std::to_string(c + 1), table.columns[c].position = c;
  table.values = values_of(file, archive.name_of(array), false);
  return table;
}

std::vector<int32_t> labels_in(const Archive &archive, const std::string &array, const Table &targets) {
  std::vector<int32_t> labels;
  for (int64_t i = 0; i < targets.rows; ++i) {
    const float value = targets.at(i, 0);
    if (value != std::floor(value) || value < 0 || value >= static_cast<float>(most_classes))
      archive.fail("label " + std::to_string(i) + " of the array " + array + " is " + std::to_string(value) +
                   ", but must be a whole number, 0 to " + std::to_string(most_classes - 1) +
                   "; lanefold train --task regression takes other numbers");
    labels.push_back(static_cast<int32_t>(value));
  }
  return labels;
}

std::vector<size_t> all_columns(const Table &table) {
  std::vector<size_t> columns;
  for (size_t c = 0; c < table.columns.size(); ++c) columns.push_back(c);
  return columns;
}

Samples features_in(const Archive &archive, const std::string &features) {
  NpyReader file = archive.open(features);
  if (file.shape().size() < 2) archive.fail("the array " + features + " has fewer than 2 dimensions");
  Samples made;
  const std::vector<int64_t> &shape = file.shape();
  if (file.rows() == 0 || file.columns() == 0) archive.fail("the array " + features + " is empty");
  made.rows = shape.size() > 2 ? shape[1] : 1, made.columns = file.columns() / made.rows;
  made.are_bytes = file.has_bytes();
  made.labels.assign(static_cast<size_t>(file.rows()), -1);
  if (made.are_bytes) made.pixels = Pixels(file.bytes());
  else
    made.numbers =
        std::make_shared<StoredRows>(values_of(file, archive.name_of(features), false), file.rows(), file.columns());
  return made;
}

// learn: completes the schema, once the targets are known.
Samples part_of(const Archive &archive, const std::string &features, const std::string &labels, Schema &schema,
                const std::function<void(const Table &)> &learn) {
  Samples made = features_in(archive, features);
  const Table targets = targets_in(archive, labels, made.count());
  learn(targets);
  if (!schema.is_regression()) {
    made.labels = labels_in(archive, labels, targets);
    return made;
  }
  if (schema.outputs() != static_cast<int64_t>(targets.columns.size()))
    archive.fail("the array " + labels + " has " + counted(static_cast<int64_t>(targets.columns.size()), "target") +
                 "; expected " + std::to_string(schema.outputs()));
  made.labels.clear(), made.outputs = schema.outputs();
  made.targets = numbers_of(targets, all_columns(targets), Need::labels);
  return made;
}

// A table without rows: the columns of a matrix that options or a schema choose.
Table columns_of(const std::string &path, const NpyReader &file, const CsvOptions &options) {
  file.need_matrix();
  if (file.shape().size() != 2 || file.rows() == 0 || file.columns() == 0 || file.columns() > most_columns)
    throw DataError(path + ": is not a matrix with rows and at most " + std::to_string(most_columns) + " columns");
  Table table;
  table.path = path;
  for (int64_t c = 1; c <= file.columns(); ++c) table.names.push_back(std::to_string(c));
  const ChosenColumns chosen = choose(options, path, table.names, false);
  for (size_t c = 0; c < table.names.size(); ++c) {
    if (chosen.has_words[c])
      throw DataError(path + ": column " + table.names[c] + " has numbers, but words are needed");
    if (!chosen.is_kept[c]) continue;
    Column &column = table.columns.emplace_back();
    column.name = table.names[c], column.position = c;
  }
  return table;
}

int32_t largest_label(const Samples &samples) {
  return *std::max_element(samples.labels.begin(), samples.labels.end());
}

} // namespace

Table read_npy_column(const std::string &path) {
  NpyReader file(path);
  Table table;
  table.path = path, table.names = {"1"}, table.rows = file.columns(), table.columns.resize(1);
  table.columns[0].name = table.names[0];
  table.values = values_of(file, path, true);
  return table;
}

bool is_npy_vector(const std::string &path) { return path.ends_with(".npy") && NpyReader(path).shape().size() == 1; }

Table read_npy_table(const std::string &path, const CsvOptions &options) {
  NpyReader file(path);
  Table table = columns_of(path, file, options);
  table.rows = file.rows();
  table.values = values_of(file, path, true);
  const auto width = static_cast<size_t>(file.columns());
  if (table.columns.size() == width) return table;
  size_t to = 0;
  for (size_t row = 0; row < static_cast<size_t>(table.rows); ++row)
    for (const Column &column : table.columns) table.values[to++] = table.values[row * width + column.position];
  table.values.resize(to);
  return table;
}

namespace {

// One pass over a matrix that stays in its file: checks the columns `kept`, and takes the columns `targets` into a table.
Table targets_of_file(const std::string &path, NpyReader &file, const std::vector<size_t> &kept,
                      const std::vector<size_t> &targets) {
  Table columns;
  columns.path = path, columns.rows = file.rows();
  for (const size_t at : targets) {
    columns.names.push_back(std::to_string(at + 1));
    columns.columns.emplace_back().name = columns.names.back();
  }
  std::vector<float> x;
  for (int64_t first = 0; first < file.rows(); first += rows_at_once) {
    const int64_t count = std::min(rows_at_once, file.rows() - first);
    file.read(first, count, x);
    for (int64_t i = 0; i < count; ++i) {
      const float *row = x.data() + i * file.columns();
      for (const size_t c : kept)
        if (!std::isfinite(row[c])) fail_at(path, first + i, static_cast<int64_t>(c), row[c]);
      for (const size_t at : targets) columns.values.append(row + at, 1);
    }
  }
  return columns;
}

NpyReader open_large(const std::string &path) {
  NpyReader file(path);
  if (!file.is_row_major())
    throw DataError(path + ": is too large to be loaded, and in column-major order; save it in row-major order");
  return file;
}

// Samples whose rows stay in the file.  columns: of their targets.
Samples samples_in_file(const NpyReader &file, const std::vector<size_t> &features, const Table &columns,
                        const Schema &schema, Need need) {
  Samples made;
  made.rows = 1, made.columns = static_cast<int64_t>(features.size());
  const auto rows = static_cast<size_t>(file.rows());
  const bool are_there = !columns.columns.empty();
  if (schema.is_regression()) {
    made.outputs = schema.outputs();
    made.targets = are_there ? numbers_of(columns, all_columns(columns), need)
                             : std::vector<float>(rows * schema.targets.size(), NAN);
  } else made.labels = are_there ? labels_of(columns, 0, schema, need) : std::vector<int32_t>(rows, -1);
  made.numbers = file.rows_in_file(features);
  return made;
}

} // namespace

Dataset open_npy_table(const std::string &path, const Wanted &wanted, const CsvOptions &options) {
  NpyReader file = open_large(path);
  const Table names = columns_of(path, file, options);
  const std::vector<int64_t> positions = targets_of(names, wanted);
  columns_at(names, positions); // none is left out
  const std::vector<size_t> targets(positions.begin(), positions.end());
  std::vector<size_t> kept, features;
  for (const Column &column : names.columns) {
    kept.push_back(column.position);
    if (std::find(targets.begin(), targets.end(), column.position) == targets.end())
      features.push_back(column.position);
  }
  const Table columns = targets_of_file(path, file, kept, targets);
  ChosenTask task = choose_task(columns, all_columns(columns), wanted.task);
  Dataset data;
  data.name = path, data.reason = std::move(task.reason);
  data.schema = schema_of(names, positions, task.task, columns, all_columns(columns));
  data.train = samples_in_file(file, features, columns, data.schema, Need::labels);
  return data;
}

Samples open_npy_rows(const std::string &path, const Schema &schema, Need need) {
  NpyReader file = open_large(path);
  CsvOptions options;
  options.schema = &schema;
  const Table names = columns_of(path, file, options);
  const Places places = places_of(schema, path, names.names, false);
  if (places.targets.empty() && need == Need::labels)
    throw DataError(path + ": lacks " + lacking_targets(schema, names.names));
  std::vector<size_t> kept = places.columns;
  if (need == Need::labels) kept.insert(kept.end(), places.targets.begin(), places.targets.end());
  const Table columns = targets_of_file(path, file, kept, places.targets);
  return samples_in_file(file, places.columns, columns, schema, need);
}

std::optional<Samples> read_unlabelled_npz(const std::string &path) {
  const Archive archive(path);
  std::optional<std::string> x = first_of(archive, test_names.features);
  if (!x) x = first_of(archive, train_names.features);
  if (!x || first_of(archive, test_names.labels) || first_of(archive, train_names.labels)) return {};
  return features_in(archive, *x);
}

Dataset read_npz(const std::string &path, std::optional<Task> wanted) {
  const Archive archive(path);
  const std::optional<std::string> x = first_of(archive, train_names.features),
                                   y = first_of(archive, train_names.labels);
  if (!x || !y)
    archive.fail("has no arrays of features and labels, such as x_train and y_train, or x and y; it has " +
                 shown_list(archive.names()));
  Dataset data;
  Schema &schema = data.schema;
  data.name = path;
  data.train = part_of(archive, *x, *y, schema, [&](const Table &targets) {
    ChosenTask task = choose_task(targets, all_columns(targets), wanted);
    schema.task = task.task, data.reason = std::move(task.reason);
    if (!schema.is_regression()) return;
    for (const Column &column : targets.columns) schema.targets.push_back({column.name});
  });
  schema.scales_bytes = data.train.are_bytes;
  if (!schema.is_regression()) {
    schema.classes = numbered_classes(largest_label(data.train) + 1);
    if (schema.classes.size() < 2) archive.fail("all labels of the array " + *y + " are 0");
  }
  const std::optional<std::string> test_x = first_of(archive, test_names.features),
                                   test_y = first_of(archive, test_names.labels);
  if (!test_x || !test_y) return data;
  data.test = part_of(archive, *test_x, *test_y, schema, [](const Table &) {});
  if (data.test.rows != data.train.rows || data.test.columns != data.train.columns)
    archive.fail("the arrays " + *x + " and " + *test_x + " have samples of different shapes");
  if (data.test.are_bytes != data.train.are_bytes)
    archive.fail("the arrays " + *x + " and " + *test_x +
                 " must both hold bytes, which are divided by 255, or both hold other numbers");
  if (!schema.is_regression() && largest_label(data.test) >= data.classes())
    archive.fail("the array " + *test_y + " has the label " + std::to_string(largest_label(data.test)) +
                 ", which no training sample has");
  return data;
}

} // namespace lanefold::trainer
