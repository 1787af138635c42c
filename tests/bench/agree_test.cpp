// The page about the agreement of several runs, from small files that are made up.
#include "cases/where.hpp"
#include "session/agree.hpp"
#include "session/results.hpp"
#include "support/files.hpp"

#include <nlohmann/json.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <sstream>

using namespace lanefold::bench;
using namespace lanefold::test;
using Words = std::vector<std::string>;

namespace {

Json ratio(const std::string &name, double value, double half = 0.01) {
  return {{"name", name}, {"value", value}, {"low", value - half}, {"high", value + half}};
}

Json gate(const std::string &name, double value, double half = 0.01) {
  Json result = ratio(name, value, half);
  result["sense"] = ">=", result["target"] = 1;
  return result;
}

Json results(const Json &ratios, double seconds = 1) {
  const Json variant = {{"name", "time"}, {"seconds", {seconds, seconds * 0.99, seconds * 1.01}}};
  return {{"benchmarks", Json::array()},
          {"lanefold", {{"format", results_format}, {"ratios", ratios}, {"cases", {{{"variants", {variant}}}}}}}};
}

// Ratios that agree in every run.
Json many_ratios(int count) {
  Json ratios = Json::array();
  for (int i = 0; i < count; ++i) ratios.push_back(ratio("r" + std::to_string(i), 2));
  return ratios;
}

class Files {
public:
  // Writes each run to a folder of its own.
  explicit Files(const std::vector<Json> &runs) {
    for (const Json &run : runs) {
      const std::string path = folder_ / ("run" + std::to_string(paths_.size() + 1));
      std::filesystem::create_directory(path);
      paths_.push_back(path + "/results.json");
      write_file(paths_.back(), run.dump());
    }
  }
  const Words &paths() const { return paths_; }

private:
  TemporaryFolder folder_;
  Words paths_;
};

struct Page {
  int exit_code = 0;
  std::string text;
  bool has(const std::string &words) const { return contains(text, words); }
};

Page page_of(const Words &paths) {
  TemporaryFolder folder;
  Page page;
  {
    const std::unique_ptr<std::FILE, int (*)(std::FILE *)> out(std::fopen((folder / "page").c_str(), "w"), std::fclose);
    REQUIRE(out);
    page.exit_code = report_agreement(paths, out.get());
  }
  page.text = read_file(folder / "page");
  return page;
}

Page page_of_runs(const std::vector<Json> &runs) { return page_of(Files(runs).paths()); }

// The message of the error that a run besides a good one causes.
std::string refusal(const Json &bad) {
  const Files files(std::vector<Json>{results(many_ratios(1)), bad});
  const std::string text = message_of<std::runtime_error>([&] { page_of(files.paths()); });
  CHECK_FALSE(contains(text, "\n"));
  return text;
}

} // namespace

TEST_CASE("runs whose intervals overlap agree") {
  Json other = many_ratios(40);
  other[0] = ratio("r0", 2.015);
  const Page page = page_of_runs({results(many_ratios(40)), results(other)});
  CAPTURE(page.text);
  CHECK(page.exit_code == 0);
  CHECK(page.has("2 runs, 40 ratios, 0 of them gates\n"));
  CHECK(page.has("100.0% in the worst pair (run1, run2), 100.0% in the median pair"));
  CHECK(page.has("coverage        100.0%"));
  CHECK(page.has("The runs agree:"));
  CHECK_FALSE(page.has("apart"));
}

TEST_CASE("runs disagree if more than 5% of the ratios are apart in one pair") {
  Json two = many_ratios(40), three = many_ratios(40);
  for (int i = 0; i < 2; ++i) two[i] = ratio("r" + std::to_string(i), 2.1);
  for (int i = 0; i < 3; ++i) three[i] = ratio("r" + std::to_string(i), 2.1);
  CHECK(page_of_runs({results(many_ratios(40)), results(two)}).exit_code == 0);
  const Page page = page_of_runs({results(many_ratios(40)), results(three), results(many_ratios(40))});
  CAPTURE(page.text);
  CHECK(page.exit_code == 1);
  CHECK(page.has("92.5% in the worst pair (run1, run2), 92.5% in the median pair"));
  CHECK(page.has("ratios apart in some pair of runs: 3\n"));
  CHECK(page.has("2 of    3 pairs          2..2.1        r0\n"));
  CHECK(page.has("coverage        97.5%"));
  CHECK(page.has("The runs do not agree:"));
}

