// A shared library of others, opened while the program runs, and its functions by their names.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

namespace lanefold::bench {

class Library {
public:
  // The first of these that opens, in a scope of its own.  Throws what kept each from it.
  explicit Library(const std::vector<std::string> &names);

  // Throws where the library has no such function, or where another's of that name would be called in its place: one
  // that was loaded before it, by LD_PRELOAD say.
  template <class Function> Function *find(const std::string &name) const {
    return reinterpret_cast<Function *>(own(name));
  }
  // NULL where neither it nor a library that it links has such a function.
  template <class Function> Function *find_linked(const std::string &name) const {
    return reinterpret_cast<Function *>(linked(name));
  }
  // Throws where a function of that name that the library calls is not its own.
  void insist_on(const std::string &name) const { own(name); }

private:
  void *own(const std::string &name) const;
  void *linked(const std::string &name) const;

  void *handle_ = nullptr; // never closed: threads of the library may still run
  std::string path_;
};

} // namespace lanefold::bench
