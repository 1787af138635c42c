// The verbs of the lanefold command.  Each adds its options to the command line and says what to run.
#pragma once

#include <functional>

namespace CLI {
class App;
}

namespace lanefold::trainer {

// Answers the exit code.  Throws UsageError, DataError, CheckpointError or lanefold::Error.
using Run = std::function<int()>;

// Each sets run if its verb was given.
void add_train(CLI::App &app, Run &run);
void add_eval(CLI::App &app, Run &run);
void add_predict(CLI::App &app, Run &run);
void add_fold(CLI::App &app, Run &run);
void add_info(CLI::App &app, Run &run);
void add_verify(CLI::App &app, Run &run);
void add_demo(CLI::App &app, Run &run);
void add_plot(CLI::App &app, Run &run);
void add_study(CLI::App &app, Run &run);
void add_bench(CLI::App &app, Run &run);

} // namespace lanefold::trainer
