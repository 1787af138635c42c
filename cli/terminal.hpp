// What a stream can show: a line that is rewritten in place, colours, Unicode, and how many characters a line holds.
#pragma once

#include <cstdio>

namespace lanefold::cli {

struct Terminal {
  bool interactive = false; // the stream is a terminal, where a line can be rewritten
  bool colour = false;      // it is interactive, and NO_COLOR is not set
  bool unicode = false;     // the locale encodes characters in UTF-8
  int width = 80;           // characters
};
Terminal terminal(std::FILE *stream);

} // namespace lanefold::cli
