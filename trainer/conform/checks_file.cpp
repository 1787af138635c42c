// Checks of the file alone, and of what happens when it is opened.
#include "trainer/conform/conform.hpp"
#include "trainer/conform/process_state.hpp"

#include <lanefold/lanefold.hpp>

#include <algorithm>
#include <cstring>
#include <dlfcn.h>
#include <utility>

namespace lanefold::trainer::conform {
namespace {

void is_module(Opened &module, Findings &findings) {
  if (!module.file.problem.empty()) findings.add(module.file.problem);
}

void has_manifest(Opened &module, Findings &findings) {
  if (!module.manifest.problem.empty()) findings.add(module.manifest.problem);
  for (const std::string &word : module.manifest.needs)
    if (feature_bit(word) == 0) findings.add("the manifest needs the CPU feature \"" + word + "\", which is unknown");
}

void exports_entry(Opened &module, Findings &findings) {
  const auto &exports = module.file.exports;
  if (std::find(exports.begin(), exports.end(), LF_PLUGIN_ENTRY_SYMBOL) == exports.end())
    findings.add("it does not export " LF_PLUGIN_ENTRY_SYMBOL);
  for (const std::string &name : exports)
    if (name != LF_PLUGIN_ENTRY_SYMBOL)
      findings.add("it exports " + name + "; compile with -fvisibility=hidden, and C++ with a version script");
}

void entry_is_constant(Opened &module, Findings &findings) {
  if (!module.file.entry_is_data) findings.add(LF_PLUGIN_ENTRY_SYMBOL " is not an lf_plugin_entry");
  else if (!module.file.entry_is_constant)
    findings.add(LF_PLUGIN_ENTRY_SYMBOL " is empty in the file: code fills it when the module is opened");
}

void stack_is_data(Opened &module, Findings &findings) {
  if (module.file.has_executable_stack)
    findings.add(
        "it asks for an executable stack for the whole process; an assembly source may lack its .note.GNU-stack");
}

void code_is_constant(Opened &module, Findings &findings) {
  if (module.file.has_text_relocations) findings.add("the loader has to change its code; compile with -fPIC");
  if (module.file.has_writable_code) findings.add("it has a segment that is both writable and executable");
}

void tls_is_dynamic(Opened &module, Findings &findings) {
  if (module.file.needs_static_tls)
    findings.add("its thread-local variables use the initial-exec model, for which a running process may have no room");
}

void search_path_is_absolute(Opened &module, Findings &findings) {
  for (const std::string &folder : module.file.search_path)
    if (folder.empty() || (folder[0] != '/' && folder.rfind("$ORIGIN", 0) != 0 && folder.rfind("${ORIGIN}", 0) != 0))
      findings.add("its search path has \"" + folder + "\", which depends on the working directory");
}

std::string names_of(uint64_t needs) {
  std::string names;
  for (const auto &[name, bit] : cpu_feature_bits)
    if ((needs & bit) != 0) names += (names.empty() ? "" : " ") + std::string(name), needs &= ~bit;
  return needs == 0 ? names : names + " and unknown features";
}

void opens(Opened &module, Findings &findings) {
  open(module, 0);
  const lf_plugin_entry &entry = *module.entry;
  if (entry.struct_size < sizeof entry)
    throw CannotBeTried("its entry has struct_size " + std::to_string(entry.struct_size) + "; expected at least " +
                        std::to_string(sizeof entry));
  if (entry.name == nullptr || entry.vendor == nullptr || entry.fill == nullptr)
    throw CannotBeTried("its entry lacks name, vendor or fill");
  findings.note(usable_note);
  if (!module.manifest.problem.empty()) return; // the check "manifest" reports it
  uint64_t needs = 0;
  for (const std::string &word : module.manifest.needs) needs |= feature_bit(word);
  const auto differs = [&](const char *what, const std::string &one, const std::string &other) {
    if (one != other)
      findings.add(std::string("its entry has the ") + what + " \"" + one + "\", but its manifest has \"" + other +
                   "\"");
  };
  differs("name", entry.name, module.manifest.name);
  differs("vendor", entry.vendor, module.manifest.vendor);
  differs("priority", std::to_string(entry.priority), module.manifest.priority);
  differs("needs", names_of(entry.needs), names_of(needs));
}

// A folder of a search path, where $ORIGIN stands for the folder of the module.
std::string expanded(const std::string &folder, const std::string &origin) {
  for (const std::string word : {"${ORIGIN}", "$ORIGIN"})
    if (folder.rfind(word, 0) == 0) return origin + folder.substr(word.size());
  return folder;
}

// Opens the libraries that the module needs.  Returns the first one that does not open; "" if all do.
std::string open_libraries(const Opened &module) {
  const ModuleFile file = read_module_file(module.path);
  const std::string origin = folder_of(module);
  const auto opens = [](const std::string &name) { return dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL) != nullptr; };
  for (const std::string &name : file.libraries)
    if (std::none_of(file.search_path.begin(), file.search_path.end(),
                     [&](const std::string &folder) { return opens(expanded(folder, origin) + '/' + name); }) &&
        !opens(name))
      return name;
  return "";
}

// A library that the module needs may start threads, but the module itself may not.
void opens_quietly(Opened &module, Findings &findings) {
  const ProcessState before;
  const std::string unopened = open_libraries(module);
  const int threads = count_threads();
  open(module, 0);
  for (const std::string &change : before.changes()) findings.add("opening it changes " + change);
  const int started = count_threads() - threads;
  if (started > 0 && unopened.empty())
    findings.add("opening it starts " + std::to_string(started) + (started == 1 ? " thread" : " threads"));
  else if (started > 0)
    findings.note(std::string(not_run_note) + "either it or " + unopened +
                  " starts a thread, and that library does not open by itself");
}

// Finds a plugin of Lanefold's own that has this name and another vendor.
void see_namesake(void *self, const lf_plugin_candidate *candidate) {
  auto &[manifest, path] = *static_cast<std::pair<const ManifestText &, std::string> *>(self);
  if (manifest.name == candidate->name && manifest.vendor != candidate->vendor) path = candidate->path;
}

void library_takes(Opened &module, Findings &findings) {
  if (!module.manifest.problem.empty())
    return findings.note(std::string(not_run_note) + "the check \"manifest\" fails");
  const std::string folder = folder_of(module);
  auto options = args<lf_context_options>();
  options.flags = LF_QUIET;
  std::pair<const ManifestText &, std::string> namesake(module.manifest, "");
  lf_enumerate_plugins(&options, see_namesake, &namesake);
  if (!namesake.second.empty()) return findings.add("Lanefold already has a plugin of this name: " + namesake.second);
  if (folder.find(':') != std::string::npos)
    return findings.add("the library cannot search a folder that has a colon in its name: " + folder);
  try {
    const Context context = context_of(module);
  } catch (const Error &error) {
    findings.add(error.what());
  }
}

} // namespace

