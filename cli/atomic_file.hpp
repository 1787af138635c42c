// Replaces a file as a whole, or not at all.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace lanefold::cli {

// Both remove new files that a killed process left beside path.

// Throws std::system_error; then path is the old file or the new one, whole, and no other file is left.
void replace_file(const std::string &path, const std::vector<std::string_view> &parts);

// Throws std::system_error if a file cannot be made beside path, or path is there and no regular file.
void check_replaceable(const std::string &path);

} // namespace lanefold::cli
