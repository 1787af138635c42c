// The method of the benchmarks: medians and intervals, cases, names, rows, comparison, processes, simulated scaling.
// All times are made up, so nothing is measured.
#include "method/results.hpp"
#include "scaling/scaling.hpp"
#include "session/compare.hpp"
#include "session/session.hpp"
#include "support/matrix.hpp"

#include <nlohmann/json.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <random>
#include <regex>
#include <set>

using namespace lanefold::bench;

namespace {

// A variant that reports `seconds` for each call.
Variant timed(const std::string &label, double seconds, const std::string &group = "",
              std::vector<std::string> *calls = nullptr) {
  Variant variant;
  variant.label = label, variant.name = "test/" + label + "/threads:1", variant.group = group;
  variant.work = {100, 40, 10};
  variant.operation.run = [] {};
  variant.operation.seconds = [=](int64_t iterations) {
    if (calls) calls->push_back(label);
    return seconds * static_cast<double>(iterations);
  };
  return variant;
}

double no_drift() { return 0; }

CaseResult run(std::vector<Variant> variants, std::vector<Ratio> ratios, int rounds = 1,
               const std::function<double()> &drift = no_drift, double max_seconds = 60) {
  std::vector<CaseInstance> instances(4, CaseInstance{std::move(variants), nullptr});
  const Effort effort{max_seconds};
  CaseRun case_run({1, false, std::move(ratios)});
  for (int i = 0; i < rounds; ++i) case_run.measure_round(instances, effort, drift);
  return case_run.result(effort);
}

std::string temporary(const std::string &name, const Json &content) {
  const std::string path =
      (std::filesystem::temp_directory_path() / ("lanefold-" + std::to_string(getpid()) + name)).string();
  std::ofstream(path) << content.dump();
  return path;
}

Json file_of(const std::map<std::string, double> &times, const std::map<std::string, double> &ratios = {}) {
  Json all = {{"context", Json::object()}, {"benchmarks", Json::array()}};
  for (const auto &[name, time] : times)
    for (const double part : {0.99, 0.995, 1.0, 1.0, 1.0, 1.0, 1.0, 1.005, 1.01})
      all["benchmarks"].push_back({{"name", name},
                                   {"run_name", name},
                                   {"run_type", "iteration"},
                                   {"real_time", time * part},
                                   {"time_unit", "us"}});
  if (!ratios.empty()) all["lanefold"]["format"] = results_format;
  for (const auto &[name, value] : ratios)
    all["lanefold"]["ratios"].push_back(
        {{"name", name}, {"value", value}, {"low", value * 0.999}, {"high", value * 1.001}});
  return all;
}

// The output of compare_files() and its exit code.
std::pair<std::string, int> compared(const Json &before, const Json &after, double agree = 0) {
  const std::string a = temporary("a.json", before), b = temporary("b.json", after), out = temporary("out", {});
  std::FILE *stream = std::fopen(out.c_str(), "w");
  REQUIRE(stream);
  const std::unique_ptr<std::FILE, int (*)(std::FILE *)> closes(stream, std::fclose);
  const int code = compare_files(a, b, "", agree, stream);
  std::fflush(stream);
  std::ifstream file(out);
  return {{std::istreambuf_iterator<char>(file), {}}, code};
}

} // namespace

TEST_CASE("the interval of a median contains the true median with 95% probability, whatever the distribution") {
  std::mt19937 random(1);
  std::exponential_distribution<double> spread; // its median is log 2
  for (const int n : {9, 15, 40, 60}) {
    CAPTURE(n);
    int holds = 0;
    for (int i = 0; i < 4000; ++i) {
      std::vector<double> values(static_cast<size_t>(n));
      for (double &value : values) value = spread(random);
      const Interval interval = median_of(values);
      CHECK(interval.low <= interval.value);
      CHECK(interval.value <= interval.high);
      holds += interval.low <= std::log(2.0) && std::log(2.0) <= interval.high;
    }
    CHECK(holds > 4000 * 0.945);
  }
  CHECK(median_of({3, 1, 2}).value == 2);
  CHECK(median_of({1, 2, 3, 4}).value == 2.5);
  CHECK_THROWS(median_of({}));
}