std::string folder_of(const Opened &module) {
  return module.path.substr(0, std::max<size_t>(module.path.rfind('/'), 1));
}

Context context_of(const Opened &module) {
  const std::string folder = folder_of(module);
  auto options = args<lf_context_options>();
  options.flags = LF_QUIET, options.threads = 3;
  options.plugin_path = folder.c_str(), options.isa = module.manifest.name.c_str();
  Context context(options);
  if (context.isa() != module.manifest.name)
    throw Error(LF_NOT_FOUND, "the library uses " + context.isa() + " instead");
  return context;
}

void open(Opened &module, uint64_t cpu_features) {
  void *handle = dlopen(module.path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) throw CannotBeTried(std::string("it cannot be opened: ") + dlerror());
  module.entry = static_cast<const lf_plugin_entry *>(dlsym(handle, LF_PLUGIN_ENTRY_SYMBOL));
  if (module.entry == nullptr) throw CannotBeTried("it does not export " LF_PLUGIN_ENTRY_SYMBOL);
  module.subject.cpu_features = cpu_features;
}

std::vector<Check> file_checks() {
  return {
      {"file", "module", "The file is a shared module for this machine.", Check::file, is_module},
      {"file", "manifest", "The manifest lies beside the module.", Check::file, has_manifest},
      {"file", "exports", "The module exports its entry and nothing else.", Check::file, exports_entry},
      {"file", "constant-entry", "Reading the entry runs no code.", Check::file, entry_is_constant},
      {"file", "stack", "The module does not make the stack executable.", Check::file, stack_is_data},
      {"file", "constant-code", "The code of the module never changes.", Check::file, code_is_constant},
      {"file", "dynamic-tls", "Any running process can open the module.", Check::file, tls_is_dynamic},
      {"file", "search-path", "The module finds its libraries in fixed folders.", Check::file, search_path_is_absolute},
      {"opening", "entry", "The module opens, and its entry says the same as its manifest.", Check::opening, opens},
      {"opening", "quiet-opening", "Opening the module changes nothing in the process.", Check::opening, opens_quietly},
      {"opening", "library", "Lanefold uses the plugin.", Check::opening, library_takes},
  };
}

} // namespace lanefold::trainer::conform
