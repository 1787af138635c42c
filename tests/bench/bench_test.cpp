// The benchmarks' method: medians and their intervals, races, names, rows, comparison, processes, scaling on paper.
// Times are made up here; nothing is measured.
#include "method/results.hpp"
#include "scaling/scaling.hpp"
#include "session/compare.hpp"
#include "session/session.hpp"
#include "support/matrix.hpp"

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

// Takes `seconds` a run, as it says itself.
Entrant timed(const std::string &label, double seconds, const std::string &group = "",
              std::vector<std::string> *calls = nullptr) {
  Entrant entrant;
  entrant.label = label, entrant.name = "test/" + label + "/threads:1", entrant.group = group;
  entrant.work = {100, 40, 10};
  entrant.operation.run = [] {};
  entrant.operation.seconds = [=](int64_t runs) {
    if (calls) calls->push_back(label);
    return seconds * static_cast<double>(runs);
  };
  return entrant;
}

Outcome run(std::vector<Entrant> entrants, std::vector<Ratio> ratios, int sittings = 1) {
  std::vector<Field> fields(4, Field{std::move(entrants), nullptr});
  const Effort effort{0.2};
  Calibration calibration("portable", 1);
  Contest contest({1, false, std::move(ratios)});
  for (int i = 0; i < sittings; ++i) contest.sit(fields, effort, calibration);
  return contest.outcome(effort);
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
  for (const auto &[name, value] : ratios)
    all["lanefold"]["ratios"].push_back(
        {{"name", name}, {"value", value}, {"low", value * 0.999}, {"high", value * 1.001}});
  return all;
}

// What compare() prints, and its answer.
std::pair<std::string, int> compared(const Json &before, const Json &after, double agree = 0) {
  const std::string a = temporary("a.json", before), b = temporary("b.json", after), out = temporary("out", {});
  std::FILE *stream = std::fopen(out.c_str(), "w");
  REQUIRE(stream);
  const std::unique_ptr<std::FILE, int (*)(std::FILE *)> closes(stream, std::fclose);
  const int code = compare(a, b, "", agree, stream);
  std::fflush(stream);
  std::ifstream file(out);
  return {{std::istreambuf_iterator<char>(file), {}}, code};
}

} // namespace

