// Asks the system, and the variables that programs agree on: TERM, NO_COLOR and the locale.
#include "cli/terminal.hpp"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <string>

#include <sys/ioctl.h>
#include <unistd.h>

namespace lanefold::cli {
namespace {

std::string environment(const char *name) {
  const char *value = std::getenv(name);
  return value ? value : "";
}

// The first variable that is set decides, as it does for setlocale.
bool utf8_locale() {
  for (const char *name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    std::string value = environment(name);
    if (value.empty()) continue;
    std::transform(value.begin(), value.end(), value.begin(), [](unsigned char c) { return std::tolower(c); });
    return value.find("utf-8") != std::string::npos || value.find("utf8") != std::string::npos;
  }
  return false;
}

} // namespace

Terminal terminal(std::FILE *stream) {
  Terminal t;
  const int file = fileno(stream);
  t.interactive = isatty(file) == 1 && environment("TERM") != "dumb";
  t.colour = t.interactive && environment("NO_COLOR").empty();
  t.unicode = utf8_locale();
  winsize size{};
  if (t.interactive && ioctl(file, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) t.width = size.ws_col;
  return t;
}

} // namespace lanefold::cli
