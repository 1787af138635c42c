// Data sets in NumPy's formats.
#include "support/files.hpp"
#include "support/npy.hpp"
#include "trainer/data/arrays.hpp"
#include "trainer/data/load.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>

#include <zip.h>

using namespace lanefold::test;
using namespace lanefold::trainer;

namespace {

using Arrays = std::map<std::string, std::string>;

struct Archive : TemporaryFolder {
  std::string path = *this / "d.npz";
  explicit Archive(const Arrays &arrays, bool compressed = true) {
    int code = 0;
    zip_t *archive = zip_open(path.c_str(), ZIP_CREATE, &code);
    REQUIRE(archive != nullptr);
    for (const auto &[name, bytes] : arrays) {
      zip_source_t *source = zip_source_buffer(archive, bytes.data(), bytes.size(), 0);
      const zip_int64_t index = zip_file_add(archive, (name + ".npy").c_str(), source, 0);
      REQUIRE(index >= 0);
      if (!compressed) zip_set_file_compression(archive, static_cast<zip_uint64_t>(index), ZIP_CM_STORE, 0);
    }
    REQUIRE(zip_close(archive) == 0);
  }
};

// 12 samples of 2 x 3, with 3 classes.
std::string images(const std::string &type = "|u1") {
  std::vector<uint8_t> bytes;
  for (int i = 0; i < 72; ++i) bytes.push_back(static_cast<uint8_t>(i));
  return npy<uint8_t>(type, "(12, 2, 3)", bytes);
}
std::string labels(int count = 12) {
  std::vector<int64_t> values;
  for (int i = 0; i < count; ++i) values.push_back(i % 3);
  return npy<int64_t>("<i8", "(" + std::to_string(count) + ",)", values);
}

DataOptions at(const std::string &path, double validation = 0.1) {
  DataOptions options;
  options.path = path, options.validation = validation;
  return options;
}

std::string refusal(const Arrays &arrays) {
  const Archive archive(arrays);
  const std::string message = message_of<DataError>([&] { read_npz(archive.path); });
  CHECK(message.starts_with(archive.path));
  return message;
}

} // namespace

TEST_CASE("an archive of arrays loads under each of the usual names, compressed or not") {
  for (const bool compressed : {false, true})
    for (const auto &[x, y] :
         {std::pair("x_train", "y_train"), {"train_images", "train_labels"}, {"X", "y"}, {"arr_0", "arr_1"}}) {
      const Archive archive({{x, images()}, {y, labels()}}, compressed);
      const Dataset data = read_npz(archive.path);
      CHECK(data.classes() == 3);
      CHECK(data.train.rows == 2);
      CHECK(data.train.columns == 3);
      CHECK(data.train.count() == 12);
      CHECK(data.train.image(11)[5] == 71);
      CHECK(data.train.labels[11] == 2);
      CHECK(data.test.count() == 0);
      DataOptions options;
      options.path = archive.path, options.validation = 0.25;
      const Dataset divided = load(options, 1);
      CHECK(divided.train.count() == 9);
      CHECK(divided.test.count() == 3);
    }
  const Archive archive({{"x_train", images()}, {"y_train", labels()}, {"x_test", images()}, {"y_test", labels()}});
  CHECK(read_npz(archive.path).test.count() == 12);
}

TEST_CASE("floats of an archive are numbers, row by row, in either order") {
  std::vector<double> rows, columns;
  for (int i = 0; i < 12; ++i)
    for (int j = 0; j < 2; ++j) rows.push_back(i + 100 * j);
  for (int j = 0; j < 2; ++j)
    for (int i = 0; i < 12; ++i) columns.push_back(i + 100 * j);
  for (const std::string &x : {npy<double>("<f8", "(12, 2)", rows), npy<double>("<f8", "(12, 2)", columns, "True")}) {
    const Archive archive({{"x", x}, {"y", labels()}});
    const Samples train = read_npz(archive.path).train;
    REQUIRE(train.numbers);
    std::vector<float> row(2);
    train.numbers->copy(7, row.data());
    CHECK(row == std::vector<float>{7, 107});
  }
}

