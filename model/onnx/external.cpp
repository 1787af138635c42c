// Opens files of external data, and refuses every place outside the model's folder, also through symbolic links.
#include "model/onnx/external.hpp"

#include "model/onnx/proto.hpp"

#include <algorithm>
#include <filesystem>

namespace lanefold::model::onnx {

namespace {

[[noreturn]] void refuse_location(const std::string &location, const std::string &why) {
  throw ModelError("external data " + in_quotes(location) + ": " + why);
}

// The real path of the file, which lies inside the folder.
std::filesystem::path inside(const std::string &folder, const std::string &location) {
  const std::filesystem::path relative(location);
  if (location.empty() || location.find('\0') != std::string::npos || relative.is_absolute())
    refuse_location(location, "must be a relative path");
  for (const std::filesystem::path &part : relative)
    if (part == "..") refuse_location(location, "lies outside the folder of the model");
  std::error_code error;
  const std::filesystem::path root = std::filesystem::canonical(folder, error);
  if (error) refuse_location(location, "the folder of the model cannot be read");
  const std::filesystem::path path = std::filesystem::canonical(root / relative, error);
  if (error) refuse_location(location, "does not exist in the folder of the model");
  if (std::mismatch(root.begin(), root.end(), path.begin(), path.end()).first != root.end())
    refuse_location(location, "lies outside the folder of the model");
  if (!std::filesystem::is_regular_file(path, error)) refuse_location(location, "is not a file");
  return path;
}

} // namespace

const Content &ExternalData::open(const std::string &location) {
  if (folder_.empty()) refuse_location(location, "a model in memory has no folder to read it from");
  const auto found = files_.find(location);
  if (found != files_.end()) return found->second;
  Content content;
  try {
    content = open_content(inside(folder_, location).string());
  } catch (const ModelError &error) {
    if (std::string_view(error.what()).starts_with("external data")) throw;
    refuse_location(location, error.what());
  }
  size_ += content.size;
  return files_.emplace(location, std::move(content)).first->second;
}

} // namespace lanefold::model::onnx
