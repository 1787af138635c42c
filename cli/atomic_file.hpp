// Replaces a whole file, or leaves the old one as it was.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace lanefold::cli {

// Both functions remove unfinished files that killed processes left beside `path`.

// Writes the parts one after the other.  Throws std::system_error; `path` then names the complete old file or the
// complete new one, and no other file is left.
void replace_file(const std::string &path, const std::vector<std::string_view> &parts);

// Throws std::system_error if no file can be made beside `path`, or `path` names something that is not a regular file.
void check_replaceable(const std::string &path);

} // namespace lanefold::cli
