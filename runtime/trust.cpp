// Each part of a path is opened by a descriptor, and what was opened is judged. A swap between the judgement and the use
// of a path would take somebody who can write to a folder on the way, and such folders are refused.
#include "runtime/trust.hpp"

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <fcntl.h>
#include <memory>
#include <new>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <system_error>
#include <unistd.h>
#include <vector>

namespace lanefold::runtime {
namespace {

constexpr int most_links = 40; // as many as Linux follows

std::string last_error() { return std::generic_category().message(errno); }

bool has_access_list(int file) { return fgetxattr(file, "system.posix_acl_access", nullptr, 0) > 0; }

// Why this file, folder or link cannot be trusted; "" if it can. A folder on the way may be writable if it is sticky,
// because then nobody can replace what others put there.
std::string why_distrusted(const struct stat &status, bool on_the_way, const Trust &trust) {
  if (status.st_uid != 0 && status.st_uid != geteuid() && status.st_uid != trust.owner)
    return " belongs to another user";
  if (S_ISLNK(status.st_mode)) return ""; // nobody can write to a link
  if (on_the_way && (status.st_mode & S_ISVTX) != 0) return "";
  const mode_t others = status.st_mode & (S_IWGRP | S_IWOTH) & ~trust.writers;
  if ((others & S_IWOTH) != 0) return " is writable by everyone";
  // The permissions of a group include those of access-control lists.
  if ((others & S_IWGRP) != 0) return " is writable by a group or through an access-control list";
  if ((status.st_mode & S_IWGRP) != 0 && status.st_gid != trust.group) return " is writable by another group";
  return "";
}

// Walks down from the root of the file system, and judges every folder and link on the way.
class Walk {
public:
  Walk(const std::string &path, const Trust &trust) : trust_(trust) { push_parts(path); }

  // Opens the last part with these flags.
  Opened open(int flags) {
    Opened opened;
    enter_root();
    std::string last = ".";
    while (!stuck_ && !parts_.empty()) {
      const std::string part = std::move(parts_.back());
      parts_.pop_back();
      if (part == "..") {
        if (folders_.size() > 1) folders_.pop_back();
        continue;
      }
      const std::string path = path_of(part);
      Descriptor found(openat(top(), part.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
      struct stat status;
      if (found.number() < 0 || fstat(found.number(), &status) != 0) {
        get_stuck(path);
      } else if (S_ISLNK(status.st_mode)) {
        judge(path, status);
        follow(path, found.number());
      } else if (!parts_.empty()) {
        judge(path, status);
        folders_.push_back({std::move(found), path});
      } else {
        last = part;
      }
    }
    opened.path = last == "." ? folders_.back().path : path_of(last);
    opened.problem = problem_;
    if (!stuck_) opened.file = Descriptor(openat(top(), last.c_str(), flags | O_NOFOLLOW));
    return opened;
  }

private:
  struct Folder {
    Descriptor file;
    std::string path;
  };

  void push_parts(const std::string &path) {
    for (std::size_t end = path.size(); end > 0;) {
      const std::size_t slash = path.rfind('/', end - 1), begin = slash == std::string::npos ? 0 : slash + 1;
      const std::string part = path.substr(begin, end - begin);
      if (!part.empty() && part != ".") parts_.push_back(part);
      end = slash == std::string::npos ? 0 : slash;
    }
  }

  int top() const { return folders_.back().file.number(); }
  std::string path_of(const std::string &part) const {
    const std::string &folder = folders_.back().path;
    return folder == "/" ? "/" + part : folder + "/" + part;
  }

  void enter_root() {
    folders_.push_back({Descriptor(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC)), "/"});
    struct stat status;
    if (fstat(top(), &status) != 0) get_stuck("/");
    else judge("/", status);
  }

  // Notes the first problem.
  void judge(const std::string &path, const struct stat &status) {
    const std::string why = why_distrusted(status, true, trust_);
    if (problem_.empty() && !why.empty()) problem_ = path + why;
  }

  void get_stuck(const std::string &path) {
    if (problem_.empty()) problem_ = path + " cannot be opened: " + last_error();
    stuck_ = true;
  }

  void follow(const std::string &path, int link) {
    char target[PATH_MAX];
    const ssize_t length = readlinkat(link, "", target, sizeof target);
    if (length < 0 || length == PATH_MAX || ++links_ > most_links) {
      if (length >= 0) errno = ELOOP;
      return get_stuck(path);
    }
    const std::string to(target, static_cast<std::size_t>(length));
    push_parts(to);
    if (to.starts_with('/')) folders_.resize(1);
  }

  const Trust trust_;
  std::vector<std::string> parts_; // those that are left, the next one last
  std::vector<Folder> folders_;    // from the root to the current folder
  std::string problem_;
  bool stuck_ = false; // a part cannot be opened
  int links_ = 0;
};

constexpr int reading = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;

// Adds what is wrong with the file that was opened, or that errno says could not be opened.
void judge(Opened &opened, const Trust &trust, mode_t type, const char *not_the_type) {
  struct stat status;
  std::string problem;
  if (opened.file.number() < 0 || fstat(opened.file.number(), &status) != 0) {
    opened.error = errno;
    // This is how the system says that a socket cannot be opened.
    problem = errno == ENXIO ? not_the_type : " cannot be opened: " + last_error();
    opened.file = Descriptor();
  } else if ((status.st_mode & S_IFMT) != type) {
    problem = not_the_type;
    opened.file = Descriptor();
  } else {
    problem = why_distrusted(status, false, trust);
    if (problem.empty() && (status.st_mode & S_IWGRP) != 0 && has_access_list(opened.file.number()))
      problem = " is writable through an access-control list";
  }
  if (opened.problem.empty() && !problem.empty()) opened.problem = opened.path + problem;
}

} // namespace

Descriptor &Descriptor::operator=(Descriptor &&other) noexcept {
  std::swap(number_, other.number_);
  return *this;
}

Descriptor::~Descriptor() {
  if (number_ >= 0) close(number_);
}

Trust trust_nobody_else() { return {.owner = geteuid()}; }

Trust trust_as_library(const std::string &path) {
  struct stat status;
  if (stat(path.c_str(), &status) != 0) return trust_nobody_else();
  return {status.st_uid, status.st_mode & (S_IWGRP | S_IWOTH), status.st_gid, true};
}

Opened open_folder(const std::string &path, const Trust &trust) {
  Opened opened;
  if (trust.anywhere) opened = {Descriptor(open(path.c_str(), reading | O_DIRECTORY)), path, "", 0};
  else opened = Walk(path, trust).open(reading | O_DIRECTORY);
  judge(opened, trust, S_IFDIR, " is not a folder");
  return opened;
}

Opened open_file_in(const Opened &folder, const std::string &name, const Trust &trust) {
  const int follow = trust.anywhere ? 0 : O_NOFOLLOW;
  const std::string path = folder.path + "/" + name;
  Opened opened = {Descriptor(openat(folder.file.number(), name.c_str(), reading | follow)), path, "", 0};
  // If the file is a link, Walk judges every folder and link on the way to its target, from the root on.
  if (opened.file.number() < 0 && errno == ELOOP) opened = Walk(path, trust).open(reading);
  judge(opened, trust, S_IFREG, " is not a regular file");
  return opened;
}

std::string resolve(const std::string &path) {
  const std::unique_ptr<char, decltype(&std::free)> real(realpath(path.c_str(), nullptr), &std::free);
  if (real == nullptr && errno == ENOMEM) throw std::bad_alloc();
  return real == nullptr ? "" : real.get();
}

} // namespace lanefold::runtime
