// Words become one feature each, and the target becomes labels.
#include "trainer/data/encode.hpp"

#include "cli/words.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>

namespace lanefold::trainer {
namespace {

std::string quoted(const std::string &text) { return '"' + text + '"'; }

std::string place(const Table &table, int64_t row, const std::string &column) {
  return table.path + ": row " + std::to_string(table.row_number(row)) + ", column " + quoted(column) + ": ";
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
    if (value != std::floor(value) || std::fabs(value) > 0x1p24f)
      throw DataError(place(table, row, table.columns[column].name) + std::to_string(value) +
                      " is not a class: classes are words or whole numbers");
    const auto at = std::lower_bound(classes.begin(), classes.end(), static_cast<int64_t>(value));
    if (at != classes.end() && *at == static_cast<int64_t>(value)) continue;
    classes.insert(at, static_cast<int64_t>(value));
    if (static_cast<int64_t>(classes.size()) > most_classes)
      throw DataError(table.path + ": column " + quoted(table.columns[column].name) + " has more than " +
                      std::to_string(most_classes) + " classes");
  }
  std::vector<std::string> names;
  for (const int64_t value : classes) names.push_back(std::to_string(value));
  return names;
}

// Where a column of the schema is in a table; -1: the table lacks it.
class Places {
public:
  Places(const Table &table, const Schema &schema) {
    by_name_ = table.has_header && schema.has_header;
    if (by_name_) find_names(table, schema);
    else count(table, schema);
  }
  std::vector<size_t> columns; // of each column of the schema
  int64_t target = -1;

private:
  static int64_t named(const Table &table, const std::string &name) {
    const auto at = std::find_if(table.columns.begin(), table.columns.end(),
                                 [&](const Column &column) { return column.name == name; });
    return at == table.columns.end() ? -1 : at - table.columns.begin();
  }

  void find_names(const Table &table, const Schema &schema) {
    std::vector<std::string> lacking;
    for (const SourceColumn &column : schema.columns) {
      const int64_t at = named(table, column.name);
      if (at < 0) lacking.push_back(column.name);
      else columns.push_back(static_cast<size_t>(at));
    }
    if (!lacking.empty()) throw DataError(table.path + ": lacks the columns " + cli::list(lacking));
    if (!schema.target.empty()) target = named(table, schema.target);
  }

  // The numbers of the schema's columns are names, "1" and so on, if it has no header.
  void count(const Table &table, const Schema &schema) {
    const size_t wanted = schema.columns.size();
    std::vector<size_t> all(table.columns.size());
    std::iota(all.begin(), all.end(), size_t{0});
    if (!schema.target.empty() && all.size() == wanted + 1) {
      target = target_position(schema);
      all.erase(all.begin() + target);
    }
    if (all.size() != wanted)
      throw DataError(table.path + ": has " + std::to_string(table.columns.size()) + " columns; expected " +
                      std::to_string(wanted) +
                      (schema.target.empty() ? "" : ", or one more with the column " + quoted(schema.target)));
    columns = std::move(all);
  }

  // Among the columns of the schema, in the order of the file that it was learned from.
  static int64_t target_position(const Schema &schema) { return schema.target_position; }

  bool by_name_ = false;
};

// The features of each word of a column of words, or the place of a column of numbers.
struct Encoding {
  size_t from, to;                          // the column of the table, and the first feature
  bool is_words;                            // of the schema
  std::vector<std::optional<size_t>> words; // of the table's words: the place among those of the schema
};

class Encoder {
public:
  Encoder(Table table, const Schema &schema, Missing missing)
      : table_(std::move(table)), schema_(schema), places_(table_, schema), missing_(missing) {}