TEST_CASE("the interval of a geometric mean narrows with the number of factors") {
  const Interval one{2, 1.9, 2.1};
  CHECK(geometric_mean({one, one}).value == doctest::Approx(2));
  CHECK(geometric_mean({{1, 1, 1}, {4, 4, 4}}).value == doctest::Approx(2));
  CHECK(geometric_mean({one}).width() == doctest::Approx(one.width()).epsilon(0.01));
  CHECK(geometric_mean({one, one, one, one}).width() == doctest::Approx(one.width() / 2).epsilon(0.01));
}

TEST_CASE("a case yields the ratios of its variants, and a group stands for its fastest variant") {
  const CaseResult result = run({timed("lanefold", 2e-4), timed("a", 5e-4, "peers"), timed("b", 4e-4, "peers")},
                                {{"over", Ratio::times, "peers", "lanefold"},
                                 {"share", Ratio::flops_share, "lanefold", "b"},
                                 {"bytes", Ratio::bytes_share, "a", "b"},
                                 {"us", Ratio::time, "lanefold", "", Sense::at_most, 100, 1e6},
                                 {"absent", Ratio::times, "lanefold", "absent"}});
  REQUIRE(result.ratios.size() == 4);
  CHECK(result.ratios[0].interval.value == doctest::Approx(2));
  CHECK(result.ratios[0].numerator == "test/b/threads:1");
  CHECK(result.ratios[1].interval.value == doctest::Approx(2));
  CHECK(result.ratios[2].interval.value == doctest::Approx(0.8));
  CHECK(result.ratios[3].interval.value == doctest::Approx(200));
  CHECK(result.converged);
  CHECK(result.samples.size() >= 9);
  CHECK(result.seconds(1).value == doctest::Approx(5e-4));
}

TEST_CASE("noisy samples are used if there are too few quiet ones, and then the case has not converged") {
  const std::vector<Variant> variants{timed("a", 2e-4), timed("b", 1e-4)};
  const std::vector<Ratio> ratios{{"r", Ratio::times, "a", "b"}};
  const CaseResult noisy = run(
      variants, ratios, 1, [] { return 1.5; }, 0);
  CHECK_FALSE(noisy.converged);
  CHECK(noisy.samples.size() == 9);
  CHECK(noisy.noisy == 9);
  CHECK(noisy.discarded == 0);
  int calls = 0;
  const CaseResult mixed = run(variants, ratios, 1, [&] { return calls++ < 3 ? 1.5 : 1.0; });
  CHECK(mixed.converged);
  CHECK(mixed.noisy == 0);
  CHECK(mixed.discarded == 3); // a sample is as noisy as the worse of the calibrations before and after it
}

TEST_CASE("all rounds count, and the interval includes the median of each round") {
  double seconds = 1e-4;
  Variant changing = timed("changing", 0);
  changing.operation.seconds = [&](int64_t iterations) { return seconds * static_cast<double>(iterations); };
  std::vector<CaseInstance> instances(2, CaseInstance{{changing, timed("steady", 1e-4)}, nullptr});
  CaseRun case_run({1, false, {{"ratio", Ratio::times, "changing", "steady"}}});
  const Effort effort{0};
  for (const double factor : {1.0, 1.3, 1.0}) {
    seconds = factor * 1e-4;
    case_run.measure_round(instances, effort, no_drift);
  }
  const Interval interval = case_run.result(effort).ratios[0].interval;
  CHECK(interval.low == doctest::Approx(1));
  CHECK(interval.high == doctest::Approx(1.3));
  CHECK_FALSE(case_run.result(effort).converged);
}

TEST_CASE("the repetitions of variants interleave in random order, and each variant has the same number") {
  std::vector<std::string> calls;
  const CaseResult result =
      run({timed("a", 2e-4, "", &calls), timed("b", 2e-4, "", &calls)}, {{"r", Ratio::times, "a", "b"}}, 8);
  std::map<std::string, int> count;
  int changes = 0;
  for (size_t i = 0; i < calls.size(); ++i) {
    ++count[calls[i]];
    changes += i > 0 && calls[i] != calls[i - 1];
  }
  CHECK(count["a"] == count["b"]);
  CHECK(count["a"] >= 4 * static_cast<int>(result.samples.size()));
  // Repetitions come in pairs, and either variant may be first.  Within a pair the variant always changes, between pairs
  // it changes half of the time.
  const double share = changes / static_cast<double>(calls.size());
  CHECK(share > 0.6);
  CHECK(share < 0.9);
}

