// Carriage return and "erase to the end of the line" are what every terminal understands.
#include "cli/status_line.hpp"

#include <algorithm>

namespace lanefold::cli {

StatusLine::StatusLine(bool quiet) : visible_(!quiet && cli::terminal(stderr).interactive) {}

Terminal StatusLine::terminal() const { return cli::terminal(stderr); }

void StatusLine::show(const std::string &text) {
  if (visible_) show_coloured(text.substr(0, static_cast<size_t>(std::max(terminal().width - 1, 1))));
}

void StatusLine::show_coloured(const std::string &text) {
  if (!visible_) return;
  std::fprintf(stderr, "\r%s\033[K", text.c_str());
  std::fflush(stderr);
  shown_ = true;
}

void StatusLine::clear() {
  if (shown_) std::fprintf(stderr, "\r\033[K");
  shown_ = false;
}

} // namespace lanefold::cli
