// Which columns of a file are read.
#include "trainer/data/table.hpp"

#include <algorithm>
#include <charconv>

namespace lanefold::trainer {

int64_t find_column(const std::vector<std::string> &names, const std::string &named) {
  const auto at = std::find(names.begin(), names.end(), named);
  if (at != names.end()) return at - names.begin();
  int64_t number = 0;
  const auto [stop, error] = std::from_chars(named.data(), named.data() + named.size(), number);
  if (error != std::errc() || stop != named.data() + named.size() || number == 0) return -1;
  const auto count = static_cast<int64_t>(names.size());
  if (number < 0) number += count + 1;
  return number >= 1 && number <= count ? number - 1 : -1;
}

std::string Table::place(int64_t row, size_t column) const {
  const bool is_joined = joined && column >= joined->first_column;
  return (is_joined ? joined->path : path) + ": row " +
         std::to_string(is_joined ? row + 1 + joined->lines_before : row_number(row)) + ", column " +
         shown(columns[column].name) + ": ";
}

ChosenColumns choose(const CsvOptions &options, const std::string &path, const std::vector<std::string> &names,
                     bool has_header) {
  ChosenColumns chosen{std::vector<bool>(names.size()), std::vector<bool>(names.size())};
  if (options.schema != nullptr) {
    const Places places = places_of(*options.schema, path, names, has_header);
    for (size_t i = 0; i < places.columns.size(); ++i) {
      chosen.is_kept[places.columns[i]] = true;
      chosen.has_words[places.columns[i]] = !options.schema->columns[i].words.empty();
    }
    for (const size_t target : places.targets)
      chosen.is_kept[target] = true, chosen.has_words[target] = options.schema->target_words;
    return chosen;
  }
  const auto position = [&](const std::string &name, const char *option) {
    const int64_t at = find_column(names, name);
    if (at < 0)
      throw DataError(path + ": has no column " + shown(name) + ", which " + option +
                      " names; columns: " + shown_list(names));
    return static_cast<size_t>(at);
  };
  chosen.is_kept.flip();
  for (const std::string &name : options.ignored) chosen.is_kept[position(name, "--ignore")] = false;
  for (const std::string &name : options.categories) chosen.has_words[position(name, "--category")] = true;
  return chosen;
}

} // namespace lanefold::trainer
