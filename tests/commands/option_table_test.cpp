// Each form that is derived from option_table.inc, held against the table: JSON in and out, the command line, help,
// completion, the check on --resume and the manual page.  Another option of the table is tested here without a change.
#include "cli/object_reader.hpp"
#include "support/command.hpp"
#include "trainer/commands/train_options.hpp"

#include <doctest/doctest.h>

using namespace lanefold::test;
using namespace lanefold::trainer;
using lanefold::cli::Option;
using lanefold::cli::Range;
using lanefold::cli::Target;

namespace {

// A valid value that is not the one that the option has.
std::string other_value(const Option &option) {
  const std::string usual = text_of(option.target, option.range);
  std::vector<std::string> candidates;
  switch (option.range.kind) {
  case Range::Kind::word: candidates = *option.range.words; break;
  case Range::Kind::number: candidates = {"0.5", "0.25"}; break;
  case Range::Kind::whole:
    candidates = {std::to_string(option.range.least + 2), std::to_string(option.range.most)};
    break;
  case Range::Kind::wholes: candidates = {"7,5", "3"}; break;
  default: candidates = {"something", "else"};
  }
  for (const std::string &candidate : candidates)
    if (candidate != usual && option.range.problem(candidate).empty()) return candidate;
  FAIL("no other value of ", option.names);
  return "";
}

std::string wrong_value(const Option &option) {
  switch (option.range.kind) {
  case Range::Kind::word: return "no-such-word";
  case Range::Kind::number: return "-1";
  case Range::Kind::whole: return std::to_string(option.range.least - 1);
  case Range::Kind::wholes: return "1,x";
  default: return "";
  }
}

// Sets every field to another value, writes JSON, and reads it into `fresh`.
void check_json(const std::vector<Entry> &changed, const std::vector<Entry> &fresh) {
  REQUIRE(changed.size() == fresh.size());
  for (const Entry &entry : changed) assign(entry.option.target, entry.option.range, other_value(entry.option));
  lanefold::cli::Json object = lanefold::cli::Json::object();
  write(object, changed);
  lanefold::cli::ObjectReader reader(object, "the object");
  read(reader, fresh);
  reader.end();
  for (size_t i = 0; i < changed.size(); ++i) {
    const Entry &entry = changed[i];
    if (entry.key.empty()) continue; // JSON has it in another form
    CAPTURE(entry.key);
    CHECK(object.contains(entry.key));
    CHECK(value_of(entry) == value_of(fresh[i]));
    // A value out of range is refused by the name of its key.
    lanefold::cli::Json wrong = object;
    wrong[entry.key] = entry.option.range.kind == Range::Kind::word ? lanefold::cli::Json("no-such-word")
                                                                    : lanefold::cli::Json(int64_t{-1});
    lanefold::cli::ObjectReader wrong_reader(wrong, "the object");
    CHECK(contains(message_of<lanefold::cli::JsonError>([&] { read(wrong_reader, fresh); }), entry.key));
  }
}

std::string unescaped(std::string manual) {
  for (const char *escape : {"\\fB", "\\fI", "\\fP"})
    for (size_t at = manual.find(escape); at != std::string::npos; at = manual.find(escape)) manual.erase(at, 3);
  manual.erase(std::remove(manual.begin(), manual.end(), '\\'), manual.end());
  return manual;
}

} // namespace

TEST_CASE("every field of the table goes to JSON and comes back, and is refused out of its range") {
  LayerDescription layer, other_layer;
  layer.units = other_layer.units = 3;
  check_json(entries(layer), entries(other_layer));
  TrainOptions options, other;
  check_json(entries(options), entries(other));
  check_json(generator_entries(options), generator_entries(other));
  check_json(entries(options.optimizer), entries(other.optimizer));
  check_json(entries(options.schedule), entries(other.schedule));
}

TEST_CASE("every option of the table is in help with its range, in completion and in the manual, and is checked") {
  TrainCommand train;
  const std::string help = run({"train", "--help"}).out;
  const std::string offered = "\n" + run({"complete", "--", "train", "--"}).out;
  const std::string manual = unescaped(read_file(std::string(LANEFOLD_SOURCE) + "/docs/lanefold.1"));
  const std::vector<Option> options = train.options();
  CHECK(options.size() > 25);
  for (const Option &option : options) {
    CAPTURE(option.names);
    CHECK(contains(help, "  " + option.names + " "));
    CHECK(contains(offered, "\n" + option.names + "\n"));
    CHECK(contains(manual, "\n" + option.names + (option.value.empty() ? "\n" : " " + option.value + "\n")));
    const std::string usual = option.fallback.empty() ? text_of(option.target, option.range) : option.fallback;
    if (!option.value.empty() && !usual.empty()) CHECK(contains(manual, "Default: " + usual + "."));
    if (option.range.kind == Range::Kind::word)
      for (const std::string &word : *option.range.words)
        CHECK(contains("\n" + run({"complete", "--", "train", option.names, ""}).out, "\n" + word + "\n"));
    if (option.value.empty() || option.range.kind == Range::Kind::any) continue;
    check_refused({"train", "--data=/nowhere", option.names + "=" + wrong_value(option)}, {option.names});
  }
}

TEST_CASE("an option of a training that is given with --resume must be that of the checkpoint, unless it may change") {
  const Place place;
  place.make_model();
  TrainCommand train;
  train.train = read_checkpoint(place.model).training.value().options;
  for (const Entry &entry : train.training_entries()) {
    const Option &option = entry.option;
    if (option.names.empty() || option.names == "--epochs") continue; // more epochs are welcome
    CAPTURE(option.names);
    const Words resume = {"train", "--data", place.data.path(), "--resume", place.model, "--quiet"};
    Words same = resume, other = resume;
    same.insert(same.end(), {option.names, value_of(entry)});
    other.insert(other.end(), {option.names, other_value(option)});
    CHECK(run(same).exit_code == 0);
    if (!may_change(option.names)) check_refused(other, {option.names, place.model, value_of(entry)});
    else CHECK(run(other).exit_code == 0);
    place.make_model();
  }
}

TEST_CASE("the manual page has each verb") {
  const std::string manual = unescaped(read_file(std::string(LANEFOLD_SOURCE) + "/docs/lanefold.1"));
  std::istringstream verbs(run({"complete", "--", ""}).out);
  int count = 0;
  for (std::string verb; verbs >> verb;) {
    if (verb[0] == '-') continue;
    CAPTURE(verb);
    CHECK(contains(manual, "\n.SS " + verb + "\n"));
    ++count;
  }
  CHECK(count > 5);
}

TEST_CASE("the committed manual page is the one that the command makes") {
  const std::string source = LANEFOLD_SOURCE;
  const Result result = run({"manual", source + "/trainer/commands/manual.1.in"});
  CHECK(result.exit_code == 0);
  // lanefold manual trainer/commands/manual.1.in > docs/lanefold.1
  CHECK(result.out == read_file(source + "/docs/lanefold.1"));
}

TEST_CASE("the list of activations has the library's codes in their order") {
  CHECK(activations().size() == LF_ACTIVATION_COUNT);
  for (size_t i = 0; i < activations().size(); ++i) CHECK(activations()[i].code == static_cast<int32_t>(i));
  CHECK(activation_of(LF_LEAKY_RELU).name == std::string("leaky-relu"));
  CHECK(activation_of(LF_LOGISTIC).name == std::string("logistic"));
}
