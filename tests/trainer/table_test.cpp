// Tables: CSV files, good and hostile, and what becomes of them.
#include "support/files.hpp"
#include "trainer/data/encode.hpp"
#include "trainer/data/fields.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <functional>
#include <random>
#include <set>
#include <thread>

#include <sys/stat.h>
#include <zlib.h>

using namespace lanefold::test;
using namespace lanefold::trainer;
using Words = std::vector<std::string>;

namespace {

struct File : TemporaryFolder {
  std::string path = *this / "t.csv";
  explicit File(const std::string &text) { write_file(path, text); }
};

Table table_of(const std::string &text, const CsvOptions &options = {}) { return read_csv(File(text).path, options); }

std::string refusal(const std::string &text, const CsvOptions &options = {}) {
  const File file(text);
  std::string message = message_of<DataError>([&] { read_csv(file.path, options); });
  CHECK(message.starts_with(file.path + ": "));
  return message.substr(std::min(message.size(), file.path.size() + 2));
}

Words names_of(const Table &table) {
  Words names;
  for (const Column &column : table.columns) names.push_back(column.name);
  return names;
}

std::vector<float> values_of(const Table &table) {
  return {table.values.data(), table.values.data() + table.values.size()};
}

Dataset loaded(const std::string &text, DataOptions options = {}) {
  const File file(text);
  options.path = file.path;
  return load(options, 1);
}

std::string not_loaded(const std::string &text, const DataOptions &options = {}) {
  return message_of<DataError>([&] { loaded(text, options); });
}

std::vector<float> row_of(const Samples &samples, int64_t i) {
  std::vector<float> row(static_cast<size_t>(samples.features()));
  samples.numbers->copy(samples.number_of(i), row.data());
  return row;
}

// 40 rows of two classes.
std::string rows_of(const std::string &head, const std::function<std::string(int)> &row, int count = 40) {
  std::string text = head;
  for (int i = 0; i < count; ++i) text += row(i) + "\n";
  return text;
}

} // namespace

TEST_CASE("a CSV file has a header or none, and numbers in any form") {
  const Table plain = table_of("1,2.5,-3e2\n+4,.5,6\n");
  CHECK(names_of(plain) == Words{"1", "2", "3"});
  CHECK_FALSE(plain.has_header);
  CHECK(values_of(plain) == std::vector<float>{1, 2.5f, -300, 4, 0.5f, 6});
  const Table named = table_of("\xEF\xBB\xBF"
                               "a,\"b \"\"x\"\"\",c\r\n1,2,\"3\"\r\n\r\n4,5,6");
  CHECK(names_of(named) == Words{"a", "b \"x\"", "c"});
  CHECK(named.has_header);
  CHECK(values_of(named) == std::vector<float>{1, 2, 3, 4, 5, 6});
  CHECK(values_of(table_of("1e-60,1e-44\n")) == std::vector<float>{0, 7 * 0x1p-149f});
  CsvOptions options;
  options.header = Header::on;
  CHECK(table_of("1,2\n3,4\n", options).rows == 1);
  options.header = Header::off;
  CHECK(table_of("a,b\nc,d\n", options).rows == 2);
}

TEST_CASE("the delimiter is guessed or given, and lines before the table are skipped") {
  for (const std::string delimiter : {",", ";", "\t", "|", " "}) {
    const Table table = table_of("a" + delimiter + "b\n1" + delimiter + "2\n");
    CHECK(names_of(table) == Words{"a", "b"});
    CHECK(values_of(table) == std::vector<float>{1, 2});
  }
  CsvOptions options;
  options.delimiter = ':';
  options.skip_lines = 2;
  CHECK(values_of(table_of("some, text\nmore\n1:2\n", options)) == std::vector<float>{1, 2});
  CHECK(names_of(table_of("one\n1\n")) == Words{"one"});
}

