// The program is made of the .py files in this folder and in cli/, one after the other.
#include "trainer/study/charts.hpp"

#include "cli/python.hpp"

extern const char lanefold_charts[];

namespace lanefold::trainer {

void draw_charts(const std::vector<std::string> &arguments) { cli::run_python(lanefold_charts, arguments); }

} // namespace lanefold::trainer
