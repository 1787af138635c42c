// The verbs of the lanefold command, as data: their options, help, and what they run.
#pragma once

#include "cli/command.hpp"

namespace lanefold::trainer {

// What runs throws cli::UsageError, DataError, CheckpointError or lanefold::Error.
cli::Command bench_command();
cli::Command conform_command();
cli::Command demo_command();
cli::Command eval_command();
cli::Command export_command();
cli::Command fold_command();
cli::Command import_command();
cli::Command info_command();
cli::Command plot_command();
cli::Command predict_command();
cli::Command study_command();
cli::Command train_command();
cli::Command verify_command();

// All of them, in the order in which help lists them.
cli::Command lanefold_program();

} // namespace lanefold::trainer
