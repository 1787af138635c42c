// The schema as JSON, in the text "data" of a model.
#include "trainer/data/schema.hpp"

#include "cli/object_reader.hpp"

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

bool Schema::has_names() const { return classes != numbered_classes(static_cast<int64_t>(classes.size())); }

std::vector<std::string> numbered_classes(int64_t count) {
  std::vector<std::string> names;
  for (int64_t i = 0; i < count; ++i) names.push_back(std::to_string(i));
  return names;
}

cli::Json describe(const Schema &schema) {
  cli::Json columns = cli::Json::array(), means = cli::Json::array();
  for (const SourceColumn &column : schema.columns) {
    cli::Json object = {{"name", column.name}};
    if (!column.words.empty()) object["words"] = column.words;
    columns.push_back(object);
  }
  for (const float mean : schema.means) means.push_back(cli::shortest(mean));
  cli::Json json = {{"classes", schema.classes}};
  if (schema.columns.empty()) return json;
  json["columns"] = columns, json["target"] = schema.target, json["target_position"] = schema.target_position,
  json["header"] = schema.has_header;
  if (!schema.means.empty()) json["means"] = means;
  return json;
}

Schema read_schema(const cli::Json &json) {
  cli::ObjectReader object(json, "the description of the data");
  Schema schema;
  schema.classes = read_texts(object.at("classes"), "classes");
  if (!object.has("columns")) return object.end(), schema;
  const cli::Json &columns = object.at("columns");
  if (!columns.is_array()) object.fail("has columns that are not an array");
  size_t features = 0;
  for (const cli::Json &one : columns.elements()) {
    cli::ObjectReader column(one, "the description of the data: a column");
    SourceColumn &made = schema.columns.emplace_back();
    made.name = column.text("name");
    if (column.has("words")) made.words = read_texts(column.at("words"), "words");
    column.end();
    features += made.features();
  }
  schema.target_position = object.whole("target_position", -1, static_cast<int64_t>(schema.columns.size()));
  schema.target = object.text("target"), schema.has_header = object.at("header").boolean();
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
