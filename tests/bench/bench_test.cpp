// The method of the benchmarks: cases, fields, filters, names, rows, comparison, processes, simulated scaling.  All times
// are made up, so nothing is measured.
#include "session/compare.hpp"
#include "session/results.hpp"
#include "session/scaling.hpp"
#include "support/files.hpp"
#include "support/matrix.hpp"
#include "timing/case_run.hpp"
#include "timing/sibling.hpp"
#include "timing/statistics.hpp"
#include "timing/waiting.hpp"

#include <nlohmann/json.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <random>
#include <regex>
#include <set>
#include <thread>
#include <utility>

#include <sched.h>
#include <unistd.h>

using namespace lanefold::bench;

namespace {

Fields fields_of_test(const std::string &form) {
  Fields fields;
  fields.family = fields.op = "test", fields.form = form, fields.threads = 1;
  return fields;
}

// A variant that reports `seconds` for each call.
VariantInstance timed(const std::string &label, double seconds, const std::string &group = "",
                      std::vector<std::string> *calls = nullptr) {
  VariantInstance own;
  own.variant = {label, fields_of_test(label), {100, 40, 10}, group};
  own.operation.run = [] {};
  own.operation.time_calls = [=](int64_t iterations) {
    if (calls) calls->push_back(label);
    return TimedCalls{seconds * static_cast<double>(iterations)};
  };
  return own;
}

CaseResult run(const std::vector<VariantInstance> &variants, std::vector<Ratio> ratios, int rounds = 1) {
  CaseRun case_run(1, std::move(ratios));
  for (int i = 0; i < rounds; ++i) {
    CaseInstance instance{variants, nullptr};
    case_run.measure_round(instance);
  }
  return case_run.result();
}

// Rows of Google Benchmark.
Json file_of(const std::map<std::string, double> &times) {
  Json all = {{"context", Json::object()}, {"benchmarks", Json::array()}};
  for (const auto &[name, time] : times)
    for (const double part : {0.99, 0.995, 1.0, 1.0, 1.0, 1.0, 1.0, 1.005, 1.01})
      all["benchmarks"].push_back({{"name", name},
                                   {"run_name", name},
                                   {"run_type", "iteration"},
                                   {"real_time", time * part},
                                   {"time_unit", "us"}});
  return all;
}

Json ratio(const std::string &form, double value) {
  return ratio_of("over-alone", fields_of_test(form), {value, value * 0.999, value * 1.001}, Sense::none, 0);
}

// Results of Lanefold, with these ratios by form.
Json results_of(const std::map<std::string, double> &ratios) {
  Json all = file_of({});
  all["lanefold"] = {{"format", results_format}, {"cases", Json::array()}, {"ratios", Json::array()}};
  for (const auto &[form, value] : ratios) all["lanefold"]["ratios"].push_back(ratio(form, value));
  return all;
}

// The output of compare_files().
std::string compared(const Json &before, const Json &after, const Filter &filter = {}) {
  const lanefold::test::TemporaryFolder folder;
  const std::string a = folder / "a.json", b = folder / "b.json", out = folder / "out";
  std::ofstream(a) << before.dump();
  std::ofstream(b) << after.dump();
  std::FILE *stream = std::fopen(out.c_str(), "w");
  REQUIRE(stream);
  const std::unique_ptr<std::FILE, int (*)(std::FILE *)> closes(stream, std::fclose);
  compare_files(a, b, filter, stream);
  std::fflush(stream);
  std::ifstream file(out);
  return {std::istreambuf_iterator<char>(file), {}};
}

} // namespace

