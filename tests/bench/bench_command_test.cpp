// `lanefold bench` from the point of view of its user: files, exit codes, bad options, interruption.
#include "support/command.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <regex>
#include <set>
#include <sstream>
#include <thread>

#include <sys/stat.h>

using namespace lanefold::test;

namespace {

// One short case on one thread, with the portable plugin, which every machine has.
Words quick(const std::string &folder, const Words &more = {}) {
  Words words = {"bench", "--filter", "limit/peak", "--isa", "portable", "--threads", "1", "--no-report", "-o", folder};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

} // namespace

TEST_CASE("results have the format of Google Benchmark and an additional part of Lanefold") {
  TemporaryFolder folder;
  const Result result = run(quick(folder / "new/folder"));
  CAPTURE(result.err);
  REQUIRE(result.exit_code == 0);
  const Json all = Json::parse(read_file(folder / "new/folder/results.json"));
  CHECK(all["context"].contains("num_cpus"));
  CHECK(all["benchmarks"][0]["name"] == "limit/peak/isa:portable/threads:1");
  const Json &own = all["lanefold"];
  CHECK(own["format"] == "lanefold-bench-3");
  CHECK(own["cases"][0]["family"] == "limit");
  CHECK(own["cases"][0]["variants"][0]["op"] == "peak");
  CHECK(own["interrupted"] == false);
  for (const char *key : {"cpu", "caches", "kernel", "compiler", "flags", "lanefold", "revision", "governor", "turbo",
                          "smt", "virtual", "load"}) {
    CAPTURE(key);
    CHECK(own["environment"].contains(key));
  }
  CHECK(own["cases"].size() == 1);
  CHECK(own["failures"].empty());
  CHECK_FALSE(std::filesystem::exists(folder / "new/folder/report.html"));
}

TEST_CASE("the benchmarks refuse options that they cannot follow, and say why") {
  TemporaryFolder folder;
  const auto refused = [&](const Words &words, const Words &parts, const Words &variables = {}) {
    Words all = {"bench"};
    all.insert(all.end(), words.begin(), words.end());
    CAPTURE(joined(all));
    const Result result = run(all, variables);
    CAPTURE(result.err);
    CHECK(result.exit_code == 2);
    CHECK(result.err.find("lanefold bench: ") != std::string::npos);
    for (const std::string &part : parts) {
      CAPTURE(part);
      CHECK(contains(result.err, part));
    }
    CHECK_FALSE(std::filesystem::exists(folder / "results.json"));
  };
  const std::string path = folder.path();
  refused({"--filter", "nothing like that", "-o", path}, {"nothing like that", "--list"});
  refused({"--filter", "gemm(", "-o", path}, {"gemm(", "regular expression"});
  refused({"gates", "nothing like that"}, {"nothing like that"});
  refused({"gates", "["}, {"regular expression"});
  refused({"cost", "nothing like that"}, {"nothing like that", "bench cost --list"});
  refused({"cost", "--isa", "avx3"}, {"avx3", "portable"});
  for (const char *shape :
       {"", "200", "200x300", "200x300x", "0x1x1", "1x-1x1", "1x1x1x1", "1x1x1 ", "1x1x100000", "axbxc"})
    refused({"cost", "--shape", shape}, {"--shape", "200x300x784"});
  for (const char *shape : {"60000x60000x1", "1x60000x60000", "60000x1x60000"})
    refused({"cost", "--shape", shape}, {"--shape", shape, "16777216"});
  refused({"--isa", "avx3", "-o", path}, {"avx3", "portable"});
  refused({"--threads", "0", "-o", path}, {"'0'"});
  refused({"--threads", "1,,2", "-o", path}, {"''"});
  refused({"--threads", "1,", "-o", path}, {"''"});
  refused({"--threads", "", "-o", path}, {"''"});
  refused({"--isa", "", "-o", path}, {"--isa"});
  refused({"--list"}, {"mmx"}, {"LANEFOLD_ISA=mmx"});
  refused({"scaling", "--isa", "mmx"}, {"mmx"});
  refused({"--isa", "portable", "--peers", "openblas", "--no-report", "-o", path}, {"openblas", "portable"});
  refused({"--filter", "m:65536", "-o", path}, {"--full"});
  refused({"--where", "m=65536", "-o", path}, {"--where 'm=65536'", "--full"});
  refused({"--where", "levle=L1", "-o", path}, {"'levle'", "did you mean 'level'"});
  refused({"gates", "gemm", "--where", "n>=many"}, {"'n>=many'", "a whole number"});
  refused({"--benchmark_filtr=x"}, {"--benchmark_filtr=x"});
  refused({"--benchmark_filter=nothing like that", "--isa", "portable"}, {"no benchmark matches"});
  refused({"gates", "gemm", "--benchmark_filter=x"}, {"--benchmark_filter=x", "not of its verbs"});
  refused({"--json", "-o", path}, {"--json", "--list"});
  refused({"--filter", "limit", "gates"}, {"--filter", "verb"});
  refused({"--full", "compare", "a", "b"}, {"--full", "verb"});
  refused({"--threads", "9999", "-o", path}, {"9999"});
  refused({"--peers", "openbals", "-o", path}, {"openbals", "openblas"});
  refused({"--peers", "onnxruntime", "--onnxruntime", path + "/none.so", "-o", path}, {"none.so"});
  // A peer that the user names must be installed.
  if (run({"info"}).out.find("avx2") != std::string::npos)
    refused({"--peers", "pytorch", "--no-report", "--filter", "limit/peak", "-o", path}, {"pytorch", "missing"},
            {"LANEFOLD_PYTHON=" + path + "/no-python"});
  refused({"--filter", "limit/peak", "-o", path}, {"matplotlib"}, {"LANEFOLD_PYTHON=" + path + "/no-python"});
  refused({"--quick", "--full", "-o", path}, {"--quick", "--full"});
  refused({"--unknown"}, {"--unknown", "--filter"});
  refused({"compare", path + "/a.json", path + "/b.json"}, {"a.json"});
  write_file(folder / "file", "no JSON");
  refused({"compare", folder / "file", folder / "file"}, {"file", "is not JSON"});
  refused({"report", path + "/a.json"}, {"a.json"});
  refused({"--no-report", "-o", folder / "file"}, {"file", "cannot write"});
  refused({"--no-report", "-o", "/proc/none"}, {"/proc/none", "cannot write"});
}

TEST_CASE("the results before an interruption are kept") {
  TemporaryFolder folder;
  for (const int signal : {SIGINT, SIGTERM}) {
    Process process({"bench", "--full", "--filter", "activation/|limit/", "--isa", "portable", "--threads", "1",
                     "--peers", "none", "--no-report", "-o", folder.path()});
    // The command saves the first result after five seconds.
    for (int i = 0; i < 600 && !std::filesystem::exists(folder / "results.json"); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    process.interrupt(signal);
    const Result result = process.wait();
    CAPTURE(result.err);
    CHECK(result.exit_code == 130);
    const Json own = Json::parse(read_file(folder / "results.json"))["lanefold"];
    CHECK(own["interrupted"] == true);
    CHECK(own["cases"].size() >= 1);
    CHECK(contains(result.err, "kept"));
    std::filesystem::remove(folder / "results.json");
  }
}

TEST_CASE("gates are one line each: name, value, target, verdict, interval") {
  const Result result =
      run({"bench", "gates", "--where", "op=activation level=none", "--isa", "portable", "--peers", "none"});
  CAPTURE(result.err);
  CHECK(result.exit_code == 0);
  std::istringstream lines(result.out);
  int gates = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("#")) continue;
    CHECK(std::regex_match(
        line, std::regex(R"([a-z-]+/activation/forward/elu/isa:portable/n:4096/threads:1 \d+\.\d{3} <=\d+\.\d\d )"
                         R"((holds|fails|undecided) \d+\.\d{3}\.\.\d+\.\d{3})")));
    ++gates;
  }
  CHECK(gates == 2); // both of one case
}

