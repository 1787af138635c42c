// Runs the tests on the plugin that LANEFOLD_ISA names, or else on the best one.  A program skips, with exit code 77, in
// three cases: the CPU cannot run the plugin; LANEFOLD_NEEDS_DATA is set and LANEFOLD_TEST_DATA names no data;
// LANEFOLD_NEEDS_TERMINAL is set and the system has no pseudoterminals.  A plugin that is refused for another reason
// fails the test.
#include <doctest/doctest.h>

#include <lanefold/lanefold.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include <fcntl.h>
#include <unistd.h>

int main(int argc, char **argv) {
  lf_context *context = nullptr;
  const lf_status status = lf_context_create(nullptr, &context);
  const std::string message = lf_last_error(nullptr);
  const bool lacks_feature = message.find("which this CPU lacks") != std::string::npos ||
                             message.find("which the operating system has not enabled") != std::string::npos;
  if (status == LF_UNUSABLE && lacks_feature) {
    std::printf("SKIPPED: %s\n", message.c_str());
    return 77;
  }
  if (status != LF_OK) {
    std::printf("no context: %s\n", message.c_str());
    return 1;
  }
  if (std::getenv("LANEFOLD_NEEDS_DATA") && !std::getenv("LANEFOLD_TEST_DATA")) {
    std::printf("SKIPPED: LANEFOLD_TEST_DATA names no folder with mnist and fashion-mnist\n");
    return 77;
  }
  if (std::getenv("LANEFOLD_NEEDS_TERMINAL")) {
    const int terminal = posix_openpt(O_RDWR | O_NOCTTY);
    if (terminal < 0) {
      std::printf("SKIPPED: no pseudoterminal can be made here (/dev/ptmx, /dev/pts)\n");
      return 77;
    }
    close(terminal);
  }
  setenv("LANEFOLD_ISA", lf_context_isa(context), 1);
  std::printf("plugin: %s\n", lf_context_isa(context));
  lf_context_destroy(context);
  doctest::Context doctest(argc, argv);
  return doctest.run();
}
