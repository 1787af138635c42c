// What a user sees of a training: the line on a terminal, lines elsewhere, the log and its curves.  Help, completion, the
// man page, and the study's report.
#include "support/command.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <sstream>
#include <thread>

#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

using namespace lanefold::test;
using namespace lanefold::trainer;

namespace {

// A pseudoterminal that keeps what a process writes to it.
class Pseudoterminal {
public:
  Pseudoterminal() : master_(posix_openpt(O_RDWR | O_NOCTTY)) {
    REQUIRE(master_ >= 0);
    REQUIRE(grantpt(master_) == 0);
    REQUIRE(unlockpt(master_) == 0);
    const winsize size{40, 120, 0, 0};
    REQUIRE(ioctl(master_, TIOCSWINSZ, &size) == 0);
    name_ = ptsname(master_);
    slave_ = open(name_.c_str(), O_RDWR | O_NOCTTY); // so that reading can continue after the last writer has closed it
    reader_ = std::thread([this] {
      char bytes[4096];
      for (ssize_t count; (count = read(master_, bytes, sizeof bytes)) > 0;)
        text_.append(bytes, static_cast<size_t>(count));
    });
  }
  ~Pseudoterminal() { text(); }
  const std::string &name() const { return name_; }
  // All that was written.  The process must have ended.
  const std::string &text() {
    if (slave_ >= 0) close(slave_), reader_.join(), close(master_);
    slave_ = -1;
    return text_;
  }

private:
  int master_, slave_ = -1;
  std::string name_, text_;
  std::thread reader_;
};

std::string on_terminal(const Words &words, const Words &variables, Result &result) {
  Pseudoterminal terminal;
  result = Process(words, variables, terminal.name()).wait();
  return terminal.text();
}

int count(const std::string &text, const std::string &part) {
  int seen = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++seen;
  return seen;
}

const Words verbs = {"train", "eval", "predict", "fold", "study", "plot", "info", "verify", "demo"};

// The long options that a verb's help lists.
Words options_of(const std::string &verb) {
  Words options;
  std::istringstream help(run({verb, "--help"}).out);
  for (std::string line; std::getline(help, line);) {
    const size_t at = line.find("--");
    if (line.starts_with("  -") && at != std::string::npos) options.push_back(line.substr(at, line.find(' ', at) - at));
  }
  return options;
}

} // namespace

TEST_CASE("without a terminal, standard error has a line for each epoch, and standard output the result") {
  const Place place;
  const Result result = run(place.train({"--epochs", "3"}), {"LANG=C.UTF-8", "LC_ALL="});
  CHECK(result.exit_code == 0);
  CHECK(count(result.err, "\n") == 4); // what is trained, and three epochs
  CHECK(count(result.err, "epoch ") == 3);
  CHECK(contains(result.err, "epoch   3 of 3   loss "));
  CHECK_FALSE(contains(result.err, "\r"));
  CHECK_FALSE(contains(result.err + result.out, "\033"));
  CHECK(count(result.out, "\n") == 2);
  CHECK(contains(result.out, "\u2588")); // the sparkline begins high
  CHECK(contains(result.out, "\u2581"));
  CHECK(contains(result.out, "test accuracy"));
  CHECK(contains(run(place.train(), {"LC_ALL=C"}).out, "loss "));
  CHECK_FALSE(contains(run(place.train(), {"LC_ALL=C"}).out, "\u2588"));
}

TEST_CASE("[terminal] a line with step, loss, accuracy, samples and time left is rewritten in place") {
  const Place place;
  Result result;
  const std::string text =
      on_terminal(place.train({"--epochs", "2"}), {"TERM=xterm", "NO_COLOR=", "LC_ALL=C.UTF-8"}, result);
  CAPTURE(text);
  CHECK(result.exit_code == 0);
  CHECK(count(text, "\r") > 2);
  for (const char *part :
       {"epoch 1/2", "step 6/6", "loss ", "accuracy ", "samples/s", "s left", "\033[36m", "epoch   2 of 2"})
    CHECK(contains(text, part));
}

TEST_CASE(
    "[terminal] NO_COLOR removes colours, a dumb terminal removes rewritten lines, and --quiet removes everything") {
  const Place place;
  Result result;
  const std::string plain = on_terminal(place.train(), {"TERM=xterm", "NO_COLOR=1"}, result);
  CHECK(contains(plain, "samples/s"));
  CHECK_FALSE(contains(plain, "\033[3"));
  const std::string dumb = on_terminal(place.train(), {"TERM=dumb"}, result);
  CHECK(contains(dumb, "epoch   2 of 2"));
  CHECK_FALSE(contains(dumb, "samples/s"));
  CHECK_FALSE(contains(dumb, "\033"));
  CHECK(on_terminal(place.train({"--quiet"}), {"TERM=xterm"}, result).empty());
  CHECK(result.exit_code == 0);
  CHECK(contains(result.out, "test accuracy"));
}