TEST_CASE("words are kept in the order of their rows, and a quoted value may hold anything") {
  const Table table = table_of("x,kind\n1,b\n2,\"a, or\nb\"\n3,b\n4,\n");
  REQUIRE(table.columns[1].is_category);
  CHECK(table.columns[1].words == Words{"b", "a, or\nb"});
  CHECK(table.at(2, 1) == 0);
  CHECK(std::isnan(table.at(3, 1)));
  CsvOptions options;
  options.categories = {"x"}, options.ignored = {"kind"};
  const Table chosen = table_of("x,kind\n7,b\n3,c\n7,b\n", options);
  CHECK(names_of(chosen) == Words{"x"});
  CHECK(chosen.columns[0].words == Words{"7", "3"});
  CHECK(values_of(chosen) == std::vector<float>{0, 1, 0});
}

TEST_CASE("missing numbers are NaN, whatever word stands for them") {
  for (const std::string word : {"", "NA", "N/A", "null", "None", "?", "nan", "NaN"}) {
    CAPTURE(word);
    const Table table = table_of("a,b\n1,2\n" + word + ",3\n");
    CHECK(std::isnan(table.at(1, 0)));
    CHECK(table.at(1, 1) == 3);
  }
}

TEST_CASE("a large file gives the same table on any number of threads, from a file, a pipe or gzip") {
  // Blocks are of 4 MB.  Some rows have a newline between quotes.
  const auto row = [](int i) {
    return std::to_string(i) + "," + std::to_string(i % 977) + ".25," +
           (i % 5 == 0 ? "\"word\n" + std::to_string(i % 7) + "\"" : "w" + std::to_string(i % 11));
  };
  const File file(rows_of("n,x,kind\n", row, 600'000));
  CsvOptions options;
  const Table one = read_csv(file.path, options);
  REQUIRE(one.rows == 600'000);
  CHECK(one.at(599'999, 0) == 599'999);
  CHECK(one.columns[2].words.size() == 18);
  options.threads = 3;
  const Table three = read_csv(file.path, options);
  CHECK(values_of(one) == values_of(three));
  CHECK(one.columns[2].words == three.columns[2].words);

  const std::string pipe = file / "pipe", text = read_file(file.path);
  REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);
  std::thread writer([&] { write_file(pipe, text); });
  const Table piped = read_csv(pipe, options);
  writer.join();
  CHECK(values_of(one) == values_of(piped));

  const std::string gzip = file / "t.csv.gz";
  const gzFile to = gzopen(gzip.c_str(), "wb1");
  REQUIRE(gzwrite(to, text.data(), static_cast<unsigned>(text.size())) == static_cast<int>(text.size()));
  REQUIRE(gzclose(to) == Z_OK);
  CHECK(values_of(one) == values_of(read_csv(gzip, options)));
  std::filesystem::resize_file(gzip, std::filesystem::file_size(gzip) / 2);
  CHECK(contains(message_of<DataError>([&] { read_csv(gzip, options); }), "cut short"));
}

TEST_CASE("a message names the row, the column and what stands there; rows count from 1 with the header") {
  CHECK(refusal("a,b\n1,2\n3,x\n") == "row 3, column \"b\": \"x\" is not a number");
  CHECK(refusal("1,2\n3,inf\n") == "row 2, column \"2\": \"inf\" is not finite");
  CHECK(refusal("1,2\n3,1e39\n") == "row 2, column \"2\": \"1e39\" is too large for 32 bits");
  CHECK(refusal("1,2\n3,4,5\n") == "row 2: it has 3 values; expected 2");
  CHECK(refusal("1,2\n3\n") == "row 2: it has 1 value; expected 2");
  CHECK(contains(refusal("a,b\n1,\"2\n3,4\n"), "a quoted value does not end"));
  CHECK(contains(refusal("a,b\n1,2\n1,\"2\"3\n"), "row 3: a quote is inside a value"));
  CHECK(contains(refusal("a,b\n1,2\n1,5\"\n"), "row 3: a quote"));
  CHECK(refusal("") == "is empty");
  CHECK(refusal("a,b\n") == "has no rows");
  CHECK(refusal("a,kind\n1,x\n2,\xE4\n") == "row 3, column \"kind\": \"\xE4\" is not UTF-8");
  CHECK(contains(refusal("\xE4,b\n1,2\n"), "row 1, column 1: "));
  CHECK(contains(refusal(std::string("\xFF\xFE"
                                     "a\0,\0",
                                     6)),
                 "is not UTF-8 text"));
  CHECK(contains(refusal("a,b\n1," + std::string(100, 'x') + "\n2,3\n"), "begins with the word"));
  CHECK(
      contains(refusal("150,4,setosa\n5.1,3.5,0\n"), "row 2, column \"3\": \"0\" is a number, but the column begins"));
  std::string wide = "1";
  for (int i = 0; i < 1'000'000; ++i) wide += ",1";
  CHECK(contains(refusal(wide + "\n"), "more than 65536 columns"));
  CsvOptions options;
  options.ignored = {"c"};
  CHECK(refusal("a,b\n1,2\n", options) == "has no column \"c\", which --ignore names; columns: a, b");
  CHECK(contains(message_of<DataError>([] { read_csv("/nonexistent.csv", {}); }), "No such file"));
  CHECK(contains(message_of<DataError>([] { read_csv("/", {}); }), "/: cannot be read: "));
}

TEST_CASE("an error in a later block names its row") {
  const std::string text = rows_of(
      "n,x\n", [](int i) { return std::to_string(i) + ",1.25"; }, 1'000'000);
  CsvOptions options;
  options.threads = 2;
  CHECK(refusal(text + "1,abc\n", options) == "row 1000002, column \"x\": \"abc\" is not a number");
}

TEST_CASE("columns are named, or counted from either end") {
  CsvOptions options;
  options.header = Header::on;
  const Table table = table_of("a,b,2\n1,2,3\n", options);
  CHECK(find_column(table.names, "b") == 1);
  CHECK(find_column(table.names, "2") == 2); // a name comes before a number
  CHECK(find_column(table.names, "1") == 0);
  CHECK(find_column(table.names, "-1") == 2);
  for (const char *none : {"0", "4", "-4", "c", "", "1x"}) CHECK(find_column(table.names, none) == -1);
}

TEST_CASE("classes are sorted, and words become features") {
  DataOptions options;
  options.targets = {"kind"}, options.validation = 0.25;
  const Dataset data = loaded(rows_of("kind,x,colour\n",
                                      [](int i) {
                                        return std::string(i % 2 == 0 ? "b," : "a,") + std::to_string(i) +
                                               (i % 3 == 0 ? ",red" : ",blue");
                                      }),
                              options);
  CHECK(data.schema.classes == Words{"a", "b"});
  CHECK(data.schema.feature_names() == Words{"x", "colour=blue", "colour=red"});
  CHECK(data.train.count() == 30);
  CHECK(data.test.count() == 10);
  std::set<int> seen;
  for (const Samples *part : {&data.train, &data.test})
    for (int64_t i = 0; i < part->count(); ++i) {
      const std::vector<float> row = row_of(*part, i);
      const int number = static_cast<int>(row.at(0));
      seen.insert(number);
      CHECK(row == std::vector<float>{row[0], number % 3 == 0 ? 0.0f : 1.0f, number % 3 == 0 ? 1.0f : 0.0f});
      CHECK(part->labels[static_cast<size_t>(i)] == (number % 2 == 0 ? 1 : 0));
    }
  CHECK(seen.size() == 40);
}

TEST_CASE("whole numbers are classes in their order, and the last column has them") {
  const Dataset data =
      loaded(rows_of("", [](int i) { return std::to_string(i) + "," + std::to_string(i % 3 * 10 - 10); }));
  CHECK(data.schema.classes == Words{"-10", "0", "10"});
  CHECK(data.schema.feature_names().empty());
  for (int64_t i = 0; i < data.train.count(); ++i)
    CHECK(data.train.labels[static_cast<size_t>(i)] == static_cast<int>(row_of(data.train, i).at(0)) % 3);
}

TEST_CASE("what is held out depends on the seed alone") {
  const File file(rows_of(
      "", [](int i) { return std::to_string(i) + "," + std::to_string(i % 2); }, 100));
  DataOptions options;
  options.path = file.path;
  const auto held_out = [&](uint64_t seed) { return load(options, seed).test.chosen; };
  CHECK(held_out(1) == held_out(1));
  CHECK(held_out(1) != held_out(2));
  CHECK(held_out(1).size() == 10);
}

TEST_CASE("missing values are refused, or become the mean of the training rows") {
  const std::string text = rows_of("x,colour,kind\n", [](int i) {
    return (i % 4 == 0 ? "" : std::to_string(i)) + std::string(i % 4 == 1 ? ",,a" : i % 2 == 0 ? ",red,a" : ",blue,b");
  });
  CHECK(contains(not_loaded(text), "row 2, column \"x\": the value is missing; train with --missing mean"));
  DataOptions options;
  options.fills_missing = true;
  const Dataset data = loaded(text, options);
  double sum = 0, count = 0, red = 0, coloured = 0;
  for (const uint32_t i : data.train.chosen) {
    if (i % 4 != 0) sum += i, ++count;
    if (i % 4 != 1) red += i % 2 == 0, ++coloured;
  }
  REQUIRE(data.schema.means.size() == 3);
  CHECK(data.schema.means[0] == static_cast<float>(sum / count));
  CHECK(data.schema.means[2] == static_cast<float>(red / coloured));
  for (const Samples *part : {&data.train, &data.test})
    for (int64_t i = 0; i < part->count(); ++i) {
      const uint32_t number = part->chosen[static_cast<size_t>(i)];
      CHECK(row_of(*part, i).at(0) == (number % 4 == 0 ? data.schema.means[0] : static_cast<float>(number)));
      if (number % 4 == 1) CHECK(row_of(*part, i).at(2) == data.schema.means[2]);
    }
}

TEST_CASE("a target that cannot be learned is refused") {
  DataOptions options;
  options.targets = {"nope"};
  CHECK(contains(not_loaded("a,b\n1,2\n", options), "has no column \"nope\", which --target names; columns: a, b"));
  CHECK(contains(not_loaded(rows_of("a,b\n", [](int) { return "1,x"; })), "has fewer than two classes: \"x\""));
  DataOptions classes;
  classes.task = Task::classification;
  CHECK(contains(not_loaded(rows_of("a,b\n", [](int i) { return "1," + std::to_string(i) + ".5"; }), classes),
                 "row 2, column \"b\": 0.5"));
  CHECK(contains(not_loaded("b\n1\n2\n"), "has no column besides the targets"));
  CHECK(contains(not_loaded("a,b\n1,0\n2,1\n"), "cannot hold out 0 of 2 rows"));
  CHECK(contains(not_loaded(rows_of("a,b\n", [](int i) { return i == 7 ? "1," : "1," + std::to_string(i % 2); })),
                 "row 9, column \"b\": the class is missing"));
}

TEST_CASE("test rows from a separate file must fit the training rows") {
  const TemporaryFolder folder;
  DataOptions options;
  options.path = folder / "train.csv", options.test = folder / "test.csv";
  write_file(options.path,
             rows_of("x,y,kind\n", [](int i) { return std::to_string(i) + ",red," + (i % 2 == 0 ? "a" : "b"); }));
  const auto refusal_of = [&](const std::string &text) {
    write_file(options.test, text);
    return message_of<DataError>([&] { load(options, 1); });
  };
  CHECK(
      contains(refusal_of("x,y,kind\n1,red,c\n"), "row 2, column \"kind\": \"c\" is not a class of the training data"));
  CHECK(contains(refusal_of("x,y,kind\n1,green,a\n"), "row 2, column \"y\": \"green\" is not among the words"));
  CHECK(contains(refusal_of("x,kind\n1,a\n"), "lacks the columns y"));
  CHECK(contains(refusal_of("x,y\n1,red\n"), "lacks the column \"kind\" with the classes"));
  CHECK(contains(refusal_of("x,y,kind\nred,red,a\n"), "row 2, column \"x\": \"red\" is not a number"));
  write_file(options.test, "kind,more,y,x\nb,5,red,7\n"); // columns go by their names
  const Dataset data = load(options, 1);
  CHECK(data.train.count() == 40);
  CHECK(row_of(data.test, 0) == std::vector<float>{7, 1});
  CHECK(data.test.labels == std::vector<int32_t>{1});
}

TEST_CASE("a schema survives its JSON") {
  DataOptions options;
  options.fills_missing = true;
  const Dataset data = loaded(
      rows_of("x,\"colour \"\"of\"\" it\",kind\n",
              [](int i) { return std::to_string(i) + (i % 3 == 0 ? ",red," : ",blue,") + (i % 2 == 0 ? "a" : "b"); }),
      options);
  const Schema again = read_schema(lanefold::cli::parse_strictly(describe(data.schema).dump(), "it"));
  CHECK(again.classes == data.schema.classes);
  CHECK(again.means == data.schema.means);
  REQUIRE(again.targets.size() == 1);
  CHECK(again.targets[0].name == "kind");
  CHECK(again.targets[0].position == 2);
  CHECK(again.feature_names() == data.schema.feature_names());
  const std::string good = describe(data.schema).dump();
  const auto broken = [&](const std::string &part, const std::string &by) {
    std::string text = good;
    REQUIRE(contains(text, part));
    text.replace(text.find(part), part.size(), by);
    return message_of<lanefold::cli::JsonError>([&] { read_schema(lanefold::cli::parse_strictly(text, "it")); });
  };
  const std::pair<const char *, const char *> faults[] = {
      {"\"classes\":[", "\"classes\":[1,"},     {"\"position\":2}]", "\"position\":-1}]"},
      {"\"position\":2}]", "\"position\":3}]"}, {"\"width\":3", "\"width\":1"},
      {"\"position\":1", "\"position\":3"},     {"\"columns\":[", "\"columns\":1,\"x\":["},
      {"\"means\":[", "\"means\":[0.5,"},       {"[\"blue\",\"red\"]", "[\"red\",\"blue\"]"},
      {"\"header\":true", "\"header\":1"}};
  for (const auto &[part, by] : faults) {
    CAPTURE(by);
    CHECK(broken(part, by) != "nothing thrown");
  }
}

TEST_CASE("columns are matched to a model by names if both have a header, and otherwise by positions") {
  const TemporaryFolder folder;
  DataOptions options;
  options.path = folder / "t.csv";
  const auto learned = [&](const std::string &head, const CsvOptions &csv = {}) {
    write_file(options.path, rows_of(head, [](int i) {
                 return std::to_string(1000 + i) + "," + std::to_string(i) + ",7," + (i % 2 == 0 ? "a" : "b");
               }));
    options.csv = csv;
    return load(options, 1).schema;
  };
  const auto rows = [&](const Schema &schema, const std::string &text, Need need = Need::features) {
    DataOptions other;
    other.path = folder / "o.csv";
    write_file(other.path, text);
    return load_test(other, &schema, need).test;
  };
  CsvOptions without_id;
  without_id.ignored = {"1"};
  const Schema bare = learned("", without_id);
  CHECK(row_of(rows(bare, "1001,5,7,a\n"), 0) == std::vector<float>{5, 7});
  CHECK(row_of(rows(bare, "1001,5,7\n"), 0) == std::vector<float>{5, 7});
  CHECK(rows(bare, "1001,5,7,b\n").labels == std::vector<int32_t>{1});
  CHECK(contains(message_of<DataError>([&] { rows(bare, "5,7\n"); }), "has 2 columns; expected 4"));
  CHECK(contains(message_of<DataError>([&] { rows(bare, "1,2,3,4,5\n"); }), "has 5 columns; expected 4"));
  const Schema named = learned("id,x,y,kind\n", without_id);
  CHECK(row_of(rows(named, "y,x\n7,5\n"), 0) == std::vector<float>{5, 7});
  CHECK(row_of(rows(named, "9,5,7,a\n"), 0) == std::vector<float>{5, 7}); // no header
  CHECK(contains(message_of<DataError>([&] { rows(named, "y,kind\n7,a\n"); }), "lacks the columns x"));
  // Unknown and missing classes matter only where labels are needed.
  CHECK(rows(named, "x,y,kind\n1,2,\n3,4,c\n").labels == std::vector<int32_t>{-1, -1});
  CHECK(
      contains(message_of<DataError>([&] { rows(named, "x,y,kind\n1,2,c\n", Need::labels); }), "\"c\" is not a class"));
  CHECK(contains(message_of<DataError>([&] { rows(named, "x,y\nq,2\n"); }),
                 "row 2, column \"x\": \"q\" is not a number"));
}

TEST_CASE("a model knows which columns hold words, even where they look like numbers or are empty") {
  const TemporaryFolder folder;
  DataOptions options;
  options.path = folder / "t.csv", options.csv.categories = {"zip", "kind"}, options.fills_missing = true;
  write_file(options.path, rows_of("zip,x,kind\n", [](int i) {
               return (i % 5 == 0 ? "" : "0" + std::to_string(i % 2)) + ("," + std::to_string(i)) + ",0" +
                      std::to_string(i % 2 + 1);
             }));
  const Dataset data = load(options, 1);
  CHECK(data.schema.classes == Words{"01", "02"});
  CHECK(data.schema.feature_names() == Words{"zip=00", "zip=01", "x"});
  DataOptions other;
  other.path = options.path;
  CHECK(load_test(other, &data.schema, Need::labels).test.count() == 40);
  other.path = folder / "o.csv";
  write_file(other.path, "zip,x\n,5\n");
  CHECK(row_of(load_test(other, &data.schema, Need::features).test, 0) ==
        std::vector<float>{data.schema.means[0], data.schema.means[1], 5});
}

TEST_CASE("columns have the numbers that they have in the file, whatever is left out") {
  DataOptions options;
  options.csv.ignored = {"1"}, options.targets = {"3"};
  const Dataset data = loaded(
      rows_of("id,c1,c2,y\n", [](int i) { return std::to_string(i) + ",5," + std::to_string(i % 3) + ",9"; }), options);
  CHECK(data.schema.targets.at(0).name == "c2");
  CHECK(data.schema.feature_names() == Words{"c1", "y"});
  options.targets = {"1"};
  CHECK(contains(not_loaded("a,b,c\n1,2,0\n", options), "is left out"));
}

TEST_CASE("what is hard to see in a CSV file is refused, or read as it is meant") {
  CHECK(refusal("a,b\n1e400,2\n") == "row 2, column \"a\": \"1e400\" is too large for 32 bits");
  CHECK(refusal("1,2\n+-5,2\n") == "row 2, column \"1\": \"+-5\" is not a number");
  CHECK(contains(refusal("a;b\n0,31;1\n"), "\"0,31\" has a decimal comma"));
  CHECK(refusal("a,a\n1,2\n") == "row 1: two columns have the name \"a\"");
  CsvOptions with_header;
  with_header.header = Header::on;
  CHECK(contains(refusal("2,,x\n1,2,3\n", with_header), "two columns have the name \"2\""));
  CHECK(contains(refusal("a,b\"q\",y\n1,2,3\n"), "row 1: a quote"));
  for (const char *text : {"\xED\xA0\x80", "\xE0\x80\x80", "\xF5\x80\x80\x80", "\xC0\xAF", "\x80"})
    CHECK(contains(refusal("a,kind\n1,x\n2," + std::string(text) + "\n"), "is not UTF-8"));
  // Blank lines before the header count for nothing.
  CHECK(names_of(table_of("\n  \n a;b\n1;2\n")) == Words{"a", "b"});
  CHECK(table_of("  \r\na,b\r\nc,d\r\n").rows == 1);
  // A row may be longer than a block.
  const std::string word(5'000'000, 'w');
  const Table table = table_of("\"" + word + "\",b\n1,2\n3,4\n");
  CHECK(table.rows == 2);
  CHECK(table.names[0] == word);
  // nan and the like are words among words.
  CHECK(table_of("x,kind\n1,red\n2,nan\n3,NA\n").columns[1].words == Words{"red", "nan", "NA"});
  DataOptions classes;
  classes.task = Task::classification;
  CHECK(contains(not_loaded(rows_of("a,b\n", [](int i) { return "1," + std::to_string(16777215 + i % 3); }), classes),
                 "16777216.000000 is not a class"));
}

TEST_CASE("features whose deviation floats cannot hold are not standardized") {
  for (const float scale : {1e-19f, 1e25f}) {
    Samples samples;
    samples.rows = 1, samples.columns = 2, samples.labels = {0, 1};
    GrowingFloats scaled;
    for (const float value : {1.0f, 0.0f, 3.0f, 0.0f}) {
      const float product = value * scale;
      scaled.append(&product, 1);
    }
    samples.numbers = std::make_shared<StoredRows>(std::move(scaled), 2, 2);
    CHECK(contains(message_of<DataError>([&] { moments_of(samples, {}); }), "feature 1 has a standard deviation"));
  }
}

TEST_CASE("moments are those of the training rows, and a constant feature has the variance 1") {
  Samples samples;
  samples.rows = 1, samples.columns = 2;
  GrowingFloats values;
  for (const float value : {1.0f, 5.0f, 3.0f, 5.0f, 1000.0f, 5.0f}) values.append(&value, 1);
  samples.numbers = std::make_shared<StoredRows>(std::move(values), 3, 2);
  samples.labels = {0, 1}, samples.chosen = {0, 1};
  const Moments moments = moments_of(samples, {});
  CHECK(moments.mean == std::vector<float>{2, 5});
  CHECK(moments.var == std::vector<float>{1, 1});
}

TEST_CASE("a file is read the same in blocks of any size") {
  const std::string text = rows_of("x,word,\"a \"\"quoted\"\" name\"\n", [](int i) {
    return std::to_string(i) + ".25," +
           (i % 3 == 0   ? "one"
            : i % 3 == 1 ? "\"two, and\nmore\""
                         : "") +
           "," + (i % 5 == 4 ? "" : std::to_string(-i));
  });
  const Table whole = table_of(text);
  for (const size_t bytes : {1, 2, 16, 61, 4096}) {
    CAPTURE(bytes);
    CsvOptions options;
    options.block_bytes = bytes, options.threads = 3;
    const Table table = table_of(text, options);
    CHECK(table.rows == whole.rows);
    CHECK(names_of(table) == names_of(whole));
    CHECK(table.columns[1].words == whole.columns[1].words);
    const std::vector<float> one = values_of(table), other = values_of(whole);
    REQUIRE(one.size() == other.size());
    for (size_t i = 0; i < one.size(); ++i) CHECK((one[i] == other[i] || (std::isnan(one[i]) && std::isnan(other[i]))));
  }
  CsvOptions options;
  options.block_bytes = 3;
  CHECK(contains(refusal("a,b\n1,2\n\"3,4\n", options), "quote"));
}

TEST_CASE("rows without quotes are cut as libcsv cuts them") {
  std::mt19937 random(1);
  const auto shown_by = [](const auto &read) {
    std::string all;
    const std::string problem =
        read([&](std::string_view value) { return all += "<" + std::string(value) + ">", true; },
             [&] { return all += "|", true; });
    return all + problem;
  };
  const auto check = [&](const std::string &text, char delimiter) {
    CAPTURE(text);
    const std::string ours = shown_by(
        [&](const auto &field, const auto &end_of_row) { return for_each_field(text, delimiter, field, end_of_row); });
    const std::string theirs = shown_by([&](const auto &field, const auto &end_of_row) {
      QuotedRows rows(delimiter, field, end_of_row);
      if (rows.parse(text)) rows.finish();
      return rows.problem();
    });
    CHECK(ours == theirs);
  };
  const auto any_of = [&](const char *characters) {
    std::string text(random() % 24, ' ');
    for (char &c : text) c = characters[random() % std::strlen(characters)];
    return text;
  };
  for (int i = 0; i < 20000; ++i)
    for (const char delimiter : {',', ' ', '\t', ';'}) {
      check(any_of("ab,; \t\n\r"), delimiter);
      check(any_of("a,; \t\n\"\r"), delimiter);
      check(any_of("a,,\n\n\""), delimiter);
    }
}

TEST_CASE("appending no floats changes nothing, even before memory is allocated") {
  GrowingFloats values;
  values.append(nullptr, 0);
  CHECK(values.size() == 0);
  const float two[] = {1, 2};
  values.append(two, 2), values.append(nullptr, 0);
  CHECK(values.size() == 2);
  CHECK(values[1] == 2);
}
