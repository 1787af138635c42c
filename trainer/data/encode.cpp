// Words become one feature each, and the target becomes labels.
#include "trainer/data/encode.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <unordered_map>

namespace lanefold::trainer {
namespace {

std::vector<std::string> sorted(std::vector<std::string> words) {
  std::sort(words.begin(), words.end());
  return words;
}

// The classes of a column of numbers, which must be whole, in ascending order.
std::vector<std::string> whole_classes(const Table &table, size_t column) {
  std::vector<int64_t> classes;
  for (int64_t row = 0; row < table.rows; ++row) {
    const float value = table.at(row, column);
    if (std::isnan(value)) continue; // encode() refuses it
    if (value != std::floor(value) || std::fabs(value) >= 0x1p24f)
      throw DataError(table.place(row, column) + std::to_string(value) +
                      " is not a class: classes are words or whole numbers");
    const auto at = std::lower_bound(classes.begin(), classes.end(), static_cast<int64_t>(value));
    if (at != classes.end() && *at == static_cast<int64_t>(value)) continue;
    classes.insert(at, static_cast<int64_t>(value));
    if (static_cast<int64_t>(classes.size()) > most_classes)
      throw DataError(table.path + ": column " + shown(table.columns[column].name) + " has more than " +
                      std::to_string(most_classes) + " classes");
  }
  std::vector<std::string> names;
  for (const int64_t value : classes) names.push_back(std::to_string(value));
  return names;
}

// What a column of numbers holds.
struct Numbers {
  bool are_whole = true, are_large = false, are_many = false; // large, many: too large, or too many, for classes
  size_t different = 0;
};

// The number of different values up to which a column of whole numbers is guessed to hold classes:
// max(20, sqrt(rows)), but at most rows / 2, so that a class has two rows on average.  Numbers that count from 0 without a
// gap may be as many as the latter.
size_t most_guessed_classes(int64_t rows) {
  const auto root = static_cast<size_t>(std::sqrt(static_cast<double>(rows)));
  return std::min(std::max<size_t>(20, root), static_cast<size_t>(rows) / 2);
}

Numbers numbers_in(const Table &table, size_t column) {
  std::vector<float> found; // ascending
  const size_t most = most_guessed_classes(table.rows);
  Numbers numbers;
  for (int64_t row = 0; row < table.rows; ++row) {
    const float value = table.at(row, column);
    if (std::isnan(value)) continue;
    numbers.are_large |= std::fabs(value) >= 0x1p24f;
    if (value != std::floor(value)) return {false, false, true, 0};
    const auto at = std::lower_bound(found.begin(), found.end(), value);
    if (found.size() > static_cast<size_t>(most_classes) || (at != found.end() && *at == value)) continue;
    found.insert(at, value);
  }
  numbers.different = found.size();
  const bool counts_from_0 =
      !found.empty() && found.front() == 0 && found.back() == static_cast<float>(found.size() - 1);
  numbers.are_many = found.size() > (counts_from_0 ? static_cast<size_t>(table.rows) / 2 : most);
  return numbers;
}

// A class as a schema names it.
std::string number_text(float value) {
  return value == std::floor(value) && std::fabs(value) < 0x1p24f ? std::to_string(static_cast<int64_t>(value))
                                                                  : std::to_string(value);
}

// The place of a column of the file among those of the table.
size_t column_at(const Table &table, size_t position) {
  for (size_t c = 0; c < table.columns.size(); ++c)
    if (table.columns[c].position == position) return c;
  throw DataError(table.path + ": column " + shown(table.names.at(position)) + " is left out, but it is needed");
}

// Where a schema's columns are in a table.
Places places_in(const Table &table, const Schema &schema) {
  Places places = places_of(schema, table.path, table.names, table.has_header);
  for (size_t &column : places.columns) column = column_at(table, column);
  for (size_t &column : places.targets) column = column_at(table, column);
  return places;
}

// The features of each word of a column of words, or the place of a column of numbers.
struct Encoding {
  size_t from, to;                          // the column of the table, and the first feature
  bool is_words;                            // of the schema
  std::vector<std::optional<size_t>> words; // of the table's words: the place among those of the schema
};

class Encoder {
public:
  Encoder(Table table, const Schema &schema, Missing missing)
      : table_(std::move(table)), schema_(schema), places_(places_in(table_, schema)), missing_(missing) {}

