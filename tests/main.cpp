// Runs the tests on the plugin that LANEFOLD_ISA names; exit code 77 (Meson's "skipped") where it cannot run here.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <lanefold/lanefold.h>

#include <cstdio>

int main(int argc, char **argv) {
  lf_context *context = nullptr;
  const lf_status status = lf_context_create(nullptr, &context);
  if (status == LF_UNUSABLE) {
    std::printf("SKIPPED: %s\n", lf_last_error(nullptr));
    return 77;
  }
  if (status != LF_OK) {
    std::printf("no context: %s\n", lf_last_error(nullptr));
    return 1;
  }
  std::printf("plugin: %s\n", lf_context_isa(context));
  lf_context_destroy(context);
  doctest::Context doctest(argc, argv);
  return doctest.run();
}
