// The schema as JSON, which is part of the text LF_DATA_TEXT of a model.
#include "trainer/data/schema.hpp"

#include "cli/object_reader.hpp"

#include <algorithm>
#include <cmath>

namespace lanefold::trainer {
namespace {

std::vector<std::string> read_texts(const cli::Json &json, const char *what) {
  if (!json.is_array()) throw cli::JsonError(std::string("the description of the data: ") + what + " is not an array");
  std::vector<std::string> texts;
  for (const cli::Json &text : json.elements()) texts.push_back(text.text());
  return texts;
}

} // namespace

std::vector<std::string> Schema::feature_names() const {
  std::vector<std::string> names;
  if (!has_header) return names;
  for (const SourceColumn &column : columns)
    if (column.words.empty()) names.push_back(column.name);
    else
      for (const std::string &word : column.words) names.push_back(column.name + "=" + word);
  return names;
}

namespace {

int64_t named(const std::vector<std::string> &names, const std::string &name) {
  const auto at = std::find(names.begin(), names.end(), name);
  return at == names.end() ? -1 : at - names.begin();
}

Places by_names(const Schema &schema, const std::string &path, const std::vector<std::string> &names) {
  Places places;
  std::vector<std::string> lacking;
  for (const SourceColumn &column : schema.columns) {
    const int64_t at = named(names, column.name);
    if (at < 0) lacking.push_back(column.name);
    else places.columns.push_back(static_cast<size_t>(at));
  }
  if (!lacking.empty()) throw DataError(path + ": lacks the columns " + shown_list(lacking));
  places.target = named(names, schema.target);
  return places;
}

Places by_positions(const Schema &schema, const std::string &path, size_t width) {
  const auto whole = static_cast<size_t>(schema.width);
  if (width != whole && width + 1 != whole)
    throw DataError(path + ": has " + std::to_string(width) + (width == 1 ? " column" : " columns") + "; expected " +
                    std::to_string(whole) + ", or one less, without the classes");
  Places places;
  for (const SourceColumn &column : schema.columns)
    places.columns.push_back(
        static_cast<size_t>(column.position - (width < whole && column.position > schema.target_position)));
  for (const size_t at : places.columns)
    if (at >= width) throw DataError(path + ": has too few columns");
  if (width == whole) places.target = schema.target_position;
  return places;
}

} // namespace

Places places_of(const Schema &schema, const std::string &path, const std::vector<std::string> &names,
                 bool has_header) {
  return schema.has_header && has_header ? by_names(schema, path, names) : by_positions(schema, path, names.size());
}

std::string shown(std::string_view text) {
  constexpr size_t most = 40;
  std::string result;
  for (const char c : text.substr(0, most)) result += static_cast<unsigned char>(c) < ' ' || c == 127 ? ' ' : c;
  return '"' + result + (text.size() > most ? "..." : "") + '"';
}

std::string shown_list(const std::vector<std::string> &texts) {
  constexpr size_t most = 12;
  std::string list;
  for (size_t i = 0; i < texts.size() && i < most; ++i) {
    const std::string text = shown(texts[i]);
    list += (i == 0 ? "" : ", ") + text.substr(1, text.size() - 2);
  }
  return list + (texts.size() > most ? " and " + std::to_string(texts.size() - most) + " more" : "");
}

bool Schema::has_names() const { return classes != numbered_classes(static_cast<int64_t>(classes.size())); }

std::vector<std::string> numbered_classes(int64_t count) {
  std::vector<std::string> names;
  for (int64_t i = 0; i < count; ++i) names.push_back(std::to_string(i));
  return names;
}

cli::Json describe(const Schema &schema) {
  cli::Json columns = cli::Json::array(), means = cli::Json::array();
  for (const SourceColumn &column : schema.columns) {
    cli::Json object = {{"name", column.name}, {"position", column.position}};
    if (!column.words.empty()) object["words"] = column.words;
    columns.push_back(object);
  }
  for (const float mean : schema.means) means.push_back(cli::shortest(mean));
  cli::Json json = {{"classes", schema.classes}};
  if (schema.scales_bytes) json["bytes"] = true;
  if (!schema.is_of_table()) return json;
  json["columns"] = columns, json["width"] = schema.width, json["header"] = schema.has_header;
  json["target"] = schema.target, json["target_position"] = schema.target_position;
  if (schema.target_words) json["target_words"] = true;
  if (!schema.means.empty()) json["means"] = means;
  return json;
}

Schema read_schema(const cli::Json &json) {
  cli::ObjectReader object(json, "the description of the data");
  Schema schema;
  schema.classes = read_texts(object.at("classes"), "classes");
  if (object.has("bytes")) schema.scales_bytes = object.at("bytes").boolean();
  if (!object.has("columns")) return object.end(), schema;
  const cli::Json &columns = object.at("columns");
  if (!columns.is_array() || columns.size() == 0) object.fail("has columns that are not an array");
  schema.width = object.whole("width", 2, most_columns);
  size_t features = 0;
  for (const cli::Json &one : columns.elements()) {
    cli::ObjectReader column(one, "the description of the data: a column");
    SourceColumn &made = schema.columns.emplace_back();
    made.name = column.text("name");
    made.position = column.whole("position", 0, schema.width - 1);
    if (column.has("words")) made.words = read_texts(column.at("words"), "words");
    column.end();
    if (!std::is_sorted(made.words.begin(), made.words.end())) object.fail("has words that are not sorted");
    features += made.features();
  }
  schema.target = object.text("target"), schema.has_header = object.at("header").boolean();
  schema.target_position = object.whole("target_position", 0, schema.width - 1);
  if (object.has("target_words")) schema.target_words = object.at("target_words").boolean();
  if (object.has("means")) {
    for (const cli::Json &mean : object.at("means").elements())
      schema.means.push_back(static_cast<float>(mean.number()));
    if (schema.means.size() != features) object.fail("has another number of means than of features");
    for (const float mean : schema.means)
      if (!std::isfinite(mean)) object.fail("has a mean that is not finite");
  }
  object.end();
  return schema;
}

} // namespace lanefold::trainer
