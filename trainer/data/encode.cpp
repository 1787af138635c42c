// Words become one feature each, and the target becomes labels.
#include "trainer/data/encode.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <unordered_map>

namespace lanefold::trainer {
namespace {

std::string place(const Table &table, int64_t row, const std::string &column) {
  return table.path + ": row " + std::to_string(table.row_number(row)) + ", column " + shown(column) + ": ";
}

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
      throw DataError(place(table, row, table.columns[column].name) + std::to_string(value) +
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
  if (places.target >= 0) places.target = static_cast<int64_t>(column_at(table, static_cast<size_t>(places.target)));
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
    if (need == Need::labels && places_.target < 0)
      throw DataError(table_.path + ": lacks the column " + shown(schema_.target) + " with the classes; " +
                      "columns: " + shown_list(table_.names));
    EncodedTable made;
    made.rows = table_.rows;
    made.labels = labels(need);
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
  std::vector<int32_t> labels(Need need) const {
    if (places_.target < 0) return std::vector<int32_t>(static_cast<size_t>(table_.rows), -1);
    return labels_of(table_, static_cast<size_t>(places_.target), schema_, need);
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
        throw DataError(place(table_, r, column.name) +
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
        throw DataError(place(table_, r, column.name) + shown(column.words[static_cast<size_t>(value)]) +
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

Schema learn_schema(const Table &table, const std::string &target) {
  if (table.columns.size() < 2) throw DataError(table.path + ": has one column; expected features and the classes");
  const int64_t at = target_of(table, target);
  return schema_of(table, at, table, column_at(table, static_cast<size_t>(at)));
}

int64_t target_of(const Table &table, const std::string &target) {
  if (target.empty()) return static_cast<int64_t>(table.columns.back().position);
  const int64_t at = find_column(table.names, target);
  if (at < 0)
    throw DataError(table.path + ": has no column " + shown(target) +
                    ", which --target names; columns: " + shown_list(table.names));
  return at;
}

Schema schema_of(const Table &table, int64_t at, const Table &values, size_t column) {
  Schema schema;
  schema.has_header = table.has_header;
  schema.width = static_cast<int64_t>(table.names.size());
  schema.target = table.names[static_cast<size_t>(at)], schema.target_position = at;
  const Column &classes = values.columns[column];
  schema.target_words = classes.is_category;
  schema.classes = classes.is_category ? sorted(classes.words) : whole_classes(values, column);
  if (schema.classes.size() < 2)
    throw DataError(table.path + ": column " + shown(schema.target) + " has fewer than two classes: " +
                    (schema.classes.empty() ? "none" : shown(schema.classes.front())));
  for (const Column &of : table.columns)
    if (of.is_category && of.words.empty())
      throw DataError(table.path + ": column " + shown(of.name) + " holds no words, but only missing values");
  for (const Column &of : table.columns)
    if (const auto position = static_cast<int64_t>(of.position); position != at)
      schema.columns.push_back({of.name, position, sorted(of.words)});
  return schema;
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
    if (std::isnan(value)) throw DataError(place(table, r, of.name) + "the class is missing");
    throw DataError(place(table, r, of.name) +
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
