// Who else can write a file: code is loaded only from where nobody but root and this user can put it.
#pragma once

#include <string>

namespace lanefold::runtime {

// Why others can change the file or folder at this path ("/x/y can be written by everybody"); "" if they cannot.
std::string why_distrusted(const std::string &path);

// The same for a file and the folder it lies in, links resolved; it must be a regular file.
std::string why_file_distrusted(const std::string &path);

// Absolute path without links, or "" if there is none.
std::string resolve(const std::string &path);

} // namespace lanefold::runtime