TEST_CASE("the log has JSON lines for the start, parts of epochs, epochs and the end, and resuming appends to it") {
  const Place place;
  const std::string path = place.models / "log.jsonl";
  const auto lines = [&] {
    std::vector<Json> all;
    std::istringstream stream(read_file(path));
    for (std::string line; std::getline(stream, line);) all.push_back(Json::parse(line));
    return all;
  };
  REQUIRE(run(place.train({"--log", path, "--epochs", "3", "--save", place.model})).exit_code == 0);
  std::vector<Json> log = lines();
  CHECK(log.front()["event"] == "start");
  CHECK(log.front()["network"]["layers"].size() == 3);
  CHECK(log.front()["data"] == place.data.path());
  CHECK(log.back()["event"] == "done");
  CHECK(log.size() == 1 + 3 * (6 + 1) + 1); // an epoch has six steps, fewer than parts
  double sum = 0;
  for (size_t i = 1; i <= 6; ++i) {
    CHECK(keys(log[i]) == Words{"event", "epoch", "step", "steps", "loss", "accuracy", "learning_rate"});
    CHECK(log[i]["step"] == i);
    sum += log[i]["loss"].get<double>();
  }
  CHECK(sum / 6 == doctest::Approx(log[7]["loss"].get<double>()));
  CHECK(log[1]["learning_rate"] == 0.1);
  REQUIRE(
      run({"train", "--data", place.data.path(), "--resume", place.model, "--epochs", "4", "--log", path}).exit_code ==
      0);
  log = lines();
  CHECK(log.size() == 1 + 4 * 7 + 3);
  CHECK(log[1 + 3 * 7 + 1]["event"] == "resume");
  // A killed process may leave half a line.
  write_file(path, read_file(path) + "{\"event\":\"st");
  REQUIRE(
      run({"train", "--data", place.data.path(), "--resume", place.model, "--epochs", "5", "--log", path}).exit_code ==
      0);
  CHECK(lines().size() == 1 + 5 * 7 + 5);
  CHECK(run({"plot", path}).exit_code == 0);
  check_refused(place.train({"--log", place.models / "no/such/log"}),
                {place.models / "no/such/log", "cannot be written"});
}

TEST_CASE("plot draws a log in characters, and says what is wrong with a bad log") {
  const Place place;
  const std::string path = place.models / "log.jsonl";
  REQUIRE(run(place.train({"--log", path, "--epochs", "3"})).exit_code == 0);
  const Result plain = run({"plot", path, "--width", "60", "--height", "6"}, {"LC_ALL=C"});
  CHECK(plain.exit_code == 0);
  CHECK(contains(plain.out, "loss by epoch   * training   o test"));
  CHECK(contains(plain.out, "accuracy by epoch, %"));
  CHECK(count(plain.out, "|") == 12);
  std::istringstream lines(plain.out);
  for (std::string line; std::getline(lines, line);) CHECK(line.size() <= 60);
  // A log that is being written may end anywhere.
  write_file(path, read_file(path) + "{\"event\":\"ep");
  CHECK(run({"plot", path, "--width", "60", "--height", "6"}, {"LC_ALL=C"}).out == plain.out);
  write_file(path, read_file(path) + "\n");
  check_refused({"plot", path}, {path, "line "});
  write_file(path, "");
  check_refused({"plot", path}, {path, "no step or epoch"});
  check_refused({"plot", place.models / "none"}, {place.models / "none", "no such file"});
  check_refused({"plot", path, "-o", "picture.jpeg"}, {"picture.jpeg", ".svg"});
  write_file(path, "{\"event\":\"epoch\",\"epoch\":1,\"loss\":null,\"train_accuracy\":0.1,\"test_loss\":null,\"test_"
                   "accuracy\":0.1}\n");
  CHECK(run({"plot", path}).exit_code == 0); // a training that diverged
}

TEST_CASE("without matplotlib there is no picture, and the message says how to install it") {
  const Place place;
  const std::string path = place.models / "log.jsonl", picture = place.models / "curves.svg";
  REQUIRE(run(place.train({"--log", path, "--epochs", "2"})).exit_code == 0);
  const Result missing = run({"plot", path, "-o", picture}, {"LANEFOLD_PYTHON=/nowhere/python"});
  CHECK(missing.exit_code == 2);
  CHECK(contains(missing.err, "apt install python3-matplotlib"));
  CHECK_FALSE(std::filesystem::exists(picture));
}