TEST_CASE("each microkernel has a line of its own: name, multiply-adds per second, share of the peak, interval") {
  const Result result = run({"bench", "kernels", "/m:1/n:4/", "--isa", "portable"});
  CAPTURE(result.err);
  CHECK(result.exit_code == 0);
  std::istringstream lines(result.out);
  std::set<std::string> names;
  const std::regex pattern(R"((microkernel/gemm/[a-z_]+(?:/elu)?/isa:portable/m:1/n:4/k:128/threads:1) +)"
                           R"(\d+\.\d\d G/s  \d+\.\d{3} of the peak  \d+\.\d{3}\.\.\d+\.\d{3})");
  for (std::string line; std::getline(lines, line);) {
    CAPTURE(line);
    std::smatch match;
    REQUIRE(std::regex_match(line, match, pattern));
    CHECK(names.insert(match[1]).second);
  }
  CHECK(names.contains("microkernel/gemm/plain/isa:portable/m:1/n:4/k:128/threads:1"));
  const Result list = run({"bench", "kernels", "--list", "--isa", "portable"});
  for (const std::string &name : names) CHECK(contains(list.out, name + "\n"));
}

TEST_CASE("a file compared with itself has no difference") {
  TemporaryFolder folder;
  REQUIRE(run(quick(folder.path())).exit_code == 0);
  const Result result = run({"bench", "compare", folder / "results.json", folder / "results.json"});
  const Result odd = run({"bench", "compare", "--filter", "(", folder / "results.json", folder / "results.json"});
  CHECK(odd.exit_code == 2);
  CHECK(contains(odd.err, "the filter '(' is not a valid regular expression"));
  CHECK(run({"bench", "compare", "--filter", "nothing", folder / "results.json", folder / "results.json"}).exit_code ==
        2);
  CHECK(result.exit_code == 0);
  CHECK(contains(result.out, "limit/peak/isa:portable/threads:1"));
  CHECK(contains(result.out, "1 times: 1 ")); // "same", or "uncertain" on a busy machine
  CHECK_FALSE(contains(result.out, "slower"));
  CHECK_FALSE(contains(result.out, "faster"));
}

