// The page in the terminal, from events that are made up.
#include "session/page.hpp"
#include "support/files.hpp"

#include <nlohmann/json.hpp>

#include <doctest/doctest.h>

#include <algorithm>

using namespace lanefold::bench;
using namespace lanefold::test;

namespace {

constexpr size_t lines_of_a_page = 60;
const std::string families[] = {"gemm", "dense", "activation", "norm", "network", "trainer", "update", "batch", "call"};
const std::string verdicts[] = {"holds", "fails", "undecided"};

// A run of everything: 4 processes, and 30 gates of each verdict in every family.
std::vector<std::string> whole_page() {
  Options options;
  options.isas = {"avx512", "avx2"}, options.threads = {1, 2};
  Record record(options, "lanefold bench");
  for (const std::string &isa : options.isas)
    for (const int threads : options.threads) {
      record.add({{"isa", isa},
                  {"threads", threads},
                  {"peers", {{{"name", "OpenBLAS"}, {"version", "1"}, {"how", "cblas_sgemm"}}}},
                  {"missing", {{{"name", "BLIS"}, {"reason", "not installed"}}}}});
      Json ratios = Json::array();
      for (const std::string &family : families)
        for (int gate = 0; gate < 90; ++gate)
          ratios.push_back({{"name", family + "/" + isa + "/" + std::to_string(gate)},
                            {"family", family},
                            {"quantity", "of-peak"},
                            {"value", 1.5},
                            {"low", 1.4},
                            {"high", 1.6},
                            {"sense", ">="},
                            {"target", 1},
                            {"verdict", verdicts[gate % 3]}});
      const Json step = {
          {"name", "step"},     {"op", "step"}, {"bn", true},          {"isa", isa},
          {"threads", threads}, {"peer", ""},   {"family", "network"}, {"seconds", {1e-3, 0.9e-3, 1.1e-3}}};
      record.add({{"case",
                   {{"name", isa + std::to_string(threads)},
                    {"rounds", 3},
                    {"discarded", 1},
                    {"variants", {step}},
                    {"benchmarks", Json::array()},
                    {"ratios", ratios}}}});
    }
  return page_of(record);
}

} // namespace

TEST_CASE("what a run prints fits on a page, however many gates it has") {
  const std::vector<std::string> lines = whole_page();
  const auto line_with = [&](const std::string &words) {
    return std::count_if(lines.begin(), lines.end(), [&](const std::string &line) { return contains(line, words); });
  };
  CHECK(lines.size() <= lines_of_a_page);
  for (const std::string &line : lines) CHECK_MESSAGE(line.size() <= 100, line);
  CHECK(line_with("1000 us (900 to 1100)") > 0);
  for (const std::string &family : families) CHECK(line_with(family + " ") > 0);
  CHECK(line_with("... and 1068 more") == 2); // of those that fail, and of the undecided ones
}
