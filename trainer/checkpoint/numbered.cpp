// Checkpoints of past epochs, beside the one that a training continues from.
#include "trainer/checkpoint/checkpoint.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <system_error>

namespace lanefold::trainer {
namespace {

std::filesystem::path folder_of(const std::string &path) {
  const auto folder = std::filesystem::path(path).parent_path();
  return folder.empty() ? "." : folder;
}

// model.safetensors -> model<mark>.safetensors.
std::string with_mark(const std::string &path, const std::string &mark) {
  const std::filesystem::path whole(path);
  return (whole.parent_path() / (whole.stem().string() + mark + whole.extension().string())).string();
}

} // namespace

std::string numbered(const std::string &path, int64_t epoch) {
  return with_mark(path, ".epoch-" + std::to_string(epoch));
}

std::string best_of(const std::string &path) { return with_mark(path, ".best"); }

void replace(const std::string &path, const std::string &by) {
  std::error_code error;
  std::filesystem::rename(by, path, error);
  if (error) throw CheckpointError(path + ": cannot be replaced by " + by + ": " + error.message());
}

void remove_older(const std::string &path, int64_t epoch, int64_t keep) {
  const std::filesystem::path whole(path);
  const std::string begin = whole.stem().string() + ".epoch-", end = whole.extension().string();
  std::vector<int64_t> there;
  std::error_code error;
  for (const auto &entry : std::filesystem::directory_iterator(folder_of(path), error)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(begin) || !name.ends_with(end) || name.size() <= begin.size() + end.size()) continue;
    const char *first = name.data() + begin.size(), *last = name.data() + name.size() - end.size();
    int64_t number = 0;
    const auto [stopped, problem] = std::from_chars(first, last, number);
    if (problem == std::errc() && stopped == last && number <= epoch && name == numbered(whole.filename(), number))
      there.push_back(number);
  }
  std::sort(there.rbegin(), there.rend());
  for (size_t i = static_cast<size_t>(keep); i < there.size(); ++i)
    std::filesystem::remove(numbered(path, there[i]), error);
}

} // namespace lanefold::trainer