TEST_CASE("a comparison refuses a file that holds no results, in one line that names the file and the field") {
  TemporaryFolder folder;
  const std::string path = folder / "results.json", good = R"({"name": "a/b", "real_time": 1})";
  const auto check_refusal = [&](const std::string &field, const std::string &problem) {
    const Result result = run({"bench", "compare", path, path});
    CAPTURE(result.err);
    CHECK(result.exit_code == 2);
    CHECK(result.out == "");
    CHECK(std::count(result.err.begin(), result.err.end(), '\n') == 1);
    CHECK(result.err.starts_with("lanefold bench: " + path + ": " + field));
    CHECK(contains(result.err, problem));
  };
  const auto refused = [&](const std::string &text, const std::string &field, const std::string &problem) {
    CAPTURE(text.substr(0, 200));
    write_file(path, text);
    check_refusal(field, problem);
  };
  const auto row_refused = [&](const std::string &row, const std::string &field, const std::string &problem) {
    refused("{\"benchmarks\": [" + good + ", " + row + "]}", "benchmarks[1]" + field, problem);
  };
  const auto own_refused = [&](const std::string &own, const std::string &field, const std::string &problem) {
    refused("{\"benchmarks\": [" + good + "], \"lanefold\": " + own + "}", "lanefold" + field, problem);
  };
  const auto ratios = [](const std::string &text) {
    return R"({"format": "lanefold-bench-3", "cases": [], "ratios": )" + text + "}";
  };
  const std::string name(25000, 'n');

  refused("", "is not JSON", "byte");
  refused("no JSON", "is not JSON", "byte");
  refused(std::string(100000, '['), "is not JSON", "byte");
  refused("[]", "holds no results", "benchmarks");
  refused("{}", "holds no results", "benchmarks");
  refused(R"({"benchmarks": {}})", "benchmarks: ", "this object is not an array");
  row_refused("5", ": ", "5 is not an object");
  row_refused("{}", ".name: ", "missing");
  row_refused(R"({"name": 5})", ".name: ", "5 is not a string");
  row_refused("{\"name\": \"" + name + "\"}", ".name: ", "25000 bytes");
  row_refused(R"({"name": "a", "run_name": ")" + name + "\"}", ".run_name: ", "25000 bytes");
  row_refused(R"({"name": "a", "run_type": 1})", ".run_type: ", "1 is not a string");
  row_refused(R"({"name": "a", "error_occurred": "no"})", ".error_occurred: ", "is not true or false");
  row_refused(R"({"name": "a"})", ".real_time: ", "missing");
  row_refused(R"({"name": "a", "real_time": "1"})", ".real_time: ", "\"1\" is not a positive number");
  row_refused(R"({"name": "a", "real_time": 0})", ".real_time: ", "0 is not a positive number");
  row_refused(R"({"name": "a", "real_time": null})", ".real_time: ", "null is not a positive number");
  row_refused(R"({"name": "a", "real_time": 1, "time_unit": []})", ".time_unit: ", "this array is not a string");
  own_refused("5", ": ", "5 is not an object");
  own_refused("{}", ".format: ", "missing");
  own_refused(R"({"format": "lanefold-bench-2"})",
              ".format: ", "is not \"lanefold-bench-3\", the format of this version");
  own_refused(R"({"format": "lanefold-bench-3"})", ".ratios: ", "missing");
  own_refused(R"({"format": "lanefold-bench-3", "ratios": []})", ".cases: ", "missing");
  own_refused(R"({"format": "lanefold-bench-3", "ratios": [], "cases": [{}]})", ".cases[0].variants: ", "missing");
  own_refused(R"({"format": "lanefold-bench-3", "ratios": [], "cases": [{"variants": [{"name": "a", "m": "1"}]}]})",
              ".cases[0].variants[0].m: ", "\"1\" is not a whole number");
  own_refused(ratios("5"), ".ratios: ", "5 is not an array");
  own_refused(ratios("[5]"), ".ratios[0]: ", "5 is not an object");
  own_refused(ratios(R"([{"name": ")" + name + "\"}]"), ".ratios[0].name: ", "25000 bytes");
  own_refused(ratios(R"([{"name": "a"}])"), ".ratios[0].value: ", "missing");
  own_refused(ratios(R"([{"name": "a", "isa": 2}])"), ".ratios[0].isa: ", "2 is not a string");
  own_refused(ratios(R"([{"name": "a", "bn": 1}])"), ".ratios[0].bn: ", "1 is not true or false");
  own_refused(ratios(R"([{"name": "a", "m": 1.5}])"), ".ratios[0].m: ", "1.5 is not a whole number");
  own_refused(ratios(R"([{"name": "a", "value": 1, "low": null, "high": 1}])"),
              ".ratios[0].low: ", "null is not a pos");
  own_refused(ratios(R"([{"name": "a", "value": 1, "low": 2, "high": 3}])"), ".ratios[0].value: ", "at least \"low\"");
  // JSON has no NaN, which Python writes all the same, and no number so large.
  for (const char *odd : {"NaN", "Infinity", "1e999"}) {
    write_file(path, "{\"benchmarks\": [" + good + "], \"lanefold\": " +
                         ratios("[{\"name\": \"a\", \"value\": 1, \"low\": " + std::string(odd) + "}]") + "}");
    check_refusal("", "value of \"low\"");
  }
  // The longest name suits a filter that makes std::regex call itself for each character.
  write_file(path, "{\"benchmarks\": [{\"name\": \"" + name.substr(0, 500) + "\", \"real_time\": 1}]}");
  CHECK(run({"bench", "compare", "--filter", "((((n|m))))*", path, path}).exit_code == 0);
  std::filesystem::remove(path);
  check_refusal("", "cannot be read");
  REQUIRE(mkfifo(path.c_str(), 0600) == 0);
  check_refusal("", "is not a regular file");
  std::filesystem::remove(path);
  std::filesystem::create_directory(path);
  check_refusal("", "is not a regular file");
}

