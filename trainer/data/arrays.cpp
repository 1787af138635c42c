// libzip reads the archive, and npy.cpp each array.
#include "trainer/data/arrays.hpp"

#include "trainer/data/encode.hpp"
#include "trainer/data/npy.hpp"

#include <zip.h>

#include <algorithm>
#include <cmath>
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

std::vector<int32_t> labels_of(const Archive &archive, const std::string &array, int64_t count) {
  NpyReader file = archive.open(array);
  const int64_t elements = file.rows() * file.columns();
  if (elements != count)
    archive.fail("the array " + array + " has " + std::to_string(elements) + " labels for " + std::to_string(count) +
                 " samples");
  const GrowingFloats values = values_of(file, archive.name_of(array), false);
  std::vector<int32_t> labels;
  for (int64_t i = 0; i < count; ++i) {
    const float value = values[static_cast<size_t>(i)];
    if (value != std::floor(value) || value < 0 || value >= static_cast<float>(most_classes))
      archive.fail("label " + std::to_string(i) + " of the array " + array + " is " + std::to_string(value) +
                   ", but must be a whole number, 0 to " + std::to_string(most_classes - 1));
    labels.push_back(static_cast<int32_t>(value));
  }
  return labels;
}

Samples part_of(const Archive &archive, const std::string &features, const std::string &labels) {
  NpyReader file = archive.open(features);
  if (file.shape().size() < 2) archive.fail("the array " + features + " has fewer than 2 dimensions");
  Samples made;
  const std::vector<int64_t> &shape = file.shape();
  if (file.rows() == 0 || file.columns() == 0) archive.fail("the array " + features + " is empty");
  made.rows = shape.size() > 2 ? shape[1] : 1, made.columns = file.columns() / made.rows;
  made.labels = labels_of(archive, labels, file.rows());
  made.are_bytes = file.has_bytes();
  if (made.are_bytes) made.pixels = Pixels(file.bytes());
  else
    made.numbers =
        std::make_shared<StoredRows>(values_of(file, archive.name_of(features), false), file.rows(), file.columns());
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

Dataset open_npy_table(const std::string &path, const std::string &target, const CsvOptions &options) {
  NpyReader file(path);
  if (!file.is_row_major())
    throw DataError(path + ": is too large to be loaded, and in column-major order; save it in row-major order");
  const Table names = columns_of(path, file, options);
  const int64_t at = target_of(names, target);
  std::vector<size_t> kept, features;
  for (const Column &column : names.columns) {
    kept.push_back(column.position);
    if (static_cast<int64_t>(column.position) != at) features.push_back(column.position);
  }
  if (features.empty() || features.size() == kept.size())
    throw DataError(path + ": needs a column with the classes and at least one other column");
  // One pass over all numbers, for the classes and the checks.
  GrowingFloats targets;
  std::vector<float> x;
  for (int64_t first = 0; first < file.rows(); first += rows_at_once) {
    const int64_t count = std::min(rows_at_once, file.rows() - first);
    file.read(first, count, x);
    for (int64_t i = 0; i < count; ++i) {
      const float *row = x.data() + i * file.columns();
      for (const size_t c : kept)
        if (!std::isfinite(row[c])) fail_at(path, first + i, static_cast<int64_t>(c), row[c]);
      targets.append(row + at, 1);
    }
  }
  Table column;
  column.path = path, column.rows = file.rows(), column.names = names.names, column.columns.resize(1);
  column.columns[0].name = names.names[static_cast<size_t>(at)];
  column.values = std::move(targets);
  Dataset data;
  data.name = path;
  data.schema = schema_of(names, at, column, 0);
  data.train.rows = 1, data.train.columns = static_cast<int64_t>(features.size());
  data.train.labels = labels_of(column, 0, data.schema, Need::labels);
  data.train.numbers = file.rows_in_file(features);
  return data;
}

Dataset read_npz(const std::string &path) {
  const Archive archive(path);
  const std::optional<std::string> x = first_of(archive, train_names.features),
                                   y = first_of(archive, train_names.labels);
  if (!x || !y)
    archive.fail("has no arrays of features and labels, such as x_train and y_train, or x and y; it has " +
                 shown_list(archive.names()));
  Dataset data;
  data.name = path, data.train = part_of(archive, *x, *y);
  const int32_t classes = largest_label(data.train) + 1;
  data.schema.classes = numbered_classes(classes);
  data.schema.scales_bytes = data.train.are_bytes;
  if (classes < 2) archive.fail("all labels of the array " + *y + " are 0");
  const std::optional<std::string> test_x = first_of(archive, test_names.features),
                                   test_y = first_of(archive, test_names.labels);
  if (!test_x || !test_y) return data;
  data.test = part_of(archive, *test_x, *test_y);
  if (data.test.rows != data.train.rows || data.test.columns != data.train.columns)
    archive.fail("the arrays " + *x + " and " + *test_x + " have samples of different shapes");
  if (data.test.are_bytes != data.train.are_bytes)
    archive.fail("the arrays " + *x + " and " + *test_x +
                 " must both hold bytes, which are divided by 255, or both hold other numbers");
  if (largest_label(data.test) >= classes)
    archive.fail("the array " + *test_y + " has the label " + std::to_string(largest_label(data.test)) +
                 ", which no training sample has");
  return data;
}

} // namespace lanefold::trainer
