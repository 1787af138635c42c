// Reads manifests strictly, because a line that is not understood may be a need that is not met.
#include "runtime/manifest.hpp"

#include "runtime/cpu.hpp"

#include <algorithm>
#include <charconv>
#include <unistd.h>

namespace lanefold::runtime {
namespace {

constexpr std::string_view keys[] = {"name", "vendor", "priority", "needs"};
constexpr std::size_t longest_name = 31;
constexpr std::string_view name_characters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

// Removes the part of text up to the first separator, and returns it.
std::string_view take_until(std::string_view &text, std::string_view separators) {
  const auto end = std::min(text.find_first_of(separators), text.size());
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return part;
}

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= longest_name &&
         text.find_first_not_of(name_characters) == std::string_view::npos;
}

bool parse_number(std::string_view text, int32_t &number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

std::string quoted(std::string_view text) {
  std::string quotes = "''";
  return quotes.insert(1, text.substr(0, 40));
}

std::string read_needs(std::string_view words, Manifest &manifest) {
  std::string unknown;
  while (!words.empty()) {
    const std::string_view word = take_until(words, " \t");
    if (word.empty()) continue;
    if (!manifest.needs_text.empty()) manifest.needs_text += ' ';
    manifest.needs_text += word;
    const uint64_t feature = feature_of(word);
    if (feature == 0) unknown = "it needs a CPU feature that this library does not know: " + quoted(word);
    manifest.needs |= feature;
  }
  return unknown;
}

// Stores the value of one line. Returns what is wrong with it, or "".
std::string read_line(std::string_view key, std::string_view value, Manifest &manifest) {
  if (key == "needs") return read_needs(value, manifest);
  if (key == "priority") {
    return parse_number(value, manifest.priority)
               ? ""
               : "the priority " + quoted(value) + " in its manifest is not a number";
  }
  if (!is_name(value)) return "the " + std::string(key) + " " + quoted(value) + " in its manifest is not a name";
  (key == "name" ? manifest.name : manifest.vendor) = value;
  return "";
}

} // namespace

Manifest parse_manifest(std::string_view text) {
  Manifest manifest;
  const auto note = [&manifest](const std::string &problem) {
    if (manifest.problem.empty()) manifest.problem = problem;
  };
  bool seen[std::size(keys)] = {};
  while (!text.empty()) {
    std::string_view line = trimmed(take_until(text, "\n"));
    if (line.empty()) continue;
    const std::string_view key = take_until(line, " \t");
    const auto index = static_cast<std::size_t>(std::find(std::begin(keys), std::end(keys), key) - std::begin(keys));
    if (index == std::size(keys)) {
      note("its manifest has the unknown line " + quoted(key));
    } else if (seen[index]) {
      note("its manifest has the line " + quoted(key) + " twice");
    } else {
      seen[index] = true;
      note(read_line(key, trimmed(line), manifest));
    }
  }
  for (std::size_t i = 0; i < std::size(keys); ++i)
    if (!seen[i]) note("its manifest lacks the line " + quoted(keys[i]));
  return manifest;
}

Manifest read_manifest(int file) {
  Manifest unusable;
  std::string text(largest_manifest + 1, '\0');
  std::size_t size = 0;
  for (ssize_t got = 1; got > 0 && size < text.size(); size += static_cast<std::size_t>(got)) {
    got = read(file, text.data() + size, text.size() - size);
    if (got < 0) {
      unusable.problem = "its manifest cannot be read";
      return unusable;
    }
  }
  text.resize(size);
  if (size > largest_manifest) {
    unusable.problem = "its manifest is larger than " + std::to_string(largest_manifest) + " bytes";
    return unusable;
  }
  return parse_manifest(text);
}

} // namespace lanefold::runtime