TEST_CASE("a wrong result stops the case before anything is timed") {
  Variant wrong = timed("wrong", 1e-4);
  bool timing = false;
  wrong.operation.seconds = [&](int64_t) { return timing = true, 1e-4; };
  wrong.verification.mismatch = [] { return "c[3] is 2, not 1"; };
  CHECK_THROWS_WITH(run({timed("right", 1e-4), wrong}, {}), "test/wrong/threads:1: c[3] is 2, not 1");
  CHECK_FALSE(timing);
}

TEST_CASE("a variant that writes nothing does not pass with the result of the previous variant") {
  Floats c(4);
  const auto writes = [&](const std::string &label, bool really) {
    Variant variant = timed(label, 1e-4);
    variant.operation.run = [&c, really] {
      if (really) std::fill(c.begin(), c.end(), 1.0f);
    };
    variant.verification = verification({&c}, [&c] { return find_mismatch("c", c, Doubles(4, 1.0), 1); });
    return variant;
  };
  CHECK_NOTHROW(run({writes("first", true), writes("second", true)}, {}));
  CHECK_THROWS_WITH(run({writes("first", true), writes("idle", false)}, {}), "test/idle/threads:1: c[0] is nan, not 1");
}

TEST_CASE("only runs with one thread or two have targets") {
  for (const int threads : {1, 2, 3}) {
    int gates = 0;
    for (const Case &bench_case : list_of("avx2", threads).cases)
      for (const Ratio &ratio : bench_case.ratios) gates += ratio.sense != Sense::none;
    CHECK((gates > 0) == (threads < 3));
  }
}

TEST_CASE("memory begins at the chosen distance from a cache line") {
  for (const size_t at : {0, 16, 32, 48}) {
    placement = at;
    const Floats floats(1000, 1.0f);
    CHECK(reinterpret_cast<uintptr_t>(floats.data()) % 64 == at);
  }
  placement = 0;
}

TEST_CASE("names follow one pattern, and no two cases or ratios have the same name") {
  const std::regex pattern("(limit|gemm|dense|activation|norm|network|step|batch|call|determinism|trainer|optimizer|"
                           "loss|fold)/[a-z0-9_-]+/isa:avx2(/"
                           "[a-z]+:[A-Za-z0-9]+)*/threads:[12]");
  for (const auto &[list, threads] :
       {std::pair{list_of("avx2", 1), 1}, {list_of("avx2", 2), 2}, {list_of_costs(), 1}}) {
    std::set<std::string> cases, ratios;
    for (const Case &bench_case : list.cases) {
      const std::string name = bench_case.operation + "/isa:avx2" +
                               (bench_case.sizes.empty() ? "" : "/" + bench_case.sizes) + suffix(threads);
      CAPTURE(name);
      CHECK(std::regex_match(name, pattern));
      const bool random = bench_case.extent == Extent::gates; // random shapes may come twice
      CHECK((cases.insert(name).second || random));
      for (const Ratio &ratio : bench_case.ratios) CHECK((ratios.insert(ratio.name).second || random));
    }
    for (const Summary &summary : list.summaries) {
      CHECK(ratios.insert(summary.name).second);
      for (const std::string &name : summary.of) CHECK(ratios.contains(name));
    }
  }
}

