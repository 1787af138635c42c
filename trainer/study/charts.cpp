// The program is the Python package of this folder.
#include "trainer/study/charts.hpp"

#include "cli/python.hpp"

extern const std::string_view lanefold_charts;

namespace lanefold::trainer {

void draw_charts(const std::vector<std::string> &arguments) { cli::run_python(lanefold_charts, arguments); }

} // namespace lanefold::trainer
