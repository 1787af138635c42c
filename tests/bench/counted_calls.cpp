// Makes the calls that `lanefold bench cost` counts, for other programs that count what runs inside of counted_call():
// callgrind, and qemu with the plugin in bench/cost/count_neon.c.  Arguments: the instruction set, a filter, and perhaps
// m, n and k of shapes.  Prints the name and the fields of each call.
#include "cost/cost.hpp"

#include <nlohmann/json.hpp>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <ucontext.h>

namespace {

const std::function<void()> *current;

} // namespace

extern "C" {
[[gnu::noinline]] void counted_call_begins() { __asm__ volatile(""); }
[[gnu::noinline]] void counted_call_ends() { __asm__ volatile(""); }
[[gnu::noinline]] void counted_call() {
  counted_call_begins();
  (*current)();
  counted_call_ends();
  __asm__ volatile(""); // keeps the call from being a jump
}
}

namespace {

// On a stack of its own, whose cache lines do not depend on the environment.
void run_counted(const std::function<void()> &call) {
  constexpr size_t bytes = size_t{1} << 20;
  static const std::unique_ptr<char[]> stack(new char[bytes]);
  static ucontext_t back, context;
  current = &call;
  getcontext(&context);
  context.uc_stack = {.ss_sp = stack.get(), .ss_flags = 0, .ss_size = bytes};
  context.uc_link = &back;
  makecontext(&context, counted_call, 0);
  swapcontext(&back, &context);
}

} // namespace

int main(int argc, char **argv) {
  using namespace lanefold::bench;
  if (argc < 3 || argc % 3 != 0) return 2;
  Options options;
  options.extent = Extent::costs, options.filter.pattern = argv[2];
  for (int i = 3; i < argc; i += 3)
    options.shapes.push_back({std::atoll(argv[i]), std::atoll(argv[i + 1]), std::atoll(argv[i + 2])});
  int failures = 0;
  for_warm_calls(
      options, argv[1], false,
      [&](const Json &event) {
        if (!event.contains("failed")) return;
        ++failures;
        std::fprintf(stderr, "%s\n", event.dump().c_str());
      },
      [](const VariantInstance &own) {
        Json call = {{"name", own.variant.name()}, {"label", own.variant.label}};
        add_fields(call, own.variant.fields);
        std::printf("%s\n", call.dump().c_str());
        std::fflush(stdout);
        run_counted(own.operation.run);
      });
  return failures > 0 ? 1 : 0;
}