  EncodedTable run(Need need) {
    if (need == Need::labels && places_.targets.empty())
      throw DataError(table_.path + ": lacks " + lacking_targets(schema_, table_.names) +
                      "; columns: " + shown_list(table_.names));
    EncodedTable made;
    made.rows = table_.rows;
    take_targets(need, made);
    plan();
    made.features = static_cast<int64_t>(features_);
    const size_t columns = table_.columns.size();
    // Rows that do not grow stay in their memory.
    const bool grows = features_ > columns;
    if (grows) made.values.resize(static_cast<size_t>(table_.rows) * features_);
    float *const to = grows ? made.values.data() : table_.values.data();
    std::vector<float> row(features_);
    for (int64_t r = 0; r < table_.rows; ++r) {
      encode_row(r, row);
      std::copy(row.begin(), row.end(), to + static_cast<size_t>(r) * features_);
    }
    if (grows) return made;
    made.values = std::move(table_.values);
    made.values.resize(static_cast<size_t>(table_.rows) * features_);
    return made;
  }

private:
  void take_targets(Need need, EncodedTable &made) const {
    const auto rows = static_cast<size_t>(table_.rows);
    const bool are_there = !places_.targets.empty();
    if (schema_.is_regression())
      made.targets = are_there ? numbers_of(table_, places_.targets, need)
                               : std::vector<float>(rows * schema_.targets.size(), NAN);
    else
      made.labels = are_there ? labels_of(table_, places_.targets[0], schema_, need) : std::vector<int32_t>(rows, -1);
  }

  void plan() {
    for (size_t c = 0; c < schema_.columns.size(); ++c) {
      const SourceColumn &wanted = schema_.columns[c];
      const Column &given = table_.columns[places_.columns[c]];
      Encoding encoding{places_.columns[c], features_, !wanted.words.empty(), {}};
      // The reader has seen to it that a column has words where the schema has them.
      for (const std::string &word : given.words) {
        const auto at = std::lower_bound(wanted.words.begin(), wanted.words.end(), word);
        const bool known = at != wanted.words.end() && *at == word;
        encoding.words.push_back(known ? std::optional(static_cast<size_t>(at - wanted.words.begin())) : std::nullopt);
      }
      features_ += wanted.features();
      encodings_.push_back(std::move(encoding));
    }
  }

  void encode_row(int64_t r, std::vector<float> &row) const {
    for (const Encoding &encoding : encodings_) {
      const float value = table_.at(r, encoding.from);
      const Column &column = table_.columns[encoding.from];
      if (std::isnan(value) && missing_ == Missing::refused)
        throw DataError(table_.place(r, encoding.from) +
                        "the value is missing; train with --missing mean to replace it by the column's mean");
      if (!encoding.is_words) {
        row[encoding.to] = value;
        continue;
      }
      const size_t count = schema_.columns[static_cast<size_t>(&encoding - encodings_.data())].words.size();
      std::fill_n(row.begin() + static_cast<std::ptrdiff_t>(encoding.to), count, std::isnan(value) ? NAN : 0.0f);
      if (std::isnan(value)) continue;
      const std::optional<size_t> &word = encoding.words[static_cast<size_t>(value)];
      if (!word)
        throw DataError(table_.place(r, encoding.from) + shown(column.words[static_cast<size_t>(value)]) +
                        " is not among the words of the training data");
      row[encoding.to + *word] = 1;
    }
  }