TEST_CASE("each verb's help has examples, and the man page and completion know all its options") {
  const std::string manual = [] {
    std::string text = read_file(std::string(LANEFOLD_SOURCE) + "/docs/lanefold.1");
    std::string plain;
    for (const char c : text)
      if (c != '\\') plain += c;
    return plain;
  }();
  for (const std::string &verb : verbs) {
    CAPTURE(verb);
    const Result help = run({verb, "--help"});
    CHECK(help.exit_code == 0);
    CHECK(contains(help.out, "Example"));
    CHECK(contains(help.out, "\n  lanefold " + verb));
    CHECK(contains(manual, verb));
    const Words options = options_of(verb);
    CHECK(options.size() > 1);
    const std::string offered = "\n" + run({"complete", "--", verb, "--"}).out;
    for (const std::string &option : options) {
      CAPTURE(option);
      CHECK(contains(manual, option));
      CHECK(contains(offered, "\n" + option + "\n"));
    }
  }
  CHECK(contains(run({"--help"}).out, "Example"));
}

TEST_CASE("completion offers verbs, options and values, and files where an option takes one") {
  const auto offered = [](Words words) {
    words.insert(words.begin(), {"complete", "--"});
    const Result result = run(words);
    CHECK(result.exit_code == 0);
    return result.out;
  };
  CHECK(offered({"tr"}) == "train\n");
  CHECK(contains(offered({""}), "study\n"));
  CHECK(offered({"train", "--learn"}) == "--learning-rate\n");
  CHECK(offered({"train", "--activation", "l"}) == "leaky-relu\nlogistic\n");
  CHECK(offered({"train", "--save", "mo"}) == "\n");
  CHECK(offered({"eval", "mo"}) == "\n");
  CHECK(offered({"nothing", "x"}).empty());
}

TEST_CASE("bash completes with the installed script") {
  const std::string command = std::getenv("LANEFOLD_COMMAND");
  const TemporaryFolder folder;
  const std::string script = "source " + std::string(LANEFOLD_SOURCE) + "/trainer/completion.bash\n" + "COMP_WORDS=('" +
                             command + "' train --optimizer n); COMP_CWORD=3; _lanefold\n" +
                             "printf '%s.' \"${COMPREPLY[@]}\" > '" + (folder / "out") + "'\n";
  write_file(folder / "script", script);
  REQUIRE(std::system(("bash '" + (folder / "script") + "'").c_str()) == 0);
  CHECK(read_file(folder / "out") == "nesterov.");
}

TEST_CASE("the study measures, gives a verdict on every claim, and says how to get the charts") {
  // Only on the plugin that suits this CPU, because the study takes a while, and minutes with software fma.
  const Json info = Json::parse(run({"info", "--json"}, {"LANEFOLD_ISA="}).out);
  for (const Json &plugin : info["plugins"])
    if (plugin["taken"] && plugin["name"] != std::getenv("LANEFOLD_ISA")) return;
  const Place place;
  write_idx(place.data, make_images(1000, 6, 1), make_images(100, 6, 2));
  const std::string folder = place.models / "new/report";
  const Result result =
      run({"study", "--data", place.data.path(), "-o", folder, "--epochs", "1"}, {"LANEFOLD_PYTHON=/nowhere/python"});
  CAPTURE(result.err);
  REQUIRE(result.exit_code == 0);
  const Json report = Json::parse(read_file(folder + "/study.json"));
  CHECK(report["signals_at_start"]["cases"].size() == 8 * 6);
  CHECK(report["signals_in_training"]["cases"].size() == 6 * 2);
  CHECK(report["learning"]["cases"].size() == 2 * 5 * 2);
  CHECK(report["sensitivity"]["learning_rates"].size() == 5 * 2);
  CHECK(report["sensitivity"]["gains"].size() == 5 * 2);
  CHECK(report["costs"]["cases"].size() == 6);
  CHECK(report["claims"].size() >= 12);
  for (const Json &claim : report["claims"]) {
    const std::string verdict = claim["verdict"];
    CHECK((verdict == "holds" || verdict == "in part" || verdict == "does not hold"));
    CHECK(contains(result.out, claim["claim"].get<std::string>()));
  }
  CHECK(contains(result.err, "apt install python3-matplotlib"));
  CHECK(contains(result.err, "lanefold study --charts " + (folder + "/study.json")));
  CHECK_FALSE(std::filesystem::exists(folder + "/study.html"));
  check_refused({"study", "--data", place.data.path(), "-o", place.data / "train-images-idx3-ubyte/none"},
                {"none/study.json", "cannot be written"});
  check_refused({"study", "--charts", place.models / "none.json"}, {"no such file"});
  write_idx(place.data, make_images(100, 6, 1), make_images(100, 6, 2));
  check_refused({"study", "--data", place.data.path(), "-o", place.models.path()}, {"1000 training images"});
}
