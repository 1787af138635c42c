#include "library.hpp"

#include <dlfcn.h>
#include <link.h>

namespace lanefold::bench {
namespace {

// The path of the file that a function comes from, as the loader knows it.
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
  std::string trouble;
  for (const std::string &name : names) {
    handle_ = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle_) break;
    const std::string message = dlerror();
    if (message.find(name + ": cannot open shared object file: No such file") == 0) absent.push_back(name);
    else trouble += (trouble.empty() ? "" : "; ") + message;
  }
  if (!handle_ && !trouble.empty()) throw std::runtime_error(trouble);
  if (!handle_) throw std::runtime_error(joined(absent) + (absent.size() == 1 ? " is" : " are") + " not installed");
  link_map *map = nullptr;
  if (dlinfo(handle_, RTLD_DI_LINKMAP, &map) == 0) path_ = map->l_name;
}

void *Library::own(const std::string &name) const {
  void *function = dlsym(handle_, name.c_str());
  if (!function) throw std::runtime_error(path_ + " has no function " + name);
  if (const std::string file = file_of(function); file != path_)
    throw std::runtime_error(name + " of " + path_ + " is that of " + file);
  // What the whole program shares comes first where the library calls a function of its own by name.
  void *shared = dlsym(RTLD_DEFAULT, name.c_str());
  if (shared && file_of(shared) != path_)
    throw std::runtime_error(file_of(shared) + ", loaded before it, has put its " + name + " in place of that of " +
                             path_);
  return function;
}

void *Library::linked(const std::string &name) const { return dlsym(handle_, name.c_str()); }

} // namespace lanefold::bench
