// A plugin that the library considers, and what it found out about it.
#pragma once

#include "runtime/manifest.hpp"

#include <lanefold/plugin.h>

#include <string>

namespace lanefold::runtime {

enum class Judgement {
  usable,
  lacks_features, // the CPU or the operating system lacks what it needs
  shadowed,       // another candidate of the same name is used
  refused,        // it cannot be trusted, read or loaded
};

struct Candidate {
  Manifest manifest;
  std::string path;                          // of the module, or "built in"
  const lf_plugin_entry *built_in = nullptr; // NULL for a module
  Judgement judgement = Judgement::usable;
  bool opened = false;
  bool taken = false;
  bool missed = false; // it would be better than the one that is taken
  std::string reason;  // of the judgement
  std::string cure;    // what the user can do about a refusal

  // "the plugin avx2 (/x/lanefold-avx2.so)"
  std::string title() const { return "the plugin " + manifest.name + " (" + path + ")"; }
  // The reason and the cure.
  std::string explanation() const { return cure.empty() ? reason : reason + "; " + cure; }

  void refuse(const std::string &why, const std::string &what_to_do) {
    judgement = Judgement::refused;
    reason = why;
    cure = what_to_do;
  }
};

// What cures a plugin whose files are damaged, or do not match each other or this library.
inline constexpr char install_again[] = "install it again, so that its files match each other and this library";

} // namespace lanefold::runtime
