// Ctrl-C, once: asks to stop after the step that runs.  A second one ends the process at once.
#pragma once

namespace lanefold::cli {

inline constexpr int interrupted_exit_code = 130; // 128 + SIGINT, as shells have it

// Watches SIGINT, SIGTERM and SIGHUP from now on.
void watch_interrupts();
bool interrupted();

} // namespace lanefold::cli
