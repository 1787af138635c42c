// A shared library that is opened at run time, and its functions by name.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

namespace lanefold::bench {

class Library {
public:
  // Opens the first of these libraries that exists, with RTLD_LOCAL.  Throws an error with the reason of each failure.
  explicit Library(const std::vector<std::string> &names);

  // Throws if the library has no such function.  Also throws if a library that was loaded earlier, for example through
  // LD_PRELOAD, replaces the function.
  template <class Function> Function *find(const std::string &name) const {
    return reinterpret_cast<Function *>(own(name));
  }
  // NULL if neither the library nor one that it links has such a function.
  template <class Function> Function *find_linked(const std::string &name) const {
    return reinterpret_cast<Function *>(linked(name));
  }
  // Throws if another library replaces this function of the library.
  void check_own(const std::string &name) const { own(name); }

  // Throws if the library was loaded before the environment was prepared, so that it has read the user's variables.
  void check_fresh() const;
  const std::string &path() const { return path_; }

private:
  void *own(const std::string &name) const;
  void *linked(const std::string &name) const;

  void *handle_ = nullptr; // never closed, because threads of the library may still run
  std::string path_;
};

} // namespace lanefold::bench