TEST_CASE("a round takes up to ten samples until repetitions are confirmed, and up to five with several threads") {
  const auto samples = [](int threads, double change) { // from one repetition to the next
    VariantInstance variant = timed("a", 1);
    variant.operation.time_calls = [=, seconds = 1.0](int64_t iterations) mutable {
      return TimedCalls{(seconds *= change) * static_cast<double>(iterations)};
    };
    CaseRun case_run(threads, {});
    CaseInstance instance{{variant}, nullptr};
    case_run.measure_round(instance);
    return case_run.result().samples;
  };
  CHECK(samples(1, 1) == 3);
  CHECK(samples(2, 1) == 3);
  CHECK(samples(1, 0.5) == 10);
  CHECK(samples(2, 0.5) == 5);
}

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
                                 {"excess", Ratio::excess, "lanefold", "b", Sense::none, 0, 1e6},
                                 {"group", Ratio::times, "lanefold", "peers"},
                                 {"absent", Ratio::times, "lanefold", "absent"}},
                                2);
  REQUIRE(result.ratios.size() == 6);
  CHECK(result.ratios[0].interval.value == doctest::Approx(2));
  CHECK(result.ratios[0].numerator == "test/b/threads:1");
  CHECK(result.ratios[1].interval.value == doctest::Approx(2));
  CHECK(result.ratios[2].interval.value == doctest::Approx(0.8));
  CHECK(result.ratios[3].interval.value == doctest::Approx(200));
  CHECK(result.ratios[3].denominator == "");
  CHECK(result.ratios[4].interval.value > 0); // smaller than no time there is not
  CHECK(result.ratios[5].interval.value == doctest::Approx(0.5));
  CHECK(result.rounds.size() == 2);
  CHECK(result.seconds.at(1).value == doctest::Approx(5e-4));
}

TEST_CASE("the repetitions of variants interleave in random order, and each variant has the same number") {
  std::vector<std::string> calls;
  const CaseResult result =
      run({timed("a", 2e-4, "", &calls), timed("b", 2e-4, "", &calls)}, {{"r", Ratio::times, "a", "b"}}, 30);
  std::map<std::string, int> count;
  int changes = 0;
  for (size_t i = 0; i < calls.size(); ++i) {
    ++count[calls[i]];
    changes += i > 0 && calls[i] != calls[i - 1];
  }
  CHECK(count["a"] == count["b"]);
  CHECK(count["a"] >= result.samples);
  // Repetitions come in pairs, and either variant may be first.  Within a pair the variant always changes, between pairs
  // it changes half of the time.
  const double share = changes / static_cast<double>(calls.size());
  CHECK(share > 0.6);
  CHECK(share < 0.9);
}

TEST_CASE("the system tells how long a thread waits for a CPU that it shares") {
  cpu_set_t all, one;
  REQUIRE(sched_getaffinity(0, sizeof all, &all) == 0);
  CPU_ZERO(&one);
  for (int cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&one) == 0; ++cpu)
    if (CPU_ISSET(cpu, &all)) CPU_SET(cpu, &one);
  REQUIRE(sched_setaffinity(0, sizeof one, &one) == 0);
  std::atomic<bool> ends = false;
  const auto spin = [&] {
    while (!ends) {
    }
  };
  const double before = waited_seconds(false);
  std::thread other(spin);
  const auto begin = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() - begin < std::chrono::milliseconds(200)) {
  }
  const double alone = waited_seconds(false) - before, both = waited_seconds(true);
  ends = true;
  other.join();
  sched_setaffinity(0, sizeof all, &all);
  CHECK(alone > 0.02);
  CHECK(both > alone);
}

TEST_CASE("a busy sibling shows by the wide loop, whatever the frequency and whatever interrupts the chain") {
  Sibling::LoopTimes times{};
  Sibling sibling([&] { return times; });
  const auto is_busy = [&](double wide, double chain) {
    times = {wide, chain};
    return sibling.is_busy();
  };
  CHECK_FALSE(is_busy(1, 3)); // an interrupt made the chain longer
  CHECK_FALSE(is_busy(1, 1));
  CHECK_FALSE(is_busy(1, 2)); // another one, which must not make the loops of later calls look long
  CHECK_FALSE(is_busy(1.1, 1));
  CHECK(is_busy(1.8, 1.1));
  CHECK_FALSE(is_busy(2, 2)); // half the frequency
  CHECK(is_busy(3.6, 2.2));
}

TEST_CASE("a core that was shared from the beginning is known after its first idle moment") {
  Sibling::LoopTimes times{1.8, 1};
  Sibling sibling([&] { return times; });
  CHECK_FALSE(sibling.is_busy());
  times.wide = 1;
  CHECK_FALSE(sibling.is_busy());
  times.wide = 1.8;
  CHECK(sibling.is_busy());
}

