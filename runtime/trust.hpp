// Opens files and folders, and says who else can change what was opened. Code is loaded only from where nobody can put it
// but root, this user and, beside the library, whoever can change the library.
#pragma once

#include <string>
#include <sys/types.h>

namespace lanefold::runtime {

// Who may change a file, besides root and this user.
struct Trust {
  uid_t owner;           // may own it
  mode_t writers = 0;    // which of S_IWGRP and S_IWOTH it may have
  gid_t group = 0;       // whose members S_IWGRP lets write
  bool anywhere = false; // the folders above it do not matter
};

// Nobody else may change the file, or any folder or link on the way to it.
Trust trust_nobody_else();
// Whoever can change the library at this path, which is already running, may change what lies beside it.
Trust trust_as_library(const std::string &path);

// Owns a file descriptor.
class Descriptor {
public:
  explicit Descriptor(int number = -1) : number_(number) {}
  Descriptor(Descriptor &&other) noexcept : number_(other.number_) { other.number_ = -1; }
  Descriptor &operator=(Descriptor &&other) noexcept;
  ~Descriptor();
  int number() const { return number_; } // -1: none

private:
  int number_;
};

// A file or folder, open for reading.
struct Opened {
  Descriptor file;
  std::string path;    // absolute
  std::string problem; // why it cannot be trusted or opened, such as "/x/y is writable by everyone"; "" if it can
  int error = 0;       // the system's, if it cannot be opened
};

// path is absolute. A folder that cannot be trusted is open, too.
Opened open_folder(const std::string &path, const Trust &trust);
// name is that of a file in an open folder. Anything but a regular file is a problem, and never read.
Opened open_file_in(const Opened &folder, const std::string &name, const Trust &trust);

// The absolute path without links, or "" if there is none.
std::string resolve(const std::string &path);

} // namespace lanefold::runtime