TEST_CASE("archives that cannot be used are refused by name") {
  CHECK(contains(refusal({{"a", images()}}), "no arrays of features and labels"));
  CHECK(contains(refusal({{"x", images()}, {"y", labels(11)}}), "has 11 rows for 12 samples"));
  CHECK(contains(refusal({{"x", "no array"}, {"y", labels()}}), ", array x: is too short"));
  CHECK(contains(refusal({{"x", images("|O")}, {"y", labels()}}), "type |O"));
  CHECK(contains(refusal({{"x", npy<float>("<f4", "(2, 1)", {1, NAN})}, {"y", labels(2)}}),
                 "element 0 of row 1 (both from 0) is nan"));
  CHECK(contains(refusal({{"x", npy<float>("<f4", "(2,)", {1, 2})}, {"y", labels(2)}}), "fewer than 2 dimensions"));
  const Archive halves({{"x", images()}, {"y", npy<float>("<f4", "(12,)", std::vector<float>(12, 0.5f))}});
  CHECK(contains(message_of<DataError>([&] { read_npz(halves.path, Task::classification); }),
                 "label 0 of the array y is 0.5"));
  CHECK(contains(refusal({{"x", images()}, {"y", npy<int8_t>("|i1", "(12,)", std::vector<int8_t>(12, 0))}}),
                 "all labels"));
  CHECK(
      contains(refusal({{"x", images()}, {"y", npy<int8_t>("|i1", "(12,)", std::vector<int8_t>(12, -1))}}), "label 0"));
  CHECK(contains(refusal({{"x", images()},
                          {"y", labels()},
                          {"x_test", npy<uint8_t>("|u1", "(12, 3, 2)", std::vector<uint8_t>(72))},
                          {"y_test", labels()}}),
                 "different shapes"));
  CHECK(contains(refusal({{"x", images()},
                          {"y", labels()},
                          {"x_test", images()},
                          {"y_test", npy<uint8_t>("|u1", "(12,)", std::vector<uint8_t>(12, 3))}}),
                 "which no training sample has"));
  const Archive archive({{"x", images()}, {"y", labels()}});
  write_file(archive.path, read_file(archive.path).substr(0, 100));
  CHECK(contains(message_of<DataError>([&] { read_npz(archive.path); }), "cannot be read"));
  CHECK(contains(message_of<DataError>([] { read_npz("/none.npz"); }), "/none.npz: cannot be read"));
}

TEST_CASE("a matrix is a table whose columns are numbered") {
  const TemporaryFolder folder;
  DataOptions options;
  options.path = folder / "t.npy";
  std::vector<float> values;
  for (int i = 0; i < 40; ++i)
    for (const float value : {static_cast<float>(i), static_cast<float>(i % 2 + 5), i == 3 ? NAN : 1.0f, 9.0f})
      values.push_back(value);
  write_file(options.path, npy<float>("<f4", "(40, 4)", values));
  options.targets = {"2"}, options.csv.ignored = {"4"};
  CHECK(contains(message_of<DataError>([&] { load(options, 1); }), "row 4, column \"3\": the value is missing"));
  options.fills_missing = true;
  const Dataset data = load(options, 1);
  CHECK(data.schema.classes == std::vector<std::string>{"5", "6"});
  CHECK(data.train.features() == 2);
  CHECK(data.train.count() == 36);
  values[5] = INFINITY;
  write_file(options.path, npy<float>("<f4", "(40, 4)", values));
  CHECK(contains(message_of<DataError>([&] { load(options, 1); }), "element 1 of row 1 (both from 0) is inf"));
  write_file(options.path, npy<float>("<f4", "(4,)", {1, 2, 3, 4}));
  CHECK(contains(message_of<DataError>([&] { load(options, 1); }), "is not a matrix"));
}

TEST_CASE("an archive whose bytes have changed is refused, stored or compressed") {
  const Archive archive({{"x", images()}, {"y", labels()}}, false);
  std::string bytes = read_file(archive.path);
  const size_t at = bytes.find("\x30\x31\x32\x33\x34");
  REQUIRE(at != std::string::npos);
  bytes[at] = '\x31';
  write_file(archive.path, bytes);
  CHECK(contains(message_of<DataError>([&] { read_npz(archive.path); }), "the array x is damaged"));
}

