// Checks owners and permissions of files and folders.
#include "runtime/trust.hpp"

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace lanefold::runtime {

std::string why_distrusted(const std::string &path) {
  struct stat status;
  if (stat(path.c_str(), &status) != 0) return path + " cannot be examined: " + std::generic_category().message(errno);
  if (status.st_uid != 0 && status.st_uid != geteuid()) return path + " belongs to another user";
  if ((status.st_mode & S_IWOTH) != 0) return path + " is writable by everyone";
  const bool others_in_group = status.st_gid != 0 && status.st_gid != getegid();
  if ((status.st_mode & S_IWGRP) != 0 && others_in_group) return path + " is writable by another group";
  return "";
}

namespace {

// Whoever can write to a folder further up can replace ours, unless the sticky bit forbids it.
std::string why_replaceable(const std::filesystem::path &folder) {
  for (std::filesystem::path up = folder.parent_path(); up.has_relative_path(); up = up.parent_path()) {
    struct stat status;
    if (stat(up.c_str(), &status) != 0)
      return up.string() + " cannot be examined: " + std::generic_category().message(errno);
    if ((status.st_mode & S_IWOTH) != 0 && (status.st_mode & S_ISVTX) == 0)
      return up.string() + " is writable by everyone";
  }
  return "";
}

} // namespace

std::string why_file_distrusted(const std::string &path) {
  const std::string real = resolve(path);
  if (real.empty()) return path + " cannot be examined: " + std::generic_category().message(errno);
  struct stat status;
  if (stat(real.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return real + " is not a regular file";
  const std::string file_problem = why_distrusted(real);
  if (!file_problem.empty()) return file_problem;
  const std::filesystem::path folder = std::filesystem::path(real).parent_path();
  const std::string folder_problem = why_distrusted(folder.string());
  if (!folder_problem.empty()) return folder_problem;
  return why_replaceable(folder);
}

std::string resolve(const std::string &path) {
  const std::unique_ptr<char, decltype(&std::free)> real(realpath(path.c_str(), nullptr), &std::free);
  return real == nullptr ? "" : real.get();
}

} // namespace lanefold::runtime
