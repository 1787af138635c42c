// The manual page of a program, in groff's man macros: a template, filled in with its options.
#pragma once

#include "cli/command.hpp"

#include <map>
#include <string>
#include <vector>

namespace lanefold::cli {

using Table = std::vector<std::vector<std::string>>; // rows of cells

// A line of the template that begins with "@" stands for what is derived:
//   @options VERB   the options of a verb, under their headings
//   @common         the options that the manual explains once for all verbs
//   @table NAME     one of `tables`
// Throws UsageError if the template cannot be read, or names something that does not exist.
std::string manual_page(const Command &program, const std::string &template_path,
                        const std::map<std::string, Table> &tables);

} // namespace lanefold::cli
