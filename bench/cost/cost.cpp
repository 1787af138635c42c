// A call runs twice before it is counted: once to verify its result, and once in the context in which it is counted, so
// that nothing is left to prepare.
#include "cost.hpp"

#include "../timing/case_run.hpp"

#include "cli/interrupt.hpp"
#include "counter.hpp"
#include "memory.hpp"

#include <nlohmann/json.hpp>

#include <cinttypes>
#include <cstdio>
#include <new>
#include <set>

namespace lanefold::bench {
namespace {

struct Column {
  const char *title, *key;
  int width;
};
constexpr Column columns[] = {{"instr.", "instructions", 10},
                              {"mul-add", "multiply_adds", 10},
                              {"load", "loads", 9},
                              {"store", "stores", 8},
                              {"shuffle", "shuffles", 8},
                              {"div", "divisions", 7},
                              {"branch", "branches", 9},
                              {"rest", "rest", 9},
                              {"FLOP", "flops", 12},
                              {"B read", "bytes_read", 11},
                              {"B written", "bytes_written", 11},
                              {"lines", "lines", 8}};

Json json_of(const Variant &variant, const Counts &counts) {
  Json cost = {{"name", variant.name()}, {"label", variant.label}};
  add_fields(cost, variant.fields);
  cost["instructions"] = counts.all();
  for (int kind = 0; kind < kind_count; ++kind) cost[kind_names[kind]] = counts.instructions[static_cast<size_t>(kind)];
  cost["calls"] = counts.calls, cost["flops"] = counts.flops;
  cost["bytes_read"] = counts.bytes_read, cost["bytes_written"] = counts.bytes_written, cost["lines"] = counts.lines;
  return cost;
}

// "code": {file: [[address, runs], ...]}
Json code_of_call() {
  Json code = Json::object();
  for (const Executed &one : executed()) code[one.file].push_back({one.address, one.runs});
  return code;
}

void count(const Options &options, const std::string &isa, const Emit &emit) {
  for_warm_calls(options, isa, true, emit, [&](const VariantInstance &own) {
    const Counts counts = count_call(own.operation.run);
    // The limits of the machine, such as copies, do not call Lanefold.
    if (counts.all() == 0) return;
    Json cost = json_of(own.variant, counts);
    if (options.with_code) cost["code"] = code_of_call();
    emit({{"cost", cost}});
  });
}

} // namespace

void for_warm_calls(const Options &options, const std::string &isa, bool verifies, const Emit &emit,
                    const std::function<void(const VariantInstance &)> &use) {
  allocate_in_order();
  std::set<std::string> known; // cases share variants, such as the product alone
  for (const Case &bench_case : cases_for(options, isa, 1)) {
    std::string current = bench_case.name();
    const auto make = [&] { return make_instance({isa, 1, make_context(isa, 1), {}, ""}, bench_case, {}); };
    try {
      Verified verified;
      CaseInstance first = make();
      if (verifies) verify(first, verified);
      for (size_t i = 0; i < first.variants.size(); ++i) {
        if (!known.insert(first.variants[i].variant.name()).second) continue;
        // A context of its own, because the search for scratch memory depends on the calls before.
        const CaseInstance instance = make();
        const VariantInstance &own = instance.variants[i];
        emit({{"begins", current = own.variant.name()}});
        own.operation.run();
        use(own);
      }
    } catch (const std::bad_alloc &) {
      emit({{"failed", current}, {"reason", "there is too little memory for this shape"}});
    } catch (const std::exception &error) {
      emit({{"failed", current}, {"reason", error.what()}});
    }
  }
}

bool count_in_processes(const Options &options, const Emit &emit) {
  const std::string why = why_no_counts();
  if (!why.empty()) throw UsageError("this program cannot count instructions: " + why);
  for (const std::string &isa : options.isas) {
    if (cli::interrupted()) break;
    run_in_process(
        "isa:" + isa, [&](const Emit &send) { count(options, isa, send); }, emit);
  }
  return !cli::interrupted();
}

void print_cost_heading(const std::string &isa) {
  std::printf("%s: instructions, FLOP, bytes and cache lines of one warm call on one thread\n", isa.c_str());
  for (const Column &column : columns) std::printf("%*s", column.width, column.title);
  std::printf("\n");
}

void print_cost(const Json &cost) {
  const auto calls = cost["calls"].get<int64_t>();
  std::printf("%s", cost["name"].get<std::string>().c_str());
  if (calls > 0) std::printf("  (and %" PRId64 " calls of other libraries)", calls);
  std::printf("\n");
  for (const Column &column : columns) std::printf("%*" PRId64, column.width, cost[column.key].get<int64_t>());
  std::printf("\n");
}

} // namespace lanefold::bench
