// What the file of a module says about itself, read without loading it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace lanefold::trainer::conform {

struct ModuleFile {
  std::string problem; // why it is not a module for this machine; "" if it is
  std::vector<std::string> exports;
  std::vector<std::string> search_path; // of DT_RPATH and DT_RUNPATH
  std::vector<std::string> libraries;   // the libraries that it needs, of DT_NEEDED
  bool has_executable_stack = false, has_text_relocations = false, has_writable_code = false;
  bool needs_static_tls = false;
  bool entry_is_data = false;     // lf_plugin_entry_v1 is an object
  bool entry_is_constant = false; // and its bytes in the file are not zeros
};

ModuleFile read_module_file(const std::string &path);

// The manifest beside the module: its words, by the first word of their line.
struct ManifestText {
  std::string problem; // "" if it could be read
  std::string name, vendor, priority;
  std::vector<std::string> needs;
};

ManifestText read_manifest_beside(const std::string &module);

} // namespace lanefold::trainer::conform