TEST_CASE("a filter that is too long for a regular expression is refused") {
  for (const char *verb : {"gates", "kernels"}) {
    const Result result = run({"bench", verb, std::string(100000, '('), "--isa", "portable"});
    CHECK(result.exit_code == 2);
    CHECK(contains(result.err, "the filter has 100000 bytes"));
  }
}

TEST_CASE("the report is drawn beside its results, and a bad file is refused in one line") {
  TemporaryFolder folder;
  const std::string path = folder / "results.json";
  std::filesystem::copy_file(std::string(LANEFOLD_SOURCE) + "/docs/results/genoa-vm-avx512.json", path);
  Result result = run({"bench", "report", path});
  CAPTURE(result.err);
  if (contains(result.err, "matplotlib, which is missing")) {
    MESSAGE("SKIPPED: matplotlib is not installed");
    return;
  }
  CHECK(result.exit_code == 0);
  CHECK(contains(read_file(folder / "report.html"), "Lanefold, measured"));
  write_file(path, R"({"lanefold": {"format": "lanefold-bench-1"}})");
  result = run({"bench", "report", path});
  CHECK(result.exit_code == 2);
  CHECK(result.err == "lanefold bench: " + path +
                          ": lanefold.format: \"lanefold-bench-1\" is not "
                          "\"lanefold-bench-3\", the format of this version\n");
}

TEST_CASE("a variable that stands for an option does not bother the verbs that lack it") {
  TemporaryFolder folder;
  write_file(folder / "libonnxruntime.so.1", "");
  const Words list = {"bench", "kernels", "--list", "--isa", "portable"};
  const Result result = run(list, {"LANEFOLD_ONNXRUNTIME=" + (folder / "libonnxruntime.so.1")});
  CAPTURE(result.err);
  CHECK(result.exit_code == 0);
  CHECK(result.out == run(list).out);
}