  Table table_;
  const Schema &schema_;
  const Places places_;
  const Missing missing_;
  std::vector<Encoding> encodings_;
  size_t features_ = 0;
};

} // namespace

std::vector<size_t> columns_at(const Table &table, const std::vector<int64_t> &positions) {
  std::vector<size_t> columns;
  for (const int64_t at : positions) columns.push_back(column_at(table, static_cast<size_t>(at)));
  return columns;
}

std::vector<int64_t> targets_of(const Table &table, const Wanted &wanted) {
  if (wanted.targets.empty()) return {static_cast<int64_t>(table.columns.back().position)};
  std::vector<int64_t> positions;
  for (const std::string &name : wanted.targets) {
    const int64_t at = find_column(table.names, name);
    if (at < 0)
      throw DataError(table.path + ": has no column " + shown(name) +
                      ", which --target names; columns: " + shown_list(table.names));
    if (std::find(positions.begin(), positions.end(), at) != positions.end())
      throw DataError(table.path + ": --target names the column " + shown(name) + " twice");
    positions.push_back(at);
  }
  return positions;
}

ChosenTask choose_task(const Table &targets, const std::vector<size_t> &columns, std::optional<Task> wanted) {
  if (wanted == Task::classification && columns.size() > 1)
    throw DataError(targets.path + ": has " + std::to_string(columns.size()) +
                    " targets, but classification takes one; lanefold train --task regression takes several");
  for (const size_t column : columns)
    if (const Column &of = targets.columns[column];
        of.is_category && (wanted == Task::regression || columns.size() > 1))
      throw DataError(targets.path + ": column " + shown(of.name) +
                      " holds words, but the targets of a regression are numbers");
  if (wanted) return {*wanted, ""};
  if (columns.size() > 1) return {Task::regression, "there are " + std::to_string(columns.size()) + " targets"};
  const std::string name = targets.names.empty() ? "the array of labels" // of an archive
                                                 : "column " + shown(targets.columns[columns[0]].name);
  if (targets.columns[columns[0]].is_category) return {Task::classification, name + " holds words"};
  const Numbers numbers = numbers_in(targets, columns[0]);
  if (!numbers.are_whole) return {Task::regression, name + " holds numbers that are not whole"};
  if (numbers.are_large) return {Task::regression, name + " holds whole numbers that are too large for classes"};
  const std::string found =
      name + " holds " + (numbers.are_many ? "many" : std::to_string(numbers.different)) + " different whole numbers";
  return {numbers.are_many ? Task::regression : Task::classification, found};
}

Schema schema_of(const Table &table, const std::vector<int64_t> &positions, Task task, const Table &values,
                 const std::vector<size_t> &columns) {
  Schema schema;
  schema.task = task;
  schema.has_header = table.has_header;
  schema.width = static_cast<int64_t>(table.names.size());
  for (const int64_t at : positions) schema.targets.push_back({table.names[static_cast<size_t>(at)], at});
  if (!schema.is_regression()) {
    const Column &classes = values.columns[columns[0]];
    schema.target_words = classes.is_category;
    schema.classes = classes.is_category ? sorted(classes.words) : whole_classes(values, columns[0]);
    if (schema.classes.size() < 2)
      throw DataError(table.path + ": column " + shown(schema.targets[0].name) + " has fewer than two classes: " +
                      (schema.classes.empty() ? "none" : shown(schema.classes.front())));
  }
  for (const Column &of : table.columns)
    if (of.is_category && of.words.empty())
      throw DataError(table.path + ": column " + shown(of.name) + " holds no words, but only missing values");
  for (const Column &of : table.columns)
    if (const auto position = static_cast<int64_t>(of.position); !schema.is_target(position))
      schema.columns.push_back({of.name, position, sorted(of.words)});
  if (schema.columns.empty()) throw DataError(table.path + ": has no column besides the targets; expected features");
  return schema;
}

std::vector<float> numbers_of(const Table &table, const std::vector<size_t> &columns, Need need) {
  std::vector<float> made;
  made.reserve(static_cast<size_t>(table.rows) * columns.size());
  for (int64_t r = 0; r < table.rows; ++r)
    for (const size_t column : columns) {
      const Column &of = table.columns[column];
      const float value = table.at(r, column);
      if (of.is_category && !std::isnan(value))
        throw DataError(table.place(r, column) + shown(of.words[static_cast<size_t>(value)]) + " is not a number");
      if (std::isnan(value) && need == Need::labels) throw DataError(table.place(r, column) + "the target is missing");
      made.push_back(value);
    }
  return made;
}

Table joined(Table table, const Table &targets) {
  if (table.rows != targets.rows)
    throw DataError(targets.path + ": has " + counted(targets.rows, "row") + ", but " + table.path + " has " +
                    std::to_string(table.rows));
  Table made;
  made.path = table.path, made.rows = table.rows, made.skipped = table.skipped;
  made.has_header = table.has_header;
  made.joined = {table.columns.size(), targets.path, targets.skipped + targets.has_header};
  made.names = table.names, made.columns = table.columns;
  const size_t before = table.names.size(), count = targets.names.size();
  for (size_t i = 0; i < count; ++i) {
    const std::string name = targets.has_header ? targets.names[i]
                             : count == 1       ? "target"
                                                : "target_" + std::to_string(i + 1);
    if (made.has_header && std::find(table.names.begin(), table.names.end(), name) != table.names.end())
      throw DataError(targets.path + " and " + table.path + " both have a column " + shown(name));
    made.names.push_back(name);
  }
  for (Column column : targets.columns) {
    column.position += before;
    made.columns.push_back(std::move(column));
  }
  for (Column &column : made.columns) column.name = made.names[column.position];
  const size_t left = table.columns.size(), right = targets.columns.size();
  made.values.resize(static_cast<size_t>(made.rows) * (left + right));
  for (size_t r = 0; r < static_cast<size_t>(made.rows); ++r) {
    float *row = made.values.data() + r * (left + right);
    std::copy_n(table.values.data() + r * left, left, row);
    std::copy_n(targets.values.data() + r * right, right, row + left);
  }
  return made;
}

std::vector<int32_t> labels_of(const Table &table, size_t column, const Schema &schema, Need need) {
  const Column &of = table.columns[column];
  std::unordered_map<std::string, int32_t> codes;
  for (size_t i = 0; i < schema.classes.size(); ++i) codes.emplace(schema.classes[i], static_cast<int32_t>(i));
  const auto code_of = [&](const std::string &name) {
    const auto at = codes.find(name);
    return at == codes.end() ? -1 : at->second;
  };
  std::vector<int32_t> of_word;
  for (const std::string &word : of.words) of_word.push_back(code_of(word));
  std::vector<int32_t> made(static_cast<size_t>(table.rows), -1);
  for (int64_t r = 0; r < table.rows; ++r) {
    const float value = table.at(r, column);
    int32_t &label = made[static_cast<size_t>(r)];
    if (!std::isnan(value)) label = of.is_category ? of_word[static_cast<size_t>(value)] : code_of(number_text(value));
    if (label >= 0 || need == Need::features) continue;
    if (std::isnan(value)) throw DataError(table.place(r, column) + "the class is missing");
    throw DataError(table.place(r, column) +
                    shown(of.is_category ? of.words[static_cast<size_t>(value)] : number_text(value)) +
                    " is not a class of the training data, which has " + shown_list(schema.classes));
  }
  return made;
}

EncodedTable encode(Table table, const Schema &schema, Need need, Missing missing) {
  return Encoder(std::move(table), schema, missing).run(need);
}

std::vector<float> means_of(const EncodedTable &table, const std::vector<uint32_t> &rows, const Schema &schema,
                            const std::string &path) {
  const auto features = static_cast<size_t>(table.features);
  std::vector<double> sums(features);
  std::vector<int64_t> counts(features);
  for (const uint32_t row : rows)
    for (size_t j = 0; j < features; ++j) {
      const float value = table.values[row * features + j];
      if (!std::isnan(value)) sums[j] += static_cast<double>(value), ++counts[j];
    }
  std::vector<float> means;
  size_t feature = 0;
  for (const SourceColumn &column : schema.columns)
    for (size_t i = 0; i < column.features(); ++i, ++feature) {
      if (counts[feature] == 0)
        throw DataError(path + ": column " + shown(column.name) + " has no value to take a mean of");
      means.push_back(static_cast<float>(sums[feature] / static_cast<double>(counts[feature])));
    }
  return means;
}

void fill(EncodedTable &table, const std::vector<float> &means) {
  for (int64_t r = 0; r < table.rows; ++r)
    for (size_t j = 0; j < means.size(); ++j) {
      float &value = table.values[static_cast<size_t>(r) * means.size() + j];
      if (std::isnan(value)) value = means[j];
    }
}

} // namespace lanefold::trainer