TEST_CASE("bytes of an archive stand for 0 to 1, in either order, and in both parts") {
  std::vector<uint8_t> rows, columns;
  for (int i = 0; i < 12; ++i)
    for (int j = 0; j < 2; ++j) rows.push_back(static_cast<uint8_t>(i + 100 * j));
  for (int j = 0; j < 2; ++j)
    for (int i = 0; i < 12; ++i) columns.push_back(static_cast<uint8_t>(i + 100 * j));
  const Archive one({{"x", npy<uint8_t>("|u1", "(12, 2)", rows)}, {"y", labels()}}),
      other({{"x", npy<uint8_t>("|u1", "(12, 2)", columns, "True")}, {"y", labels()}});
  const Dataset a = read_npz(one.path), b = read_npz(other.path);
  CHECK(std::equal(a.train.pixels.begin(), a.train.pixels.end(), b.train.pixels.begin(), b.train.pixels.end()));
  CHECK(a.schema.scales_bytes);
  CHECK(contains(refusal({{"x", images()},
                          {"y", labels()},
                          {"x_test", npy<float>("<f4", "(12, 2, 3)", std::vector<float>(72))},
                          {"y_test", labels()}}),
                 "must both hold bytes"));
}

TEST_CASE("a regression on a matrix that is too large to be loaded is the same, with its targets or without") {
  const TemporaryFolder folder;
  DataOptions options;
  options.path = folder / "t.npy", options.targets = {"2", "3"};
  std::vector<float> values, features;
  for (int i = 0; i < 300; ++i) {
    const float x = static_cast<float>(i % 29), z = static_cast<float>(i % 7);
    values.insert(values.end(), {x, x * 2 + 0.5f, x - z, z}), features.insert(features.end(), {x, z});
  }
  write_file(options.path, npy<float>("<f4", "(300, 4)", values));
  const Dataset loaded = load(options, 5);
  options.most_loaded = 100;
  const Dataset opened = load(options, 5);
  CHECK(opened.reason == "there are 2 targets");
  CHECK(opened.train.targets == loaded.train.targets);
  CHECK(opened.test.targets == loaded.test.targets);
  CHECK(describe(opened.schema).dump() == describe(loaded.schema).dump());
  CHECK(load_test(options, &opened.schema, Need::labels).test.targets.size() == 600);
  write_file(options.path, npy<float>("<f4", "(300, 2)", features));
  const Dataset rows = load_test(options, &opened.schema, Need::features);
  CHECK(rows.test.count() == 300);
  CHECK(std::isnan(rows.test.targets[5]));
  CHECK(contains(message_of<DataError>([&] { load_test(options, &opened.schema, Need::labels); }),
                 "lacks the columns 2, 3 with the targets"));
}

TEST_CASE("an archive whose labels are not whole, or have columns, is a regression") {
  const std::vector<double> halves = {0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5, 5.5, 6};
  const Archive one({{"x", images()}, {"y", npy<double>("<f8", "(12,)", halves)}}),
      two({{"x", images()}, {"y", npy<double>("<f8", "(12, 1)", halves)}}),
      pairs({{"x_train", images()},
             {"y_train", labels()},
             {"x_test", images()},
             {"y_test", npy<double>("<f8", "(12,)", halves)}});
  for (const std::string &path : {one.path, two.path}) {
    const Dataset data = load(at(path, 0.25), 1);
    CHECK(data.schema.is_regression());
    CHECK(data.schema.outputs() == 1);
    CHECK(data.train.count() == 9);
    CHECK(data.test.count() == 3);
    CHECK(data.reason == "the array of labels holds numbers that are not whole");
    CHECK(data.schema.targets[0].deviation > 1);
    const Schema again = read_schema(lanefold::cli::parse_strictly(describe(data.schema).dump(), "it"));
    CHECK(again.is_regression());
    CHECK(again.outputs() == 1);
    CHECK_FALSE(again.is_of_table());
    CHECK(load_test(at(path), &again, Need::labels).test.targets.size() == 12);
  }
  CHECK(contains(message_of<DataError>([&] { read_npz(pairs.path); }), "label 0 of the array y_test is 0.5"));
  const Archive wide({{"x", images()}, {"y", npy<double>("<f8", "(6, 2)", halves)}});
  CHECK(contains(message_of<DataError>([&] { read_npz(wide.path); }), "has 6 rows for 12 samples"));
  const Archive none({{"x", images()}, {"y", npy<double>("<f8", "(12, 0)", {})}});
  CHECK(contains(message_of<DataError>([&] { read_npz(none.path); }), "the array y has 0 columns"));
}

