// The first Ctrl-C asks the command to stop after the current step.  The second one ends the process immediately.
#pragma once

namespace lanefold::cli {

inline constexpr int interrupted_exit_code = 130; // 128 + SIGINT, as shells have it

// Watches SIGINT, SIGTERM and SIGHUP from now on.
void watch_interrupts();
bool interrupted();

} // namespace lanefold::cli
