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
  for (const Target &target : schema.targets)
    if (const int64_t at = named(names, target.name); at >= 0) places.targets.push_back(static_cast<size_t>(at));
  if (places.targets.size() != schema.targets.size()) places.targets.clear();
  return places;
}

Places by_positions(const Schema &schema, const std::string &path, size_t width) {
  const auto whole = static_cast<size_t>(schema.width), targets = schema.targets.size();
  if (width != whole && width + targets != whole)
    throw DataError(path + ": has " + std::to_string(width) + (width == 1 ? " column" : " columns") + "; expected " +
                    std::to_string(whole) + ", or " + std::to_string(whole - targets) + " without " +
                    (schema.is_regression() ? "the targets" : "the classes"));
  Places places;
  for (const SourceColumn &column : schema.columns) {
    const auto before = std::count_if(schema.targets.begin(), schema.targets.end(),
                                      [&](const Target &target) { return target.position < column.position; });
    places.columns.push_back(static_cast<size_t>(column.position - (width < whole ? before : 0)));
  }
  for (const size_t at : places.columns)
    if (at >= width) throw DataError(path + ": has too few columns");
  if (width == whole)
    for (const Target &target : schema.targets) places.targets.push_back(static_cast<size_t>(target.position));
  return places;
}

} // namespace

Places places_of(const Schema &schema, const std::string &path, const std::vector<std::string> &names,
                 bool has_header) {
  return schema.has_header && has_header ? by_names(schema, path, names) : by_positions(schema, path, names.size());
}

std::string lacking_targets(const Schema &schema, const std::vector<std::string> &names) {
  std::vector<std::string> lacking;
  for (const Target &target : schema.targets)
    if (!schema.has_header || named(names, target.name) < 0) lacking.push_back(target.name);
  const std::string list =
      lacking.size() == 1 ? "the column " + shown(lacking[0]) : "the columns " + shown_list(lacking);
  return list + " with the " + (schema.is_regression() ? lacking.size() == 1 ? "target" : "targets" : "classes");
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

std::string counted(int64_t count, const std::string &noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : noun.ends_with('s') ? "es" : "s");
}

bool Schema::is_target(int64_t position) const {
  return std::any_of(targets.begin(), targets.end(), [=](const Target &target) { return target.position == position; });
}

const std::vector<std::string> &task_names() {
  static const std::vector<std::string> names = {"classification", "regression"};
  return names;
}

const std::vector<std::string> &loss_names() {
  static const std::vector<std::string> names = {"squared", "absolute", "huber"};
  return names;
}

bool Schema::has_names() const { return classes != numbered_classes(static_cast<int64_t>(classes.size())); }

std::vector<std::string> numbered_classes(int64_t count) {
  std::vector<std::string> names;
  for (int64_t i = 0; i < count; ++i) names.push_back(std::to_string(i));
  return names;
}

namespace {

cli::Json describe_targets(const std::vector<Target> &targets) {
  cli::Json array = cli::Json::array();
  for (const Target &target : targets) array.push_back({{"name", target.name}, {"position", target.position}});
  return array;
}

// What the network's numbers mean: one mean and one deviation for each target.
cli::Json describe_regression(const Schema &schema) {
  cli::Json means = cli::Json::array(), deviations = cli::Json::array();
  for (const Target &target : schema.targets) {
    means.push_back(cli::shortest(target.mean));
    deviations.push_back(cli::shortest(target.deviation));
  }
  return {{"loss", loss_names()[static_cast<size_t>(schema.loss.code)]},
          {"delta", cli::shortest(schema.loss.delta)},
          {"means", means},
          {"deviations", deviations}};
}

float finite(const cli::Json &json, cli::ObjectReader &object, bool above_zero = false) {
  const auto value = static_cast<float>(json.number());
  if (!std::isfinite(value) || (above_zero && value <= 0))
    object.fail("has a number that is out of range; expected a finite float" +
                std::string(above_zero ? " above 0" : ""));
  return value;
}

void read_regression(const cli::Json &json, Schema &schema) {
  cli::ObjectReader object(json, "the description of the regression");
  schema.task = Task::regression;
  const std::string loss = object.word("loss", loss_names());
  schema.loss.code =
      static_cast<int32_t>(std::find(loss_names().begin(), loss_names().end(), loss) - loss_names().begin());
  schema.loss.delta = finite(object.at("delta"), object, true);
  const cli::Json &means = object.at("means"), &deviations = object.at("deviations");
  object.end();
  if (!means.is_array() || !deviations.is_array() || means.size() == 0 || means.size() != deviations.size() ||
      means.size() > static_cast<size_t>(most_columns))
    object.fail("has means or deviations that are not arrays of one number for each target");
  for (size_t j = 0; j < means.size(); ++j)
    schema.targets.push_back({std::to_string(j + 1), 0, finite(means.elements()[j], object),
                              finite(deviations.elements()[j], object, true)});
}

// The names and positions of the targets of a table.
void read_targets(const cli::Json &json, cli::ObjectReader &object, Schema &schema) {
  if (!json.is_array() || json.size() == 0) object.fail("has targets that are not an array");
  if (schema.is_regression() ? json.size() != schema.targets.size() : json.size() != 1)
    object.fail("has " + std::to_string(json.size()) + " entries in targets; expected " +
                std::to_string(schema.is_regression() ? schema.targets.size() : 1));
  schema.targets.resize(json.size());
  for (size_t j = 0; j < json.size(); ++j) {
    cli::ObjectReader target(json.elements()[j], "the description of the data: a target");
    schema.targets[j].name = target.text("name");
    schema.targets[j].position = target.whole("position", 0, schema.width - 1);
    target.end();
  }
  for (const SourceColumn &column : schema.columns)
    if (schema.is_target(column.position)) object.fail("has a target that is a feature, too");
  for (const Target &target : schema.targets)
    if (std::count_if(schema.targets.begin(), schema.targets.end(),
                      [&](const Target &other) { return other.position == target.position; }) > 1)
      object.fail("has two targets in one column");
}

} // namespace

cli::Json describe(const Schema &schema) {
  cli::Json columns = cli::Json::array(), means = cli::Json::array();
  for (const SourceColumn &column : schema.columns) {
    cli::Json object = {{"name", column.name}, {"position", column.position}};
    if (!column.words.empty()) object["words"] = column.words;
    columns.push_back(object);
  }
  for (const float mean : schema.means) means.push_back(cli::shortest(mean));
  cli::Json json = cli::Json::object();
  if (schema.is_regression()) json["regression"] = describe_regression(schema);
  else json["classes"] = schema.classes;
  if (schema.scales_bytes) json["bytes"] = true;
  if (!schema.is_of_table()) return json;
  json["columns"] = columns, json["width"] = schema.width, json["header"] = schema.has_header;
  json["targets"] = describe_targets(schema.targets);
  if (schema.target_words) json["target_words"] = true;
  if (!schema.means.empty()) json["means"] = means;
  return json;
}

Schema read_schema(const cli::Json &json) {
  cli::ObjectReader object(json, "the description of the data");
  Schema schema;
  if (object.has("regression")) read_regression(object.at("regression"), schema);
  else {
    schema.classes = read_texts(object.at("classes"), "classes");
    std::vector<std::string> sorted = schema.classes;
    std::sort(sorted.begin(), sorted.end());
    if (sorted.size() < 2 || std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end())
      object.fail("has fewer than two classes, or one twice");
  }
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
  schema.has_header = object.at("header").boolean();
  read_targets(object.at("targets"), object, schema);
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
