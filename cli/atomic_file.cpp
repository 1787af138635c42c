// Writes and syncs a new file with a unique name in the same folder, then renames it over the old one.
#include "cli/atomic_file.hpp"

#include <cerrno>
#include <filesystem>
#include <system_error>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace lanefold::cli {
namespace {

std::string folder_of(const std::string &path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

void check(bool good, const std::string &what) {
  if (!good) throw std::system_error(errno, std::generic_category(), what);
}

// The new file is path.tmp-AbCdEf.  Its writer holds a lock on it.
constexpr const char *unfinished = ".tmp-";
constexpr size_t random_letters = 6;

// Refuses to replace what is not a regular file, because a device or a pipe would be lost.
void require_replaceable(const std::string &path) {
  const auto status = std::filesystem::status(path);
  errno = path.empty() ? ENOENT : std::filesystem::is_directory(status) ? EISDIR : EINVAL;
  check(!path.empty() && (!std::filesystem::exists(status) || std::filesystem::is_regular_file(status)), path);
}

// A new file that is open, and that the destructor removes unless it is kept.
class NewFile {
public:
  explicit NewFile(const std::string &path) {
    // Another process that removes unfinished files may lock and remove this one before it is locked here.  Then try
    // again.
    for (struct stat state{}; state.st_nlink == 0;) {
      if (descriptor_ >= 0) close(descriptor_);
      name_ = path + unfinished + std::string(random_letters, 'X');
      descriptor_ = mkostemp(name_.data(), O_CLOEXEC);
      check(descriptor_ >= 0, path);
      while (flock(descriptor_, LOCK_EX) != 0 && errno == EINTR) {
      }
      if (fstat(descriptor_, &state) != 0) state.st_nlink = 1; // this file system does not count links
    }
    // It gets the mode of the file that it replaces, or else that of any new file.
    const mode_t mask = umask(0);
    umask(mask);
    struct stat old {};
    fchmod(descriptor_, stat(path.c_str(), &old) == 0 ? old.st_mode & 0777 : 0666 & ~mask);
  }
  ~NewFile() {
    if (descriptor_ >= 0) close(descriptor_);
    if (!kept_) unlink(name_.c_str());
  }
  NewFile(const NewFile &) = delete;
  NewFile &operator=(const NewFile &) = delete;

  void write(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      check(written > 0, name_);
      bytes.remove_prefix(static_cast<size_t>(written));
    }
  }

  void keep_as(const std::string &path) {
    check(fsync(descriptor_) == 0, name_);
    // The file stays open, and so locked, until it has its name.
    check(rename(name_.c_str(), path.c_str()) == 0, path);
    kept_ = true;
  }

private:
  std::string name_;
  int descriptor_ = -1;
  bool kept_ = false;
};

// A symbolic link stays, and the file that it points to is replaced.  That file need not exist yet.
std::string target_of(const std::string &path) {
  std::filesystem::path target = path;
  std::error_code error;
  for (int links = 0; links < 40 && std::filesystem::is_symlink(target, error); ++links)
    target = target.parent_path() / std::filesystem::read_symlink(target, error);
  return target.string();
}

// Removes the unfinished files that no process has locked.
void remove_unfinished(const std::string &path) {
  const std::string begin = std::filesystem::path(path).filename().string() + unfinished;
  std::error_code error;
  for (const auto &entry : std::filesystem::directory_iterator(folder_of(path), error)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(begin) || name.size() != begin.size() + random_letters) continue;
    const int file = open(entry.path().c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (file < 0) continue;
    if (flock(file, LOCK_EX | LOCK_NB) == 0) unlink(entry.path().c_str());
    close(file);
  }
}

} // namespace

void replace_file(const std::string &path, const std::vector<std::string_view> &parts) {
  require_replaceable(path);
  const std::string target = target_of(path);
  remove_unfinished(target);
  NewFile file(target);
  for (const std::string_view part : parts) file.write(part);
  file.keep_as(target);
  // The new name is safe on disk only after the folder is synced.
  const std::string folder = folder_of(target);
  const int descriptor = open(folder.c_str(), O_RDONLY | O_DIRECTORY);
  check(descriptor >= 0, folder);
  const bool synced = fsync(descriptor) == 0;
  close(descriptor);
  check(synced, folder);
}

void check_replaceable(const std::string &path) {
  require_replaceable(path);
  const std::string target = target_of(path);
  remove_unfinished(target);
  const NewFile attempt(target);
}

} // namespace lanefold::cli