TEST_CASE("the list names each case and its ratios") {
  const Result result = run({"bench", "--list", "--isa", "portable", "--threads", "1"});
  CHECK(result.exit_code == 0);
  CHECK(contains(result.out, "gemm/nn/isa:portable/m:200/n:300/k:784/threads:1\n"
                             "  against-peers/gemm/nn/isa:portable/m:200/n:300/k:784/threads:1\n"));
  CHECK_FALSE(contains(result.out, "random"));
  CHECK(run({"bench", "--list", "--full"}).out.size() > result.out.size());
}

TEST_CASE("conditions select by fields, whatever would be measured without them") {
  const Result result = run({"bench", "--list", "--json", "--where", "op=dense n>=100 isa=portable"});
  CAPTURE(result.err);
  CHECK(result.exit_code == 0);
  std::istringstream lines(result.out);
  int cases = 0;
  for (std::string line; std::getline(lines, line); ++cases) {
    const Json fields = Json::parse(line);
    CHECK(fields["op"] == "dense");
    CHECK(fields["n"].get<int>() >= 100);
    CHECK(fields["isa"] == "portable");
  }
  CHECK(cases > 20);
}

TEST_CASE("Google Benchmark's options run the benchmarks under their names, with its JSON") {
  const Result result = run({"bench", "--isa", "portable", "--benchmark_filter=^limit/peak/", "--benchmark_format=json",
                             "--benchmark_min_time=0.01", "--benchmark_repetitions=2"});
  CAPTURE(result.err);
  REQUIRE(result.exit_code == 0);
  const Json all = Json::parse(result.out);
  CHECK(all["context"].contains("num_cpus"));
  CHECK(all["benchmarks"][0]["run_name"] == "limit/peak/isa:portable/threads:1/real_time");
  CHECK(all["benchmarks"][0]["repetitions"] == 2);
  CHECK(all["benchmarks"][0].contains("FLOP/s"));
  const Result list = run({"bench", "--isa", "portable", "--where", "op=peak", "--benchmark_list_tests"});
  CHECK(list.out == "limit/peak/isa:portable/threads:1/real_time\n");
}

TEST_CASE("runs of the same command can be compared for agreement") {
  TemporaryFolder folder;
  for (const char *name : {"a", "b"})
    REQUIRE(run({"bench", "--where", "op=activation n=4096", "--isa", "portable", "--peers", "none", "--no-report",
                 "-o", folder / name})
                .exit_code == 0);
  const Result result = run({"bench", "agree", folder / "a/results.json", folder / "b/results.json"});
  CAPTURE(result.out);
  CAPTURE(result.err);
  CHECK(result.exit_code <= 1); // a busy machine may change between the runs
  CHECK(contains(result.out, "2 runs"));
  CHECK(run({"bench", "agree", folder / "a/results.json"}).exit_code == 2);
}

TEST_CASE("the man page has all options of the benchmarks") {
  std::string manual = read_file(std::string(LANEFOLD_SOURCE) + "/docs/lanefold.1");
  manual.erase(std::remove(manual.begin(), manual.end(), '\\'), manual.end());
  for (const Words &words : {Words{"bench", "--help"},
                             {"bench", "gates", "--help"},
                             {"bench", "kernels", "--help"},
                             {"bench", "cost", "--help"},
                             {"bench", "compare", "--help"},
                             {"bench", "agree", "--help"},
                             {"bench", "scaling", "--help"},
                             {"bench", "report", "--help"}}) {
    const Result help = run(words);
    CAPTURE(joined(words));
    CHECK(help.exit_code == 0);
    const std::regex option("--[a-z][a-z_-]+");
    for (std::sregex_iterator at(help.out.begin(), help.out.end(), option), end; at != end; ++at) {
      CAPTURE(at->str());
      CHECK(contains(manual, at->str()));
    }
  }
}

TEST_CASE("completion offers the verbs and options of the benchmarks") {
  CHECK(contains(run({"complete", "--", "bench", ""}).out, "compare\n"));
  CHECK(contains(run({"complete", "--", "bench", "--o"}).out, "--output\n"));
  CHECK(contains(run({"complete", "--", "bench", "-o", "x", "--fi"}).out, "--filter\n"));
  CHECK(run({"complete", "--", "bench", "compare", "--wh"}).out == "--where\n");
}