TEST_CASE("a filter selects cases by their names and by those of their ratios") {
  const List list = list_of("avx2", 1);
  const auto count = [&](const std::string &filter, Extent extent) {
    Options options;
    options.filter = filter, options.extent = extent;
    return select_cases(list, options, "avx2", 1).size();
  };
  CHECK(count("nothing like that", Extent::full) == 0);
  CHECK(count("gemm/nn/isa:avx2/m:16/n:16/k:16/", Extent::quick) == 1);
  CHECK(count("step/bn_elu_sgd-over-relu_sgd", Extent::quick) == 1);
  CHECK(count("isa:avx512", Extent::full) == 0);
  CHECK(count("gemm/packed_nn/isa:avx2/m:16/n:16/k:16/", Extent::quick) == 1);
  CHECK(count("dense/forward_fused_bn_elu/isa:avx2/m:200/n:300/", Extent::quick) == 1);
  CHECK(count("step/relu_sgd.*peer:onednn", Extent::quick) == 1);
  CHECK(count("", Extent::quick) < count("", Extent::full));
  CHECK(count("gemm/random/threads:1", Extent::gates) == 200);
  CHECK(count("gemm/geometric-mean", Extent::gates) == std::size(products));
}

TEST_CASE("rows have the format of Google Benchmark: samples, then the median and the ends of its interval") {
  const CaseResult result = run({timed("lanefold", 2e-4), timed("peak", 1e-4)}, {});
  std::map<std::string, std::string> owners = {{"test/peak/threads:1", "limit/fma"}};
  const Json rows = rows_of(result, "test", 1, owners);
  const size_t samples = result.samples.size();
  REQUIRE(rows.size() == samples + 3);
  for (const Json &row : rows) CHECK(row["run_name"] == "test/lanefold/threads:1");
  CHECK(rows[0]["run_type"] == "iteration");
  CHECK(rows[0]["name"] == "test/lanefold/threads:1");
  CHECK(rows[0]["repetitions"] == samples);
  CHECK(rows[1]["repetition_index"] == 1);
  CHECK(rows[0]["real_time"].get<double>() == doctest::Approx(2e5));
  CHECK(rows[0]["time_unit"] == "ns");
  CHECK(rows[0]["FLOP/s"].get<double>() == doctest::Approx(100 / 2e-4));
  CHECK(rows[0]["bytes/s"].get<double>() == doctest::Approx(40 / 2e-4));
  CHECK(rows[0]["ns/element"].get<double>() == doctest::Approx(2e4));
  CHECK(rows[0]["share_of_limit"].get<double>() == doctest::Approx(0.5));
  const Json &median = rows[samples];
  CHECK(median["run_type"] == "aggregate");
  CHECK(median["aggregate_name"] == "median");
  CHECK(median["name"] == "test/lanefold/threads:1_median");
  CHECK(rows_of(result, "test", 1, owners).size() == rows.size()); // after another round
  CHECK(rows_of(result, "another", 1, owners).empty());
}

TEST_CASE("the verdict of a gate follows from its target") {
  CHECK(ratio_of("x", {1.0, 0.9, 1.1}, Sense::none, 0).contains("verdict") == false);
  CHECK(ratio_of("x", {1.0, 0.9, 1.1}, Sense::at_least, 1.0)["verdict"] == "ok");
  CHECK(ratio_of("x", {0.99, 0.9, 1.1}, Sense::at_least, 1.0)["verdict"] == "short");
  CHECK(ratio_of("x", {1.01, 0.9, 1.1}, Sense::at_most, 1.0)["verdict"] == "short");
}

TEST_CASE("a comparison says which differences are real") {
  const auto [text, code] = compared(file_of({{"a", 100}, {"b", 100}, {"c", 100}, {"gone", 1}}),
                                     file_of({{"a", 120}, {"b", 80}, {"c", 100.5}, {"new", 1}}));
  CHECK(code == 0);
  CHECK(std::regex_search(text, std::regex("\na .* 1.200 .*slower")));
  CHECK(std::regex_search(text, std::regex("\nb .* 0.800 .*faster")));
  CHECK(std::regex_search(text, std::regex("\nc .* 1.005 .*same")));
  CHECK(text.find("gone") == std::string::npos);
  CHECK(text.find("3 times: 1 faster, 1 same, 1 slower") != std::string::npos);
  CHECK_THROWS(compared(file_of({{"a", 1}}), file_of({{"b", 1}})));
  CHECK_THROWS(compared(Json::array(), file_of({{"b", 1}})));
  CHECK_THROWS(compared({{"benchmarks", {3}}}, file_of({{"b", 1}})));
  CHECK_THROWS(
      compared({{"benchmarks", Json::array()}, {"lanefold", {{"ratios", {Json::object()}}}}}, file_of({{"b", 1}})));
}