TEST_CASE("labels of an archive mean the classes that have their names") {
  const Archive archive({{"x", images()}, {"y", labels()}});
  Schema schema;
  schema.classes = {"2", "1", "0"};
  CHECK(load_test(at(archive.path), &schema, Need::labels).test.labels[0] == 2);
  schema.classes = {"1", "2", "3"};
  CHECK(contains(message_of<DataError>([&] { load_test(at(archive.path), &schema, Need::labels); }),
                 "holds the label 0, which is not a class of the training data, which has 1, 2, 3"));
}

TEST_CASE("only predict takes an archive without labels") {
  const Archive unlabelled({{"x", images()}}), labelled({{"x", images()}, {"y", labels()}});
  CHECK_FALSE(read_unlabelled_npz(labelled.path));
  REQUIRE(read_unlabelled_npz(unlabelled.path));
  CHECK(read_unlabelled_npz(unlabelled.path)->labels == std::vector<int32_t>(12, -1));
  Schema numbers;
  numbers.task = Task::regression, numbers.targets.resize(2);
  CHECK(load_test(at(unlabelled.path), &numbers, Need::features).test.targets.size() == 24);
}

TEST_CASE("a matrix that is too large to be loaded stays in its file, and gives the same training") {
  const TemporaryFolder folder;
  DataOptions options;
  options.path = folder / "t.npy", options.targets = {"2"};
  std::vector<double> values;
  for (int i = 0; i < 400; ++i)
    for (const double value : {i * 0.5, static_cast<double>(i % 3), 7.0 - i}) values.push_back(value);
  write_file(options.path, npy<double>("<f8", "(400, 3)", values));
  const Dataset loaded = load(options, 5);
  options.most_loaded = 100;
  const Dataset opened = load(options, 5);
  CHECK(opened.train.labels == loaded.train.labels);
  CHECK(opened.test.chosen == loaded.test.chosen);
  CHECK(describe(opened.schema).dump() == describe(loaded.schema).dump());
  std::vector<float> a(2), b(2);
  for (int64_t i = 0; i < loaded.train.count(); ++i) {
    loaded.train.numbers->copy(loaded.train.number_of(i), a.data());
    opened.train.numbers->copy(opened.train.number_of(i), b.data());
    CHECK(a == b);
  }
  // The same for the rows of a model.
  const Dataset whole = load_test(at(options.path), &opened.schema, Need::labels),
                rows = load_test(options, &opened.schema, Need::labels);
  CHECK(rows.test.labels == whole.test.labels);
  CHECK(rows.test.count() == 400);
  rows.test.numbers->copy(7, a.data()), whole.test.numbers->copy(7, b.data());
  CHECK(a == b);
  std::filesystem::resize_file(options.path, 1000);
  CHECK(contains(message_of<DataError>([&] { opened.train.numbers->copy(399, a.data()); }),
                 "has become shorter while it was used"));
  values[5] = NAN;
  write_file(options.path, npy<double>("<f8", "(400, 3)", values));
  CHECK(contains(message_of<DataError>([&] { load(options, 5); }), "element 2 of row 1 (both from 0) is nan"));
  write_file(options.path, npy<double>("<f8", "(400, 3)", std::vector<double>(1200, 1), "True"));
  CHECK(contains(message_of<DataError>([&] { load(options, 5); }), "save it in row-major order"));
}
