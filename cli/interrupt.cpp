// The handler sets a flag and restores the default action of the signal, which ends the process.
#include "cli/interrupt.hpp"

#include <csignal>
#include <initializer_list>

namespace lanefold::cli {
namespace {

volatile std::sig_atomic_t flag = 0;

void note(int signal) {
  flag = 1;
  std::signal(signal, SIG_DFL);
}

} // namespace

void watch_interrupts() {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP})
    if (std::signal(signal, note) == SIG_IGN)
      std::signal(signal, SIG_IGN); // a background job ignores it, and continues to do so
}

bool interrupted() { return flag != 0; }

} // namespace lanefold::cli
