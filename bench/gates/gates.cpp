// lanefold-gates: prints every gate on each instruction set.  A peer can be held to one instruction set for the whole
// life of a process only, so each has a process of its own.
#include "gates.hpp"

#include "../limits.hpp"

#include <CLI/CLI.hpp>

#include <cstdarg>
#include <cstdio>
#include <sys/wait.h>
#include <unistd.h>

namespace lanefold::bench {

void Gates::at_least(const std::string &name, double value, double target) {
  print(name, value, ">=", target, value >= target);
}

void Gates::at_most(const std::string &name, double value, double target) {
  print(name, value, "<=", target, value <= target);
}

void Gates::print(const std::string &name, double value, const char *relation, double target, bool ok) {
  std::printf("%s/isa:%s %.3f %s%.2f %s\n", name.c_str(), isa_.c_str(), value, relation, target, ok ? "ok" : "short");
  std::fflush(stdout);
  ++printed_;
}

void Gates::note(const char *format, ...) {
  std::printf("# isa:%s ", isa_.c_str());
  va_list values;
  va_start(values, format);
  std::vprintf(format, values);
  va_end(values);
  std::printf("\n");
}

namespace {

constexpr int no_gate = 3; // exit code of a process that had nothing to measure

int measure(const std::string &isa, const std::string &filter) {
  if (fma_loop(isa).run == nullptr) throw std::runtime_error("there are no limits to compare with for " + isa);
  hold_peers_to(isa);
  std::vector<std::string> missing;
  Gates gates(isa, open_peers(missing), filter);
  for (const std::string &name : missing) gates.note("peer %s is not installed", name.c_str());
  gemm_gates(gates);
  layer_gates(gates);
  price_gates(gates);
#ifdef LANEFOLD_WITH_TRAINER
  trainer_gates(gates);
#endif
  return gates.printed() > 0 ? 0 : no_gate;
}

// The isa's process; answers its exit code.
int measure_apart(const std::string &isa, const std::string &filter) {
  std::fflush(stdout);
  const pid_t child = fork();
  if (child < 0) throw std::runtime_error("fork failed");
  if (child == 0) {
    int code = 2;
    try {
      code = measure(isa, filter);
    } catch (const std::exception &error) {
      std::fprintf(stderr, "lanefold-gates: %s\n", error.what());
    }
    std::fflush(stdout);
    _exit(code);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 2;
}

} // namespace
} // namespace lanefold::bench

int main(int argc, char **argv) {
  using namespace lanefold::bench;
  CLI::App app("Measures what Lanefold promises of its speed: one line for each gate, name value target ok|short");
  std::string filter;
  std::vector<std::string> isas;
  app.add_option("filter", filter, "a regular expression for names, such as gemm/m1 or isa:avx2");
  app.add_option("--isa", isas,
                 "an instruction set, several times for several; without it, those that this machine has")
      ->allow_extra_args(false);
  CLI11_PARSE(app, argc, argv);
  int worst = 0, idle = 0;
  try {
    const std::regex checked(filter);
    if (isas.empty())
      for (const std::string &isa : lanefold::usable_plugins())
        if (isa != "portable") isas.push_back(isa);
    for (const std::string &isa : isas) {
      const int code = measure_apart(isa, filter);
      if (code == no_gate) ++idle;
      else worst = std::max(worst, code);
    }
    if (idle == static_cast<int>(isas.size()))
      throw std::runtime_error("no gate matches '" + filter +
                               "' (with no peer installed there are none against peers)");
  } catch (const std::exception &error) {
    std::fprintf(stderr, "lanefold-gates: %s\n", error.what());
    return 2;
  }
  return worst;
}