TEST_CASE("the interval of a median holds the true one in 95 of 100 cases, whatever the distribution") {
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

TEST_CASE("a geometric mean's interval narrows with the number of its parts") {
  const Interval one{2, 1.9, 2.1};
  CHECK(geometric_mean({one, one}).value == doctest::Approx(2));
  CHECK(geometric_mean({{1, 1, 1}, {4, 4, 4}}).value == doctest::Approx(2));
  CHECK(geometric_mean({one}).width() == doctest::Approx(one.width()).epsilon(0.01));
  CHECK(geometric_mean({one, one, one, one}).width() == doctest::Approx(one.width() / 2).epsilon(0.01));
}

TEST_CASE("a race gives the ratios of its entrants, against the fastest of a group") {
  const Outcome outcome = run({timed("lanefold", 2e-4), timed("a", 5e-4, "peers"), timed("b", 4e-4, "peers")},
                              {{"over", Ratio::times, "peers", "lanefold"},
                               {"share", Ratio::flops_share, "lanefold", "b"},
                               {"bytes", Ratio::bytes_share, "a", "b"},
                               {"us", Ratio::time, "lanefold", "", Sense::at_most, 100, 1e6},
                               {"absent", Ratio::times, "lanefold", "nobody"}});
  REQUIRE(outcome.ratios.size() == 4);
  CHECK(outcome.ratios[0].interval.value == doctest::Approx(2));
  CHECK(outcome.ratios[0].over == "test/b/threads:1");
  CHECK(outcome.ratios[1].interval.value == doctest::Approx(2));
  CHECK(outcome.ratios[2].interval.value == doctest::Approx(0.8));
  CHECK(outcome.ratios[3].interval.value == doctest::Approx(200));
  CHECK(outcome.settled);
  CHECK(outcome.batches.size() >= 9);
  CHECK(outcome.seconds(1).value == doctest::Approx(5e-4));
}

TEST_CASE("sittings add up, and intervals hold the median of each") {
  double seconds = 1e-4;
  Entrant changing = timed("changing", 0);
  changing.operation.seconds = [&](int64_t runs) { return seconds * static_cast<double>(runs); };
  std::vector<Field> fields(2, Field{{changing, timed("steady", 1e-4)}, nullptr});
  Calibration calibration("portable", 1);
  Contest contest({1, false, {{"ratio", Ratio::times, "changing", "steady"}}});
  const Effort effort{0.1};
  for (const double factor : {1.0, 1.3, 1.0}) {
    seconds = factor * 1e-4;
    contest.sit(fields, effort, calibration);
  }
  const Interval interval = contest.outcome(effort).ratios[0].interval;
  CHECK(interval.low == doctest::Approx(1));
  CHECK(interval.high == doctest::Approx(1.3)); // how often each sat depends on the machine
  CHECK_FALSE(contest.outcome(effort).settled);
}

TEST_CASE("entrants take turns in random order, each as often as the others") {
  std::vector<std::string> calls;
  const Outcome outcome =
      run({timed("a", 2e-4, "", &calls), timed("b", 2e-4, "", &calls)}, {{"r", Ratio::times, "a", "b"}});
  std::map<std::string, int> count;
  int changes = 0;
  for (size_t i = 0; i < calls.size(); ++i) {
    ++count[calls[i]];
    changes += i > 0 && calls[i] != calls[i - 1];
  }
  CHECK(count["a"] == count["b"]);
  CHECK(count["a"] >= 4 * static_cast<int>(outcome.batches.size()));
  // In each block either may be first: every other pair of neighbours differs by chance, the others always do.
  const double share = changes / static_cast<double>(calls.size());
  CHECK(share > 0.6);
  CHECK(share < 0.9);
}

TEST_CASE("a result that is wrong stops the race before anything is timed") {
  Entrant wrong = timed("wrong", 1e-4);
  bool timing = false;
  wrong.operation.seconds = [&](int64_t) { return timing = true, 1e-4; };
  wrong.check.fault = [] { return "c[3] is 2, not 1"; };
  CHECK_THROWS_WITH(run({timed("right", 1e-4), wrong}, {}), "test/wrong/threads:1: c[3] is 2, not 1");
  CHECK_FALSE(timing);
}

TEST_CASE("who writes nothing does not pass with the result of the one before") {
  Floats c(4);
  const auto writes = [&](const std::string &label, bool really) {
    Entrant entrant = timed(label, 1e-4);
    entrant.operation.run = [&c, really] {
      if (really) std::fill(c.begin(), c.end(), 1.0f);
    };
    entrant.check = check({&c}, [&c] { return compare("c", c, Doubles(4, 1.0), 1); });
    return entrant;
  };
  CHECK_NOTHROW(run({writes("first", true), writes("second", true)}, {}));
  CHECK_THROWS_WITH(run({writes("first", true), writes("idle", false)}, {}), "test/idle/threads:1: c[0] is nan, not 1");
}

TEST_CASE("targets are those of one thread and of two") {
  for (const int threads : {1, 2, 3}) {
    int gates = 0;
    for (const Race &race : list_of("avx2", threads).races)
      for (const Ratio &ratio : race.ratios) gates += ratio.sense != Sense::none;
    CHECK((gates > 0) == (threads < 3));
  }
}

TEST_CASE("memory is measured at four distances from a cache line") {
  for (const size_t at : {0, 16, 32, 48}) {
    placement = at;
    const Floats floats(1000, 1.0f);
    CHECK(reinterpret_cast<uintptr_t>(floats.data()) % 64 == at);
  }
  placement = 0;
}

TEST_CASE("names say what is measured, and no two races or figures have the same") {
  const std::regex pattern("(limit|gemm|dense|activation|norm|network|step|batch|price|trainer)/[a-z0-9_]+/isa:avx2(/"
                           "[a-z]+:[A-Za-z0-9]+)*/threads:[12]");
  for (const int threads : {1, 2}) {
    std::set<std::string> races, ratios;
    const List list = list_of("avx2", threads);
    for (const Race &race : list.races) {
      const std::string name =
          race.operation + "/isa:avx2" + (race.sizes.empty() ? "" : "/" + race.sizes) + suffix(threads);
      CAPTURE(name);
      CHECK(std::regex_match(name, pattern));
      const bool random = race.part == Part::gates; // random shapes may come twice
      CHECK((races.insert(name).second || random));
      for (const Ratio &ratio : race.ratios) CHECK((ratios.insert(ratio.name).second || random));
    }
    for (const Summary &summary : list.summaries) {
      CHECK(ratios.insert(summary.name).second);
      for (const std::string &name : summary.of) CHECK(ratios.contains(name));
    }
  }
}

TEST_CASE("a filter chooses races by their names and by those of their figures") {
  const List list = list_of("avx2", 1);
  const auto count = [&](const std::string &filter, Extent extent) {
    Options options;
    options.filter = filter, options.extent = extent;
    return chosen(list, options, "avx2", 1).size();
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

TEST_CASE("rows are Google Benchmark's: repetitions, then the median and the ends of its interval, each name once") {
  const Outcome outcome = run({timed("lanefold", 2e-4), timed("peak", 1e-4)}, {});
  std::map<std::string, std::string> owners = {{"test/peak/threads:1", "limit/fma"}};
  const Json rows = rows_of(outcome, "test", 1, owners);
  const size_t batches = outcome.batches.size();
  REQUIRE(rows.size() == batches + 3);
  for (const Json &row : rows) CHECK(row["run_name"] == "test/lanefold/threads:1");
  CHECK(rows[0]["run_type"] == "iteration");
  CHECK(rows[0]["name"] == "test/lanefold/threads:1");
  CHECK(rows[0]["repetitions"] == batches);
  CHECK(rows[1]["repetition_index"] == 1);
  CHECK(rows[0]["real_time"].get<double>() == doctest::Approx(2e5));
  CHECK(rows[0]["time_unit"] == "ns");
  CHECK(rows[0]["FLOP/s"].get<double>() == doctest::Approx(100 / 2e-4));
  CHECK(rows[0]["bytes/s"].get<double>() == doctest::Approx(40 / 2e-4));
  CHECK(rows[0]["ns/element"].get<double>() == doctest::Approx(2e4));
  CHECK(rows[0]["share_of_limit"].get<double>() == doctest::Approx(0.5));
  const Json &median = rows[batches];
  CHECK(median["run_type"] == "aggregate");
  CHECK(median["aggregate_name"] == "median");
  CHECK(median["name"] == "test/lanefold/threads:1_median");
  CHECK(rows_of(outcome, "test", 1, owners).size() == rows.size()); // after another sitting
  CHECK(rows_of(outcome, "another", 1, owners).empty());
}

TEST_CASE("a gate's verdict follows its target") {
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

TEST_CASE("a comparison of nothing is none") {
  const Json times = file_of({{"a", 1}}), figures = file_of({{"a", 1}}, {{"r", 1}});
  CHECK_NOTHROW(compared(times, times));
  CHECK_THROWS(compared(times, times, 3));
  CHECK_THROWS(compared(figures, file_of({{"a", 1}}, {{"s", 1}}), 3));
}

TEST_CASE("two runs agree where 95 of 100 figures are near each other") {
  std::map<std::string, double> before, after;
  for (int i = 0; i < 40; ++i) before["r" + std::to_string(i)] = after["r" + std::to_string(i)] = 1;
  after["r0"] = 1.1, after["r1"] = 0.9, after["r2"] = 1.029, after["r3"] = 1 / 1.029;
  CHECK(compared(file_of({{"t", 1}}, before), file_of({{"t", 1}}, after), 3).second == 0);
  after["r4"] = 1.04;
  const auto [text, code] = compared(file_of({{"t", 1}}, before), file_of({{"t", 1}}, after), 3);
  CHECK(code == 1);
  CHECK(text.find("92.5% of the figures are within 3% of each other") != std::string::npos);
}

TEST_CASE("what a process found before it died is found, and how it died") {
  std::vector<Json> found;
  in_child(
      "test",
      [](const Emit &emit) {
        emit({{"race", 1}});
        emit({{"begins", "the second race"}});
        std::raise(SIGKILL);
      },
      [&](const Json &json) { found.push_back(json); });
  REQUIRE(found.size() == 3);
  CHECK(found[0]["race"] == 1);
  CHECK(found[2]["failed"] == "the second race");
  CHECK(found[2]["why"] == "the process ended: Killed");
  found.clear();
  in_child(
      "test", [](const Emit &) { throw std::runtime_error("no luck"); },
      [&](const Json &json) { found.push_back(json); });
  REQUIRE(found.size() == 1);
  CHECK(found[0]["why"] == "no luck");
}

TEST_CASE("on paper, cores take tasks in their order and a phase ends with its last task") {
  const Costs nothing{0, 1, 1, 1, 1e18};
  const TaskTimes even{{{1, 1, 1, 1}}, 0.5, 0};
  CHECK(simulate(even, nothing, 1).seconds == doctest::Approx(4.5));
  CHECK(simulate(even, nothing, 2).seconds == doctest::Approx(2.5));
  CHECK(simulate(even, nothing, 3).seconds == doctest::Approx(2.5));
  CHECK(simulate(even, nothing, 3).imbalance == doctest::Approx(2 - 4.0 / 3));
  CHECK(simulate(even, nothing, 128).seconds == doctest::Approx(1.5));
  const TaskTimes long_last{{{1, 1, 3}, {2, 2}}, 0, 0};
  CHECK(simulate(long_last, nothing, 2).seconds == doctest::Approx(4 + 2));
  CHECK(simulate({{}, 1, 0}, nothing, 64).seconds == doctest::Approx(1));
}

TEST_CASE("on paper, waking, other cores' caches and memory cost what they were measured to cost") {
  const TaskTimes times{{{1, 1, 1, 1}, {1, 1}}, 0, 8};
  CHECK(simulate(times, {0.1, 1e18, 1e18, 1, 1e18}, 1).overhead == 0);
  CHECK(simulate(times, {0.1, 1e18, 1e18, 1, 1e18}, 4).overhead == doctest::Approx(0.1 * 2 + 0.1));
  CHECK(simulate(times, {0, 4, 2, 1, 1e18}, 2).transfer == doctest::Approx(0.5 * 8 / 2 * (0.5 - 0.25)));
  CHECK(simulate(times, {0, 4, 2, 1, 1e18}, 1).transfer == 0);
  // 8 bytes at 1 a second, whoever asks; unless a cache holds them.
  CHECK(simulate(times, {0, 1e18, 1e18, 1, 4}, 4).seconds == doctest::Approx(8));
  CHECK(simulate(times, {0, 1e18, 1e18, 1, 100}, 4).seconds == doctest::Approx(2));
}
