// Metadata as JSON.
#include "model/onnx/texts.hpp"

#include "cli/json.hpp"

namespace lanefold::model::onnx {

namespace {

constexpr const char *feature_names = "feature_names", *class_names = "class_names", *unbiased = "unbiased_variance";

// None: the file has no such array.
std::optional<cli::Json> array_under(const File &file, std::string_view key) {
  const auto found = file.metadata.find(key);
  if (found == file.metadata.end()) return std::nullopt;
  try {
    cli::Json array = cli::parse_strictly(std::string(found->second), "metadata");
    if (array.is_array()) return array;
  } catch (const cli::JsonError &) {
  }
  return std::nullopt;
}

// Replaces the names if there are as many in the metadata as there should be.
void read_names(const File &file, const char *key, int64_t count, bool may_be_two, Model &model,
                std::vector<std::string> &names) {
  if (!file.metadata.contains(key)) return;
  std::vector<std::string> found;
  if (const std::optional<cli::Json> array = array_under(file, key))
    for (const cli::Json &name : array->elements())
      if (name.is_text()) found.push_back(readable(name.text(), 1000));
  const auto size = static_cast<int64_t>(found.size());
  if (size == count || (may_be_two && size == 2)) names = std::move(found);
  else
    model.notes.push_back("The metadata \"" + std::string(key) +
                          "\" are left out, because they are not a JSON array of " + std::to_string(count) +
                          " strings.");
}

} // namespace

void read_texts(const File &file, Model &model) {
  const auto classes = static_cast<int64_t>(model.class_names.size());
  const bool may_be_two = model.outputs() == 1;
  if (classes != 0 && classes != model.outputs() && !(may_be_two && classes == 2)) {
    model.notes.push_back("The names of the classes are left out, because there are " + std::to_string(classes) +
                          " for " + std::to_string(model.outputs()) + " outputs.");
    model.class_names.clear();
  }
  if (const auto data = file.metadata.find(LF_DATA_TEXT); data != file.metadata.end())
    model.texts.emplace(LF_DATA_TEXT, data->second);
  read_names(file, feature_names, model.features, false, model, model.feature_names);
  read_names(file, class_names, model.outputs(), may_be_two, model, model.class_names);
}

std::set<std::string, std::less<>> unbiased_norms(const File &file) {
  std::set<std::string, std::less<>> names;
  if (const std::optional<cli::Json> array = array_under(file, unbiased))
    for (const cli::Json &name : array->elements())
      if (name.is_text() && !name.text().empty()) names.insert(name.text());
  return names;
}

std::string norm_name(size_t layer) { return "layers." + std::to_string(layer) + ".norm"; }

std::map<std::string, std::string> texts_of(const Model &model) {
  std::map<std::string, std::string> texts;
  if (!model.feature_names.empty()) texts[feature_names] = cli::Json(model.feature_names).dump();
  if (!model.class_names.empty()) texts[class_names] = cli::Json(model.class_names).dump();
  std::vector<std::string> norms;
  for (size_t i = 0; i < model.layers.size(); ++i)
    if (model.layers[i].norm && model.layers[i].norm->unbiased) norms.push_back(norm_name(i));
  if (!norms.empty()) texts[unbiased] = cli::Json(norms).dump();
  if (const auto data = model.texts.find(LF_DATA_TEXT); data != model.texts.end()) texts[LF_DATA_TEXT] = data->second;
  return texts;
}

} // namespace lanefold::model::onnx
