// What a shell may offer while a command line is typed, and what to say of words that are not known.
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace lanefold::cli {

// What can stand in the place of the last word, which may be unfinished, behind the words before it (without the
// command's own name): verbs, options, or an option's words.  "" stands for a file.
std::vector<std::string> completions(const CLI::App &app, const std::vector<std::string> &words);

std::vector<std::string> verb_names(const CLI::App &app);
std::vector<std::string> option_names(const CLI::App &verb); // the long ones, with their dashes

} // namespace lanefold::cli