TEST_CASE("a peer that is certainly slower than another one is not measured in later rounds") {
  std::vector<std::string> calls;
  const CaseResult result = run({timed("lanefold", 1e-4, "", &calls), timed("slow", 9e-4, "peers", &calls),
                                 timed("close", 2.01e-4, "peers", &calls), timed("fast", 2e-4, "peers", &calls)},
                                {{"r", Ratio::times, "peers", "lanefold"}}, 20);
  const auto count = [&](const char *label) { return std::count(calls.begin(), calls.end(), label); };
  CHECK(count("slow") < count("lanefold") / 2);
  CHECK(count("close") == count("lanefold"));
  CHECK(result.ratios.at(0).interval.value == doctest::Approx(2));
  CHECK(result.seconds.at(1).value == doctest::Approx(9e-4));
}

namespace {

// Measures rounds of one variant.  `repetitions`: what each of its repetitions takes, of one call each; the last one
// repeats.
CaseResult run_repetitions(const std::vector<TimedCalls> &repetitions, int rounds) {
  VariantInstance variant = timed("a", 1);
  size_t next = 0;
  bool is_first = true;
  variant.operation.time_calls = [&](int64_t) {
    if (std::exchange(is_first, false)) return TimedCalls{1}; // which decides the number of calls
    return repetitions[std::min(next++, repetitions.size() - 1)];
  };
  return run({variant}, {}, rounds);
}

} // namespace

TEST_CASE("a repetition that waited for a CPU does not count, however fast it was") {
  const CaseResult result = run_repetitions({{3, 0}, {1, 0.03}, {2, 0.03}, {2, 0}}, 1);
  CHECK(result.seconds.at(0).value == doctest::Approx(2));
  CHECK(result.discarded == 0);
}

TEST_CASE("a round in which each repetition waited for a CPU is discarded") {
  const CaseResult result = run_repetitions({{2, 0}, {2, 0}, {2, 0}, {1, 0.5}}, 3);
  CHECK(result.seconds.at(0).value == doctest::Approx(2));
  CHECK(result.rounds.size() == 1);
  CHECK(result.discarded == 2);
}

TEST_CASE("waiting that every repetition has in common disturbs none") {
  const CaseResult result = run_repetitions({{2, 1}, {2, 1.01}}, 3);
  CHECK(result.rounds.size() == 3);
  CHECK(result.discarded == 0);
}

TEST_CASE("a case on one thread tells in which share of its repetitions the core was shared") {
  const auto shared_core = [](int threads) {
    CaseRun case_run(threads, {});
    CaseInstance instance{{timed("a", 1)}, nullptr};
    case_run.measure_round(instance);
    return case_run.result().shared_core;
  };
  REQUIRE(shared_core(1).has_value());
  CHECK(*shared_core(1) >= 0);
  CHECK(*shared_core(1) <= 1);
  CHECK_FALSE(shared_core(2).has_value());
}

TEST_CASE("a wrong result stops the case before anything is timed") {
  VariantInstance wrong = timed("wrong", 1e-4);
  bool timing = false;
  wrong.operation.time_calls = [&](int64_t) { return timing = true, TimedCalls{1e-4}; };
  wrong.verification.mismatch = [] { return "c[3] is 2, not 1"; };
  CHECK_THROWS_WITH(run({timed("right", 1e-4), wrong}, {}), "test/wrong/threads:1: c[3] is 2, not 1");
  CHECK_FALSE(timing);
}

TEST_CASE("a variant that writes nothing does not pass with the result of the previous variant") {
  Floats c(4);
  const auto writes = [&](const std::string &label, bool really) {
    VariantInstance own = timed(label, 1e-4);
    own.operation.run = [&c, really] {
      if (really) std::fill(c.begin(), c.end(), 1.0f);
    };
    own.verification = {{&c}, {}, [&c] { return find_mismatch("c", c, Doubles(4, 1.0), 1); }};
    return own;
  };
  CHECK_NOTHROW(run({writes("first", true), writes("second", true)}, {}));
  CHECK_THROWS_WITH(run({writes("first", true), writes("idle", false)}, {}), "test/idle/threads:1: c[0] is nan, not 1");
}