TEST_CASE("a gate that holds in one run and fails in another is a contradiction") {
  Json first = many_ratios(40), second = first, third = first;
  first.push_back(gate("promise", 1.02)), second.push_back(gate("promise", 1)), third.push_back(gate("promise", 0.98));
  CHECK(page_of_runs({results(first), results(second)}).exit_code == 0);
  const Page page = page_of_runs({results(first), results(second), results(third)});
  CAPTURE(page.text);
  CHECK(page.exit_code == 1);
  CHECK(page.has("contradictions  1 of 1 gates"));
  CHECK(page.has("    promise\n      holds: 1.01..1.03 in run1; fails: 0.97..0.99 in run3; target >= 1\n"));
  CHECK(page.has(
      "undecided       100.0% of the gates in the worst run (run2), 0.0% in the median run; at most 20.0% is"));
  CHECK(page.has("gates undecided in some run: 1\n"));
  CHECK(page.has("1 of    3 runs"));
}

TEST_CASE("the verdicts come from the intervals, whatever the sense of a target") {
  Json below = gate("promise", 0.9), above = gate("promise", 1.1);
  below["sense"] = above["sense"] = "<=";
  below["verdict"] = above["verdict"] = "undecided";
  CHECK(page_of_runs({results(Json::array({below})), results(Json::array({above}))})
            .has("holds: 0.89..0.91 in run1; fails: 1.09..1.11 in run2; target <= 1"));
}

TEST_CASE("a run that was interrupted is refused") {
  Json interrupted = results(many_ratios(2));
  interrupted["lanefold"]["interrupted"] = true;
  const Files files({results(many_ratios(2)), interrupted});
  const std::string text = message_of<std::runtime_error>([&] { page_of(files.paths()); });
  CHECK(contains(text, files.paths()[1] + ": lanefold.interrupted: "));
}

TEST_CASE("runs of different programs or machines are compared, and the page says so") {
  Json other = results(many_ratios(3));
  const Page same = page_of_runs({results(many_ratios(2)), other});
  CHECK_FALSE(same.has("note: "));
  CHECK(same.has("2 runs, 3 ratios, 0 of them gates; 2 are in every run\n"));
  other["lanefold"]["environment"] = {{"revision", "abc"}, {"cpu", "A CPU"}};
  other["lanefold"]["confidence"] = 0.95;
  const Page page = page_of_runs({results(many_ratios(2)), other});
  CHECK(page.has("note: the runs differ in revision: null, \"abc\"\n"));
  CHECK(page.has("note: the runs differ in CPU: null, \"A CPU\"\n"));
  CHECK(page.has("note: the runs differ in confidence: null, 0.95\n"));
  CHECK(page.exit_code == 0);
}

TEST_CASE("times that drift decide nothing") {
  const Page page = page_of_runs({results(many_ratios(40)), results(many_ratios(40), 1.5)});
  CAPTURE(page.text);
  CHECK(page.exit_code == 0);
  CHECK(page.has("1 times, which drift with the machine and decide nothing\n"));
  CHECK(page.has("0.0% in the worst pair"));
}

TEST_CASE("the page fits on a screen, however much is wrong") {
  std::vector<Json> runs;
  for (int run = 0; run < 4; ++run) {
    Json ratios = Json::array();
    for (int i = 0; i < 60; ++i)
      ratios.push_back(gate("against-peers/" + std::string(static_cast<size_t>(2 * i), 'x') + "/n:" + std::to_string(i),
                            i % 2 ? 1 + 0.001 * run : 0.8 + 0.2 * run));
    runs.push_back(results(ratios, 1 + run));
  }
  const Page page = page_of_runs(runs);
  CAPTURE(page.text);
  CHECK(page.exit_code == 1);
  std::istringstream lines(page.text);
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    CAPTURE(line);
    CHECK(line.size() <= 120);
  }
  CHECK(count <= 40);
}

TEST_CASE("files that cannot be compared are refused in one line") {
  CHECK_THROWS_AS(page_of(Words{}), UsageError);
  CHECK_THROWS_AS(page_of(Files(std::vector<Json>{results(many_ratios(1))}).paths()), UsageError);
  CHECK(contains(refusal(results(Json::array())), "run2/results.json: lanefold.ratios: has no ratio"));
  CHECK(contains(refusal(results(Json::array({ratio("other", 1)}))), "have no ratio in common"));
  Json bad = results(Json::array({gate("promise", 1)}));
  bad["lanefold"]["ratios"][0]["sense"] = "<";
  CHECK(contains(refusal(bad), "run2/results.json: lanefold.ratios[0].sense: \"<\" is not"));
  bad["lanefold"]["ratios"][0]["target"] = "1";
  CHECK(contains(refusal(bad), "lanefold.ratios[0].target: \"1\" is not a positive number"));
  bad = results(many_ratios(1));
  bad["lanefold"]["cases"][0]["variants"][0]["seconds"] = {1, 2};
  CHECK(contains(refusal(bad), "lanefold.cases[0].variants[0].seconds: this array is not"));
  bad["lanefold"]["cases"][0]["variants"][0]["seconds"] = {1, 2, -3};
  CHECK(contains(refusal(bad), "lanefold.cases[0].variants[0].seconds[2]: -3 is not a positive"));
}
