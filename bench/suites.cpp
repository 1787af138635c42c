// Subjects, names, and the run of one case.
#include "suites.hpp"

#include <algorithm>

namespace lanefold::bench {
namespace {

int failed = 0;

void skip(benchmark::State &state, const std::string &message) {
  ++failed;
  state.SkipWithError(message.c_str());
}

void report(benchmark::State &state, const Case &subject) {
  using benchmark::Counter;
  if (subject.flops > 0)
    state.counters["FLOP/s"] = Counter(subject.flops, Counter::kIsIterationInvariantRate, Counter::kIs1000);
  if (subject.elements > 0) {
    state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(subject.elements));
    const auto seconds_each = static_cast<Counter::Flags>(Counter::kIsIterationInvariantRate | Counter::kInvert);
    state.counters["s/element"] = Counter(subject.elements, seconds_each, Counter::kIs1000);
  }
}

} // namespace

std::shared_ptr<const Context> make_context(const std::string &isa, int threads) {
  auto options = args<lf_context_options>();
  options.isa = isa.c_str();
  options.threads = threads;
  return std::make_shared<const Context>(options);
}

std::vector<Subject> make_subjects() {
  const int all = Context().threads();
  std::vector<Subject> subjects;
  for (const std::string &name : lanefold::usable_plugins()) {
    subjects.push_back({name, 1, make_context(name, 1)});
    if (all > 1) subjects.push_back({name, all, make_context(name, all)});
  }
  return subjects;
}

std::string sizes(int64_t m, int64_t n) { return "m:" + std::to_string(m) + "/n:" + std::to_string(n); }

std::string sizes(const Shape &shape) { return sizes(shape.m, shape.n) + "/k:" + std::to_string(shape.k); }

void add(const std::string &operation, const Subject &subject, const std::string &sizes,
         std::function<std::unique_ptr<Case>()> make) {
  const std::string name =
      operation + "/isa:" + subject.isa + "/" + sizes + "/threads:" + std::to_string(subject.threads);
  // The body runs several times, until the time that it takes is known; one verification is enough.
  const auto verified = std::make_shared<bool>(false);
  const auto body = [=](benchmark::State &state) {
    try {
      const std::unique_ptr<Case> timed = make();
      timed->run();
      if (!*verified) {
        const std::string fault = timed->fault();
        if (!fault.empty()) return skip(state, fault);
        *verified = true;
      }
      for (auto _ : state) timed->run();
      report(state, *timed);
    } catch (const Error &error) {
      skip(state, error.what());
    }
  };
  benchmark::RegisterBenchmark(name.c_str(), body)->UseRealTime();
}

int failures() { return failed; }

} // namespace lanefold::bench
