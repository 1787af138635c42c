// Makes the calls that `lanefold bench cost` counts, for callgrind, which counts what runs inside of counted_call().
// Arguments: the instruction set, a filter, and perhaps m, n and k.  Prints the name of each call.
#include "cost/cost.hpp"

#include <nlohmann/json.hpp>

#include <cstdio>
#include <cstdlib>

extern "C" {
[[gnu::noinline]] void counted_call(const std::function<void()> &call) {
  call();
  __asm__ volatile(""); // keeps the call from being a jump
}
}

int main(int argc, char **argv) {
  using namespace lanefold::bench;
  if (argc != 3 && argc != 6) return 2;
  Options options;
  options.extent = Extent::costs, options.filter.pattern = argv[2];
  if (argc == 6) options.shapes = {{std::atoll(argv[3]), std::atoll(argv[4]), std::atoll(argv[5])}};
  int failures = 0;
  for_warm_calls(
      options, argv[1], false, [&](const Json &event) { failures += event.contains("failed"); },
      [](const VariantInstance &own) {
        std::printf("%s\n", own.variant.name().c_str());
        std::fflush(stdout);
        counted_call(own.operation.run);
      });
  return failures > 0 ? 1 : 0;
}
