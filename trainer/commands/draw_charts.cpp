// The charts of a study and of a log.
#include "charts.hpp"

extern const char lanefold_charts[]; // charts/*.py, one after the other

namespace lanefold::trainer {

void draw_charts(const std::vector<std::string> &arguments) { draw(lanefold_charts, arguments); }

} // namespace lanefold::trainer
