// Makes the calls that `lanefold bench cost` counts, for callgrind, which counts what runs inside of counted_call().
// Arguments: the instruction set, and a filter.  Prints the name of each call.
#include "cost/cost.hpp"

#include <nlohmann/json.hpp>

#include <cstdio>

extern "C" {
[[gnu::noinline]] void counted_call(const std::function<void()> &call) {
  call();
  __asm__ volatile(""); // keeps the call from being a jump
}
}

int main(int argc, char **argv) {
  using namespace lanefold::bench;
  if (argc != 3) return 2;
  Options options;
  options.extent = Extent::costs, options.filter.pattern = argv[2];
  int failures = 0;
  for_warm_calls(
      options, argv[1], [&](const Json &event) { failures += event.contains("failed"); },
      [](const VariantInstance &own) {
        std::printf("%s\n", own.variant.name().c_str());
        counted_call(own.operation.run);
      });
  return failures > 0 ? 1 : 0;
}
