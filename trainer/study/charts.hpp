// Draws the charts of a study and of a training log with Python's matplotlib.
#pragma once

#include <string>
#include <vector>

namespace lanefold::trainer {

// Arguments: ("study", json, html) or ("curves", log, picture).  Throws as cli::run_python does.
void draw_charts(const std::vector<std::string> &arguments);

} // namespace lanefold::trainer
