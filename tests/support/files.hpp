// Temporary folders, files of given bytes, and what a message says.
#pragma once

#include <cstddef>
#include <string>

namespace lanefold::test {

// A new folder.  The destructor removes it with all that it holds.
class TemporaryFolder {
public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder &) = delete;
  TemporaryFolder &operator=(const TemporaryFolder &) = delete;

  const std::string &path() const { return path_; }
  std::string operator/(const std::string &name) const { return path_ + "/" + name; }

  size_t entries() const;

private:
  std::string path_;
};

// Both fail the test if the file cannot be written or read.
void write_file(const std::string &path, const std::string &bytes);
std::string read_file(const std::string &path);

// The message of the Expected that `call` throws, or "nothing thrown".  Any other exception passes through.
template <class Expected, class Call> std::string message_of(const Call &call) {
  try {
    call();
  } catch (const Expected &error) {
    return error.what();
  }
  return "nothing thrown";
}

inline bool contains(const std::string &text, const std::string &part) { return text.find(part) != std::string::npos; }

} // namespace lanefold::test