TEST_CASE("only results with the bits of a verified one are not compared with the reference again") {
  Floats c(4);
  float value = 1;
  int compared = 0;
  VariantInstance own = timed("a", 1e-4);
  own.operation.run = [&] { std::fill(c.begin(), c.end(), value); };
  own.verification = {{&c}, {}, [&] { return ++compared, find_mismatch("c", c, Doubles(4, 1.0), 4); }};
  CaseInstance instance{{own}, nullptr};
  Verified verified;
  verify(instance, verified);
  verify(instance, verified);
  CHECK(compared == 1);
  value = std::nextafterf(1, 2); // another correct result
  verify(instance, verified);
  CHECK(compared == 2);
  value = 2;
  CHECK_THROWS(verify(instance, verified));
}

TEST_CASE("only runs with one thread or two have targets") {
  for (const int threads : {1, 2, 3}) {
    int gates = 0;
    for (const Case &bench_case : list_of("avx2", threads).cases)
      for (const Ratio &ratio : bench_case.ratios) gates += ratio.sense != Sense::none;
    CHECK((gates > 0) == (threads < 3));
  }
}

TEST_CASE("memory begins at the chosen distance from a cache line, and so do its copies") {
  for (const size_t at : {0, 16, 32, 48}) {
    const Memory memory{{at, std::make_shared<std::mt19937>(1)}};
    const Floats floats = memory.floats(1000, 1), copy = floats;
    for (const Floats *each : {&floats, &copy}) CHECK(reinterpret_cast<uintptr_t>(each->data()) % 64 == at);
    CHECK(reinterpret_cast<uintptr_t>(memory.random(1000, 1).data()) % 64 == at);
  }
}

TEST_CASE("a name follows from the fields, and a file has those that apply") {
  Fields fields;
  fields.family = fields.op = "gemm", fields.transpose = "nn", fields.form = "packed";
  fields.m = 200, fields.n = 300, fields.k = 784, fields.isa = "avx512", fields.threads = 1, fields.peer = "onednn";
  CHECK(name_of(fields) == "gemm/nn/packed/isa:avx512/m:200/n:300/k:784/threads:1/peer:onednn");
  Json json = Json::object();
  add_fields(json, fields);
  CHECK(json.dump() == R"({"family":"gemm","op":"gemm","transpose":"nn","form":"packed","isa":"avx512","m":200,)"
                       R"("n":300,"k":784,"threads":1,"peer":"onednn"})");
  CHECK(fields_of(json) == fields);
  fields = {};
  fields.family = "norm", fields.op = "batch_norm", fields.pass = "training", fields.bn = true;
  fields.activation = "elu", fields.cold = true, fields.level = "L1";
  CHECK(name_of(fields) == "norm/batch_norm/training/bn_elu/cold/level:L1");
  json = Json::object();
  add_fields(json, fields);
  CHECK(fields_of(json) == fields);
}

