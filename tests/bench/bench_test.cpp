// The method of the benchmarks: cases, fields, filters, names, rows, comparison, processes, simulated scaling.  All times
// are made up, so nothing is measured.
#include "session/compare.hpp"
#include "session/results.hpp"
#include "session/scaling.hpp"
#include "support/files.hpp"
#include "support/matrix.hpp"
#include "timed.hpp"
#include "timing/statistics.hpp"

#include <nlohmann/json.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <random>
#include <regex>
#include <set>

#include <unistd.h>

using namespace lanefold::bench;

namespace {

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
