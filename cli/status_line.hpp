// A line on standard error that says what is being done, and that the next one replaces.
#pragma once

#include "cli/terminal.hpp"

#include <string>

namespace lanefold::cli {

class StatusLine {
public:
  // A quiet one shows nothing.  Nor does one whose standard error is not a terminal.
  explicit StatusLine(bool quiet = false);

  bool visible() const { return visible_; }
  // Of the terminal, asked again at each call: it may have been resized.
  Terminal terminal() const;

  // Replaces the line by `text`, which escape sequences may colour.  Text longer than the terminal's width cannot be
  // replaced, so `show` cuts it; `show_coloured` expects text that fits.
  void show(const std::string &text);
  void show_coloured(const std::string &text);
  void clear();

private:
  bool visible_, shown_ = false;
};

} // namespace lanefold::cli