TEST_CASE("conditions hold for the fields that they describe, and invalid ones are refused") {
  Fields fields;
  fields.family = "dense", fields.op = "dense", fields.n = 300, fields.isa = "avx2", fields.bn = true;
  const auto holds = [&](const std::string &text) { return Where(text).holds(fields); };
  for (const char *text :
       {"", "op=dense", "op=dense n>=100 isa=avx2", "n=300", "n>299", "n<301", "n<=300", "n!=299", "isa=avx512,avx2",
        "isa!=avx512,portable", "bn=true", "bn!=false", "n=1,300", "peer=none", " op=dense  n>1 "}) {
    CAPTURE(text);
    CHECK(holds(text));
  }
  for (const char *text :
       {"op=gemm", "op=dense n>=301", "n!=300", "n<300", "n!=1,300", "isa=avx512", "isa!=avx512,avx2", "bn=false",
        "bn!=true", "peer!=none", "peer=onednn", "m<10", "m!=5", "m>=0", "cold=true"}) {
    CAPTURE(text);
    CHECK_FALSE(holds(text));
  }
  for (const char *text : {"op", "op=", "=dense", "ops=dense", "op==dense", "op>dense", "n>=many", "n=3x", "n=-1",
                           "n>1,2", "bn=yes", "bn>true", "n=99999999999999999999", "op=dense n"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(Where{text}, UsageError);
  }
  CHECK_THROWS_WITH(Where("opp=dense"), doctest::Contains("did you mean 'op'?"));
  CHECK_THROWS_AS(Where(std::string(100000, ' ')), UsageError);
}

TEST_CASE("names follow one pattern, and no two cases, variants or ratios have the same name") {
  const std::regex pattern("(limit|gemm|dense|activation|norm|network|batch|call|determinism|trainer|update)"
                           "(/[a-z0-9_-]+)*/isa:avx2(/[a-z]+:[A-Za-z0-9]+)*/threads:[12]");
  for (const auto &list : {list_of("avx2", 1), list_of("avx2", 2), list_of_costs("avx2", {})}) {
    std::set<std::string> cases, ratios;
    for (const Case &bench_case : list.cases) {
      CAPTURE(bench_case.name());
      const bool random = bench_case.fields().set == "random"; // random shapes may come twice
      CHECK((cases.insert(bench_case.name()).second || random));
      std::set<std::string> variants, labels;
      for (const Variant &variant : bench_case.variants) {
        CAPTURE(variant.name());
        CHECK(std::regex_match(variant.name(), pattern));
        CHECK(variants.insert(variant.name()).second);
        CHECK(labels.insert(variant.label).second);
      }
      for (const Ratio &ratio : bench_case.ratios) CHECK((ratios.insert(bench_case.name(ratio)).second || random));
    }
    for (const Summary &summary : list.summaries) {
      CHECK(ratios.insert(summary.name()).second);
      CHECK(std::any_of(list.cases.begin(), list.cases.end(), summary.combines));
    }
  }
}

TEST_CASE("a filter selects cases by their fields and names, and by the names of their ratios") {
  const List list = list_of("avx2", 1);
  const auto count = [&](const std::string &pattern, Extent extent, const std::string &where = "") {
    return select_cases(list, extent, {Where(where), pattern}).size();
  };
  CHECK(count("nothing like that", Extent::full) == 0);
  CHECK(count("gemm/nn/isa:avx2/m:16/n:16/k:16/", Extent::quick) == 1);
  CHECK(count("over-relu/trainer/step/bn_elu", Extent::quick) == 1);
  CHECK(count("isa:avx512", Extent::full) == 0);
  CHECK(count("gemm/nn/packed/isa:avx2/m:16/n:16/k:16/", Extent::quick) == 1);
  CHECK(count("dense/training/fused/bn_elu/isa:avx2/m:200/n:300/", Extent::quick) == 1);
  CHECK(count("trainer/step/relu.*peer:onednn", Extent::quick) == 1);
  CHECK(count("", Extent::quick) < count("", Extent::full));
  CHECK(count("", Extent::gates, "set=random family=gemm") == 200);
  CHECK(count("share/", Extent::gates) == 200);
  CHECK(count("geometric-mean", Extent::gates, "family=gemm") == std::size(products));
  CHECK(count("", Extent::quick, "op=step peer=onednn activation=relu") == 1);
  CHECK(count("", Extent::quick, "op=step isa=avx512") == 0);
  CHECK(count("", Extent::full, "op=dense n=100 pass=backward") == 5);
  CHECK(count("bn_elu", Extent::full, "op=dense n=100 pass=backward form=fused") == 1);
}

TEST_CASE("results have the fields of the case, of its variants and of its ratios") {
  Case bench_case;
  bench_case.variants = {{"lanefold", fields_of_test("lanefold"), {100, 40, 10}, ""}};
  bench_case.ratios = {{"of-peak", Ratio::flops_share, "lanefold", "peak", Sense::at_least, 0.5}};
  const CaseResult result = run({timed("lanefold", 2e-4), timed("peak", 1e-4)}, bench_case.ratios, 3);
  const Json json = result_of(bench_case, result);
  CHECK(json["name"] == "test/lanefold/threads:1");
  CHECK(json["form"] == "lanefold");
  CHECK(json["rounds"] == 3);
  REQUIRE(json["variants"].size() == 2);
  CHECK(json["variants"][1]["label"] == "peak");
  CHECK(json["variants"][1]["threads"] == 1);
  CHECK(json["variants"][0]["seconds"][0].get<double>() == doctest::Approx(2e-4));
  REQUIRE(json["ratios"].size() == 1);
  CHECK(json["ratios"][0]["name"] == "of-peak/test/lanefold/threads:1");
  CHECK(json["ratios"][0]["denominator"] == "test/peak/threads:1");
  CHECK(json["ratios"][0]["verdict"] == "undecided"); // of two equal values
}

TEST_CASE("rows have the format of Google Benchmark: rounds, then the estimate and the ends of its interval") {
  Case bench_case;
  bench_case.variants = {{"lanefold", fields_of_test("lanefold"), {100, 40, 10}, ""}};
  const Json rows = result_of(bench_case, run({timed("lanefold", 2e-4)}, {}, 3))["benchmarks"];
  REQUIRE(rows.size() == 3 + 3);
  for (const Json &row : rows) CHECK(row["run_name"] == "test/lanefold/threads:1");
  CHECK(rows[0]["run_type"] == "iteration");
  CHECK(rows[0]["name"] == "test/lanefold/threads:1");
  CHECK(rows[0]["repetitions"] == 3);
  CHECK(rows[1]["repetition_index"] == 1);
  CHECK(rows[0]["real_time"].get<double>() == doctest::Approx(2e5));
  CHECK(rows[0]["time_unit"] == "ns");
  CHECK(rows[0]["FLOP/s"].get<double>() == doctest::Approx(100 / 2e-4));
  CHECK(rows[0]["bytes/s"].get<double>() == doctest::Approx(40 / 2e-4));
  CHECK(rows[0]["ns/element"].get<double>() == doctest::Approx(2e4));
  CHECK(rows[3]["run_type"] == "aggregate");
  CHECK(rows[3]["aggregate_name"] == "estimate");
  CHECK(rows[3]["name"] == "test/lanefold/threads:1_estimate");
}

TEST_CASE("a ratio has a verdict if it has a target") {
  const auto ratio = [](double low, double high, Sense sense) {
    return ratio_of("of-peak", fields_of_test("x"), {(low + high) / 2, low, high}, sense, 1.0);
  };
  CHECK(ratio(0.9, 1.1, Sense::none).contains("verdict") == false);
  CHECK(ratio(1.01, 1.1, Sense::at_least)["verdict"] == "holds");
  CHECK(ratio(1.01, 1.1, Sense::at_most)["verdict"] == "fails");
  CHECK(ratio(0.9, 0.99, Sense::at_least)["verdict"] == "fails");
  CHECK(ratio(0.9, 0.99, Sense::at_most)["verdict"] == "holds");
  CHECK(ratio(0.9, 1.1, Sense::at_least)["verdict"] == "undecided");
}

TEST_CASE("a comparison says which differences are real") {
  const std::string text = compared(file_of({{"a", 100}, {"b", 100}, {"c", 100}, {"gone", 1}}),
                                    file_of({{"a", 120}, {"b", 80}, {"c", 100.5}, {"new", 1}}));
  CHECK(std::regex_search(text, std::regex("\na .* 1.200 .*slower")));
  CHECK(std::regex_search(text, std::regex("\nb .* 0.800 .*faster")));
  CHECK(std::regex_search(text, std::regex("\nc .* 1.005 .*same")));
  CHECK(text.find("gone") == std::string::npos);
  CHECK(text.find("3 times: 1 faster, 1 same, 1 slower") != std::string::npos);
  CHECK_THROWS(compared(file_of({{"a", 1}}), file_of({{"b", 1}})));
  CHECK_THROWS(compared(Json::array(), file_of({{"b", 1}})));
  CHECK_THROWS(compared({{"benchmarks", {3}}}, file_of({{"b", 1}})));
}

TEST_CASE("a comparison selects ratios by fields and names") {
  const Json before = results_of({{"fused", 1}, {"folded", 1}}), after = results_of({{"fused", 1.1}, {"folded", 1}});
  const std::string text = compared(before, after, {Where("form=fused"), ""});
  CHECK(text.find("0 times:") != std::string::npos);
  CHECK(text.find("1 ratios: 1 more") != std::string::npos);
  CHECK(compared(before, after, {{}, "folded"}).find("1 ratios: 1 same") != std::string::npos);
  CHECK_THROWS(compared(before, after, {Where("form=unfused"), ""}));
  CHECK_THROWS(compared(file_of({{"a", 1}}), file_of({{"a", 1}}), {Where("form=fused"), ""}));
  CHECK_THROWS(compared(before, results_of({{"other", 1}})));
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
  found.clear();
  run_in_process(
      "test", [](const Emit &) { _exit(0); }, [&](const Json &json) { found.push_back(json); });
  REQUIRE(found.size() == 1);
  CHECK(found[0]["reason"] == "the process ended early, with exit code 0");
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
