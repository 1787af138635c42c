// A folder for temporary files, which is removed at the end.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

namespace lanefold::bench {

class TemporaryFolder {
public:
  TemporaryFolder() {
    if (!mkdtemp(path_.data())) path_.clear();
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder &) = delete;
  TemporaryFolder &operator=(const TemporaryFolder &) = delete;

  const std::string &path() const { return path_; } // empty if it could not be made

private:
  std::string path_ = (std::filesystem::temp_directory_path() / "lanefold-bench-XXXXXX").string();
};

} // namespace lanefold::bench