  EncodedTable run(Need need) {
    if (need == Need::labels && places_.target < 0)
      throw DataError(table_.path + ": lacks the column " + quoted(schema_.target) + " with the labels; " +
                      list_of(table_.columns));
    EncodedTable made;
    made.rows = table_.rows;
    made.labels = labels();
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
  std::vector<int32_t> labels() {
    std::vector<int32_t> made(static_cast<size_t>(table_.rows), -1);
    if (places_.target < 0) return made;
    const auto column = static_cast<size_t>(places_.target);
    const Column &of = table_.columns[column];
    std::vector<int32_t> of_word;
    for (const std::string &word : of.words) of_word.push_back(cli::code_of(schema_.classes, word));
    int64_t last_value = -1;
    int32_t last_label = -1;
    for (int64_t r = 0; r < table_.rows; ++r) {
      const float value = table_.at(r, column);
      if (std::isnan(value)) throw DataError(place(table_, r, of.name) + "the class is missing");
      int32_t &label = made[static_cast<size_t>(r)];
      if (of.is_category) label = of_word[static_cast<size_t>(value)];
      else if (last_label >= 0 && static_cast<float>(last_value) == value) label = last_label;
      else label = cli::code_of(schema_.classes, number_text(value));
      if (label < 0)
        throw DataError(place(table_, r, of.name) +
                        (of.is_category ? quoted(of.words[static_cast<size_t>(value)]) : number_text(value)) +
                        " is not a class of the training data, which has " + cli::list(schema_.classes));
      last_value = static_cast<int64_t>(value), last_label = label;
    }
    return made;
  }

  static std::string number_text(float value) {
    return value == std::floor(value) && std::fabs(value) <= 0x1p24f ? std::to_string(static_cast<int64_t>(value))
                                                                     : std::to_string(value);
  }

  void plan() {
    for (size_t c = 0; c < schema_.columns.size(); ++c) {
      const SourceColumn &wanted = schema_.columns[c];
      const Column &given = table_.columns[places_.columns[c]];
      Encoding encoding{places_.columns[c], features_, !wanted.words.empty(), {}};
      if (encoding.is_words) {
        if (!given.is_category)
          throw DataError(table_.path + ": column " + quoted(given.name) +
                          " has numbers, but the model needs words: " + cli::list(wanted.words));
        for (const std::string &word : given.words) {
          const auto at = std::lower_bound(wanted.words.begin(), wanted.words.end(), word);
          const bool known = at != wanted.words.end() && *at == word;
          encoding.words.push_back(known ? std::optional(static_cast<size_t>(at - wanted.words.begin()))
                                         : std::nullopt);
        }
      } else if (given.is_category) {
        throw DataError(table_.path + ": column " + quoted(given.name) + " has words, such as " +
                        quoted(given.words.front()) + ", but the model needs numbers");
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
                        "the value is missing; --missing mean puts the column's mean there");
      if (!encoding.is_words) {
        row[encoding.to] = value;
        continue;
      }
      const size_t count = schema_.columns[static_cast<size_t>(&encoding - encodings_.data())].words.size();
      std::fill_n(row.begin() + static_cast<std::ptrdiff_t>(encoding.to), count, std::isnan(value) ? NAN : 0.0f);
      if (std::isnan(value)) continue;
      const std::optional<size_t> &word = encoding.words[static_cast<size_t>(value)];
      if (!word)
        throw DataError(place(table_, r, column.name) + quoted(column.words[static_cast<size_t>(value)]) +
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
  const int64_t at =
      target.empty() ? static_cast<int64_t>(table.columns.size()) - 1 : find_column(table.columns, target);
  if (at < 0)
    throw DataError(table.path + ": has no column " + quoted(target) + ", which --target names; " +
                    list_of(table.columns));
  if (table.columns.size() < 2) throw DataError(table.path + ": has one column; expected features and the classes");
  const auto column = static_cast<size_t>(at);
  Schema schema;
  schema.has_header = table.has_header;
  schema.target = table.columns[column].name, schema.target_position = at;
  schema.classes =
      table.columns[column].is_category ? sorted(table.columns[column].words) : whole_classes(table, column);
  if (schema.classes.size() < 2)
    throw DataError(table.path + ": column " + quoted(schema.target) +
                    " has one class alone: " + (schema.classes.empty() ? "none" : quoted(schema.classes.front())));
  for (size_t c = 0; c < table.columns.size(); ++c)
    if (c != column) schema.columns.push_back({table.columns[c].name, sorted(table.columns[c].words)});
  return schema;
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
        throw DataError(path + ": column " + quoted(column.name) + " has no value to take a mean of");
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
