// Opens shared libraries, and checks that a function comes from the expected library.
#include "library.hpp"

#include "environment.hpp"

#include <dlfcn.h>
#include <link.h>

namespace lanefold::bench {
namespace {

// The path of the library that a function comes from.
std::string file_of(void *function) {
  Dl_info info;
  return dladdr(function, &info) != 0 && info.dli_fname ? info.dli_fname : "an unknown file";
}

std::string joined(const std::vector<std::string> &words) {
  std::string text;
  for (const std::string &word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

} // namespace

Library::Library(const std::vector<std::string> &names) {
  std::vector<std::string> absent;
  std::string errors;
  for (const std::string &name : names) {
    handle_ = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle_) break;
    const std::string message = dlerror();
    if (message.find(name + ": cannot open shared object file: No such file") == 0) absent.push_back(name);
    else errors += (errors.empty() ? "" : "; ") + message;
  }
  if (!handle_ && !errors.empty()) throw std::runtime_error(errors);
  if (!handle_) throw std::runtime_error(joined(absent) + (absent.size() == 1 ? " is" : " are") + " not installed");
  link_map *map = nullptr;
  if (dlinfo(handle_, RTLD_DI_LINKMAP, &map) == 0) path_ = map->l_name;
}

void *Library::own(const std::string &name) const {
  void *function = dlsym(handle_, name.c_str());
  if (!function) throw std::runtime_error(path_ + " has no function " + name);
  if (const std::string file = file_of(function); file != path_)
    throw std::runtime_error(path_ + " has no function " + name + " of its own; it uses that of " + file);
  // When the library calls its own function by name, a global function of that name comes first.
  void *shared = dlsym(RTLD_DEFAULT, name.c_str());
  if (shared && file_of(shared) != path_)
    throw std::runtime_error(file_of(shared) + ", which was loaded earlier, replaces the function " + name + " of " +
                             path_);
  return function;
}

void Library::check_fresh() const {
  // The OpenMP of a library reads variables as well.
  void *omp = linked("omp_set_num_threads");
  for (const std::string &path : {path_, omp ? file_of(omp) : path_})
    if (was_loaded_before(path))
      throw std::runtime_error(path + " was loaded before the peers, for example by LD_PRELOAD, so it may have read "
                                      "settings that make it slow");
}

void *Library::linked(const std::string &name) const { return dlsym(handle_, name.c_str()); }

} // namespace lanefold::bench
