// A benchmark makes the memory of its case when it first runs, and the memory of the case before is freed then.
#include "google.hpp"

#include "../timing/case_run.hpp"
#include "../timing/fixture.hpp"
#include "../timing/machine.hpp"
#include "temporary_folder.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdio>
#include <optional>

namespace lanefold::bench {
namespace {

// The instance of one case at a time.
class CurrentCase {
public:
  explicit CurrentCase(Setting setting) : setting_(std::move(setting)) {}

  const Setting &setting() const { return setting_; }
  VariantInstance &find(const Case &of, const std::string &label) {
    if (case_ != &of) {
      case_ = nullptr;
      instance_ = make_instance(setting_, of, {});
      Verified verified;
      try {
        verify(instance_, verified);
      } catch (const std::exception &) {
        has_failed_ = true;
        throw;
      }
      case_ = &of;
    }
    for (VariantInstance &own : instance_.variants)
      if (own.variant.label == label) return own;
    throw std::runtime_error("the peer does not have this operation");
  }

  bool has_failed() const { return has_failed_; } // a result was wrong

private:
  const Setting setting_;
  const Case *case_ = nullptr; // whose results were verified
  bool has_failed_ = false;
  CaseInstance instance_;
};

// Reports what a variant cannot do as an error of its benchmark.
class CheckedFixture : public VariantFixture {
public:
  CheckedFixture(const Variant &variant, int threads, FindInstance find)
      : VariantFixture(variant, threads, find), find_(std::move(find)) {}
  void Run(benchmark::State &state) override {
    try {
      find_();
    } catch (const std::exception &error) {
      return state.SkipWithError(error.what());
    }
    VariantFixture::Run(state);
  }

private:
  FindInstance find_;
};

// Lanefold's own variants of a case, and those that peers may have.
std::vector<Variant> variants_of(const Case &of, const Setting &setting) {
  std::vector<Variant> all;
  for (const Variant &variant : of.variants) {
    all.push_back(variant);
    for (const auto &peer : setting.peers)
      if (of.with_peers) all.push_back(of.of_peer(variant, peer->name()));
  }
  return all;
}

} // namespace

int run_google_benchmark(const Options &options, std::vector<std::string> words, const Emit &emit) {
  const std::string isa = options.isas.front();
  const int threads = options.threads.front();
  const TemporaryFolder folder;
  CurrentCase current(setting_for(options, isa, threads, folder.path(), emit));
  const std::vector<Case> cases = cases_for(options, isa, threads);
  std::vector<std::unique_ptr<CheckedFixture>> fixtures;
  for (const Case &of : cases)
    for (const Variant &variant : variants_of(of, current.setting())) {
      const bool times_itself =
          std::any_of(current.setting().peers.begin(), current.setting().peers.end(),
                      [&](const auto &peer) { return peer->name() == variant.fields.peer && peer->times_itself(); });
      fixtures.push_back(std::make_unique<CheckedFixture>(
          variant, threads,
          [&current, &of, label = variant.label]() -> VariantInstance & { return current.find(of, label); }));
      VariantFixture::add(*fixtures.back(), times_itself);
    }
  words.insert(words.begin(), "lanefold bench");
  std::vector<char *> pointers;
  for (std::string &word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  int count = static_cast<int>(words.size());
  benchmark::Initialize(&count, pointers.data());
  if (benchmark::ReportUnrecognizedArguments(count, pointers.data())) return 2;
  const size_t selected = benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  if (selected == 0) throw UsageError("--benchmark_filter: no benchmark matches");
  return current.has_failed() ? 1 : 0;
}

} // namespace lanefold::bench
