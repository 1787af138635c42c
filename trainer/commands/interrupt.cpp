// The handler sets a flag and gives the signal back its default, which ends the process.
#include "interrupt.hpp"

#include <csignal>

namespace lanefold::trainer {
namespace {

volatile std::sig_atomic_t flag = 0;

void note(int signal) {
  flag = 1;
  std::signal(signal, SIG_DFL);
}

} // namespace

void watch_interrupts() {
  std::signal(SIGINT, note);
  std::signal(SIGTERM, note);
}

bool interrupted() { return flag != 0; }

} // namespace lanefold::trainer
