// Says who else can write to a file.  Code is loaded only from places where nobody but root and this user can put it.
#pragma once

#include <string>

namespace lanefold::runtime {

// Why others can change the file or folder at this path, such as "/x/y is writable by everyone"; "" if they cannot.
std::string why_distrusted(const std::string &path);

// The same for a regular file and the folders above it, with links resolved.
std::string why_file_distrusted(const std::string &path);

// The absolute path without links, or "" if there is none.
std::string resolve(const std::string &path);

} // namespace lanefold::runtime