TEST_CASE("files without a common benchmark cannot be compared") {
  const Json times = file_of({{"a", 1}}), ratios = file_of({{"a", 1}}, {{"r", 1}});
  CHECK_NOTHROW(compared(times, times));
  CHECK_THROWS(compared(times, times, 3));
  CHECK_THROWS(compared(ratios, file_of({{"a", 1}}, {{"s", 1}}), 3));
}

TEST_CASE("two runs agree if 95% of their ratios are close to each other") {
  std::map<std::string, double> before, after;
  for (int i = 0; i < 40; ++i) before["r" + std::to_string(i)] = after["r" + std::to_string(i)] = 1;
  after["r0"] = 1.1, after["r1"] = 0.9, after["r2"] = 1.029, after["r3"] = 1 / 1.029;
  CHECK(compared(file_of({{"t", 1}}, before), file_of({{"t", 1}}, after), 3).second == 0);
  after["r4"] = 1.04;
  const auto [text, code] = compared(file_of({{"t", 1}}, before), file_of({{"t", 1}}, after), 3);
  CHECK(code == 1);
  CHECK(text.find("92.5% of the ratios agree within 3%") != std::string::npos);
}

TEST_CASE("the results of a process that dies are kept, and the failure says how it died") {
  std::vector<Json> found;
  run_in_process(
      "test",
      [](const Emit &emit) {
        emit({{"case", 1}});
        emit({{"begins", "the second case"}});
        std::raise(SIGKILL);
      },
      [&](const Json &json) { found.push_back(json); });
  REQUIRE(found.size() == 3);
  CHECK(found[0]["case"] == 1);
  CHECK(found[2]["failed"] == "the second case");
  CHECK(found[2]["reason"] == "the process was killed by signal: Killed");
  found.clear();
  run_in_process(
      "test", [](const Emit &) { throw std::runtime_error("no luck"); },
      [&](const Json &json) { found.push_back(json); });
  REQUIRE(found.size() == 1);
  CHECK(found[0]["reason"] == "no luck");
}

TEST_CASE("in the simulation, cores take tasks in order and a phase ends with its last task") {
  const MachineModel ideal{0, 1, 1, 1, 1e18};
  const TaskTimes even{{{1, 1, 1, 1}}, 0.5, 0};
  CHECK(simulate(even, ideal, 1).seconds == doctest::Approx(4.5));
  CHECK(simulate(even, ideal, 2).seconds == doctest::Approx(2.5));
  CHECK(simulate(even, ideal, 3).seconds == doctest::Approx(2.5));
  CHECK(simulate(even, ideal, 3).imbalance == doctest::Approx(2 - 4.0 / 3));
  CHECK(simulate(even, ideal, 128).seconds == doctest::Approx(1.5));
  const TaskTimes long_last{{{1, 1, 3}, {2, 2}}, 0, 0};
  CHECK(simulate(long_last, ideal, 2).seconds == doctest::Approx(4 + 2));
  CHECK(simulate({{}, 1, 0}, ideal, 64).seconds == doctest::Approx(1));
}

TEST_CASE("the simulation adds the time of waking cores, of the caches of other cores, and of memory") {
  const TaskTimes times{{{1, 1, 1, 1}, {1, 1}}, 0, 8};
  CHECK(simulate(times, {0.1, 1e18, 1e18, 1, 1e18}, 1).overhead == 0);
  CHECK(simulate(times, {0.1, 1e18, 1e18, 1, 1e18}, 4).overhead == doctest::Approx(0.1 * 2 + 0.1));
  CHECK(simulate(times, {0, 4, 2, 1, 1e18}, 2).transfer == doctest::Approx(0.5 * 8 / 2 * (0.5 - 0.25)));
  CHECK(simulate(times, {0, 4, 2, 1, 1e18}, 1).transfer == 0);
  // 8 bytes at 1 byte per second take 8 seconds on any number of cores, unless a cache holds them.
  CHECK(simulate(times, {0, 1e18, 1e18, 1, 4}, 4).seconds == doctest::Approx(8));
  CHECK(simulate(times, {0, 1e18, 1e18, 1, 100}, 4).seconds == doctest::Approx(2));
}
