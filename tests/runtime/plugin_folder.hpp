// Folders of fake plugins, and what contexts make of them.  LANEFOLD_FAKE_PLUGINS is the folder of the fake plugins.
#pragma once

#include "support/files.hpp"

#include <lanefold/lanefold.hpp>
#include <lanefold/plugin.h>

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <sys/stat.h>
#include <vector>

namespace lanefold::test {

// A folder of plugins, made for one test.
struct Folder : TemporaryFolder {
  Folder() { umask(022); } // files that a group may write are refused
  // Copies the fake plugin of that variant under a name of its own.
  void add(const std::string &variant, const std::string &stem, const std::string &manifest) const {
    std::filesystem::copy_file(std::string(LANEFOLD_FAKE_PLUGINS) + "/fake-" + variant + ".so", module(stem));
    write_manifest(stem, manifest);
  }
  void write_manifest(const std::string &stem, const std::string &text) const { std::ofstream(manifest(stem)) << text; }
  std::string module(const std::string &stem) const { return *this / (stem + ".so"); }
  std::string manifest(const std::string &stem) const { return *this / (stem + ".manifest"); }
};

inline const std::string good = "name fake\nvendor tests\npriority 1000\nneeds\n";
inline const std::string second = "name second\nvendor tests\npriority 900\nneeds\n";

#if defined(__x86_64__)
inline constexpr char absent_feature[] = "neon", present_feature[] = "sse2";
#else
inline constexpr char absent_feature[] = "avx2", present_feature[] = "neon";
#endif

inline lf_context_options options_for(const Folder &folder, const char *isa = nullptr) {
  auto options = args<lf_context_options>();
  options.isa = isa;
  options.plugin_path = folder.path().c_str();
  return options;
}

struct Created {
  lf_status status;
  std::string message;
  std::unique_ptr<lf_context, decltype(&lf_context_destroy)> context{nullptr, lf_context_destroy};
  std::string isa() const { return lf_context_isa(context.get()); }
};

inline Created create(const lf_context_options &options) {
  unsetenv("LANEFOLD_ISA");
  lf_context *context = nullptr;
  Created created{lf_context_create(&options, &context), lf_last_error(nullptr)};
  created.context.reset(context);
  CHECK((context == nullptr) == (created.status != LF_OK));
  return created;
}

struct Seen {
  std::string name, reason, path;
  bool taken, usable;
};

inline void see(void *self, const lf_plugin_candidate *candidate) {
  static_cast<std::vector<Seen> *>(self)->push_back(
      {candidate->name, candidate->reason, candidate->path, candidate->taken != 0, candidate->usable != 0});
}

inline std::vector<Seen> enumerate(const lf_context_options &options) {
  unsetenv("LANEFOLD_ISA");
  std::vector<Seen> seen;
  lf_enumerate_plugins(&options, see, &seen);
  return seen;
}

inline std::string reason_of(const std::vector<Seen> &seen, const std::string &name) {
  for (const Seen &candidate : seen)
    if (candidate.name == name) return candidate.reason;
  return "not seen";
}

} // namespace lanefold::test
