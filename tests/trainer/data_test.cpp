// The trainer's data: IDX files, both good and hostile, the built-in digits, and the published data sets if they are
// present.
#include "support/images.hpp"
#include "support/random.hpp"
#include "trainer/data/batches.hpp"
#include "trainer/data/load.hpp"
#include "trainer/training/golden.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <set>

#include <sha256.h>
#include <sys/resource.h>
#include <unistd.h>
#include <zlib.h>

using namespace lanefold::test;
using namespace lanefold::trainer;

namespace {

// One gzip member: 10 bytes of header, the deflate stream, CRC-32 and size (4 bytes each, least significant first).
std::string gzip(const std::string &bytes) {
  z_stream stream{};
  REQUIRE(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string result(deflateBound(&stream, bytes.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef *>(const_cast<char *>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef *>(result.data());
  stream.avail_out = static_cast<uInt>(result.size());
  REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  result.resize(stream.total_out);
  deflateEnd(&stream);
  return result;
}

constexpr const char *names[] = {"train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte",
                                 "t10k-labels-idx1-ubyte"};

// A folder of four good files: 30 training images and 20 test images of 4 x 4.
struct Folder : TemporaryFolder {
  Samples train = make_images(30, 4, 1), test = make_images(20, 4, 2);
  Folder() { write_idx(*this, train, test); }
  void remove(const std::string &name) const { std::filesystem::remove(*this / name); }
};

std::string refusal(const TemporaryFolder &folder) {
  return message_of<DataError>([&] { read_idx(folder.path()); });
}

// Checks that the folder is refused, with a message that names the file and says what is wrong.
void check_refused(const TemporaryFolder &folder, const std::string &file, const std::string &what) {
  const std::string message = refusal(folder);
  CAPTURE(message);
  CHECK(contains(message, folder / file));
  CHECK(contains(message, what));
}

// The same with `bytes` in place of the file.
void check_bytes_refused(const std::string &file, const std::string &bytes, const std::string &what) {
  const Folder folder;
  write_file(folder / file, bytes);
  check_refused(folder, file, what);
}

// The same with compressed bytes in place of the training images.
void check_gzip_refused(const std::string &bytes, const std::string &what) {
  const Folder folder;
  folder.remove(names[0]);
  const std::string name = std::string(names[0]) + ".gz";
  write_file(folder / name, bytes);
  check_refused(folder, name, what);
}

std::string good_images() { return images_file(make_images(30, 4, 1)); }

void check_same(const Samples &a, const Samples &b) {
  CHECK(a.rows == b.rows);
  CHECK(a.columns == b.columns);
  CHECK(equal(a.pixels, b.pixels));
  CHECK(a.labels == b.labels);
}

int64_t peak_kilobytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

std::string sha256_of(const Samples &images) {
  SHA256_CTX hash;
  SHA256Init(&hash);
  SHA256Update(&hash, images.pixels.data(), images.pixels.size());
  const std::vector<uint8_t> labels(images.labels.begin(), images.labels.end());
  SHA256Update(&hash, labels.data(), labels.size());
  char text[SHA256_DIGEST_STRING_LENGTH];
  return SHA256End(&hash, text);
}

} // namespace

TEST_CASE("IDX files load to the byte: plain, gzip-compressed, and named with a dot") {
  Folder folder;
  std::string joint, ending;
  SUBCASE("plain") { joint = "-"; }
  SUBCASE("gzip") { joint = "-", ending = ".gz"; }
  SUBCASE("dot") { joint = "."; }
  SUBCASE("dot and gzip") { joint = ".", ending = ".gz"; }
  for (const char *name : names) {
    const std::string bytes = read_file(folder / name);
    folder.remove(name);
    std::string renamed = name;
    renamed.replace(renamed.find("-idx"), 1, joint);
    write_file(folder / (renamed + ending), ending.empty() ? bytes : gzip(bytes));
  }
  const Dataset data = load_images(folder.path());
  CHECK(data.name == folder.path());
  check_same(data.train, folder.train);
  check_same(data.test, folder.test);
}

TEST_CASE("images that are not square load") {
  const Folder folder;
  for (const int part : {0, 2}) {
    std::string bytes = read_file(folder / names[part]);
    bytes[11] = 2, bytes[15] = 8;
    write_file(folder / names[part], bytes);
  }
  const Dataset data = read_idx(folder.path());
  CHECK(data.train.rows == 2);
  CHECK(data.train.columns == 8);
}

TEST_CASE("a folder that is missing, or a file, is refused by name") {
  const Folder folder;
  for (const std::string &path : {folder / "nowhere", folder / names[0]}) {
    const std::string message = message_of<DataError>([&] { read_idx(path); });
    CHECK(contains(message, path + ": no such folder"));
  }
}

TEST_CASE("a message names each of the four files that is missing") {
  for (const char *name : names) {
    CAPTURE(name);
    const Folder folder;
    folder.remove(name);
    check_refused(folder, name, "no such file");
  }
}

TEST_CASE("a wrong magic number is refused") {
  const std::string pixels(16, 'x');
  for (const uint32_t magic : {0u, 0x00000800u, 0x00000a03u, 0x03080000u})
    check_bytes_refused(names[0], idx({magic, 1, 4, 4}, pixels), "magic");
  check_bytes_refused(names[3], idx({images_magic, 20, 1, 2}, std::string(40, '\0')), "magic");
  check_bytes_refused(names[3], idx({0x00000d01, 20}, std::string(80, '\0')), "magic"); // labels are whole numbers
}

TEST_CASE("an empty file is refused, plain or named .gz") {
  for (const char *name : names) check_bytes_refused(name, "", "ends too early");
  check_gzip_refused("", "ends too early");
}

TEST_CASE("a plain file cut off anywhere is refused") {
  const std::string images = good_images(), labels = labels_file(make_images(30, 4, 1));
  for (const size_t size : {1, 3, 4, 7, 8, 12, 15})
    check_bytes_refused(names[0], images.substr(0, size), "ends too early");
  for (const size_t size : {size_t{16}, size_t{17}, images.size() - 17})
    check_bytes_refused(names[0], images.substr(0, size), "more than the file can hold");
  // The header announces no more bytes than the file has, but the file has fewer after the header.
  for (const size_t size : {images.size() - 16, images.size() - 1})
    check_bytes_refused(names[0], images.substr(0, size), "ends too early");
  for (const size_t size : {size_t{3}, size_t{7}, size_t{8}, labels.size() - 1})
    check_bytes_refused(names[1], labels.substr(0, size), "ends too early");
}

TEST_CASE("a gzip file cut off anywhere is refused, in its last eight bytes too") {
  const std::string bytes = gzip(good_images());
  for (size_t size = 1; size < bytes.size(); ++size) {
    CAPTURE(size);
    const Folder folder;
    folder.remove(names[0]);
    const std::string name = std::string(names[0]) + ".gz";
    write_file(folder / name, bytes.substr(0, size));
    CHECK(contains(refusal(folder), folder / name));
  }
}

TEST_CASE("bytes after the announced ones are refused, plain or compressed") {
  constexpr const char *what = "more than its header announces";
  check_bytes_refused(names[0], good_images() + "x", what);
  check_bytes_refused(names[3], labels_file(make_images(20, 4, 2)) + std::string(1, '\0'), what);
  check_gzip_refused(gzip(good_images() + "x"), what);
  check_gzip_refused(gzip(good_images()) + gzip("x"), what);
}

TEST_CASE("header sizes that overflow, or are beyond the file, are refused before memory is taken") {
  constexpr uint32_t all = 0xffffffff, half = 0x80000000, root = 0x10000;
  const std::string pixels(16, 'x');
  const int64_t before = peak_kilobytes();
  for (const std::vector<uint32_t> &sizes : std::vector<std::vector<uint32_t>>{{all, all, all},
                                                                               {half, half, 4},
                                                                               {root, root, root},
                                                                               {root * 16, root, root * 16},
                                                                               {1, all, all},
                                                                               {all, 1, 1},
                                                                               {1u << 20, 28, 28},
                                                                               {2, 4, 4},
                                                                               {1, 4, 5},
                                                                               {1, 17, 1}}) {
    CAPTURE(sizes);
    const std::string bytes = idx({images_magic, sizes[0], sizes[1], sizes[2]}, pixels);
    // A compressed file of this size could hold so few pixels, so the reader finds only later that they are missing.
    check_bytes_refused(names[0], bytes, sizes[0] < 1000 && sizes[1] < 1000 ? "" : "more than the file can hold");
    check_gzip_refused(gzip(bytes), "");
  }
  for (const std::vector<uint32_t> &sizes :
       std::vector<std::vector<uint32_t>>{{0, 4, 4}, {1, 0, 4}, {1, 4, 0}, {0, 0, 0}})
    check_bytes_refused(names[0], idx({images_magic, sizes[0], sizes[1], sizes[2]}, pixels), "no pixels");
  CHECK(peak_kilobytes() - before < 32 << 10);
}

TEST_CASE("another number of labels than images is refused, and the message has both numbers") {
  const Samples few = make_images(29, 4, 1), many = make_images(31, 4, 1);
  check_bytes_refused(names[1], labels_file(few), "29 labels for the 30 images");
  check_bytes_refused(names[1], labels_file(many), "31 labels for the 30 images");
  check_bytes_refused(names[3], idx({labels_magic, 0xffffffff}, "x"), "4294967295 labels for the 20 images");
}

TEST_CASE("labels may have any number of classes, but test labels must not exceed those of training") {
  const Folder folder;
  std::string labels = labels_file(folder.train);
  labels[8 + 17] = '\x2a';
  write_file(folder / names[1], labels);
  Dataset data = read_idx(folder.path());
  CHECK(data.classes() == 43);
  CHECK(data.train.labels[17] == 42);
  std::string test_labels = labels_file(folder.test);
  test_labels[8 + 3] = '\x2b';
  write_file(folder / names[3], test_labels);
  CHECK(contains(refusal(folder), "a test image has the label 43, but no training image has it"));
  // 32-bit labels.
  std::string payload(120, '\0');
  payload[4 * 5 + 2] = 1; // 256
  write_file(folder / names[1], idx({0x00000c01, 30}, payload));
  write_file(folder / names[3], labels_file(folder.test));
  CHECK(read_idx(folder.path()).classes() == 257);
  payload[4 * 5] = '\xff';
  write_file(folder / names[1], idx({0x00000c01, 30}, payload));
  check_refused(folder, names[1], "label 5 is -16776960, but must be 0 to 9999");
}

TEST_CASE("elements of each type of IDX become numbers, most significant byte first") {
  struct Type {
    uint32_t magic;
    std::string element; // the bytes of `value`
    float value;
  };
  for (const Type &type : {Type{0x00000903, "\xfe", -2}, Type{0x00000b03, "\x01\x02", 258},
                           Type{0x00000c03, std::string("\x00\x01\x00\x00", 4), 65536},
                           Type{0x00000d03, std::string("\x3f\xc0\x00\x00", 4), 1.5f},
                           Type{0x00000e03, std::string("\xc0\x04\x00\x00\x00\x00\x00\x00", 8), -2.5f}}) {
    CAPTURE(type.magic);
    const Folder folder;
    std::string payload;
    for (int i = 0; i < 30 * 16; ++i) payload += type.element;
    write_file(folder / names[0], idx({type.magic, 30, 4, 4}, payload));
    CHECK(contains(refusal(folder), "must both be bytes"));
    write_file(folder / names[2], idx({type.magic, 20, 4, 4}, payload.substr(0, 320 * type.element.size())));
    const Samples train = read_idx(folder.path()).train;
    REQUIRE(train.numbers);
    CHECK(train.features() == 16);
    std::vector<float> row(16);
    train.numbers->copy(29, row.data());
    CHECK(row == std::vector<float>(16, type.value));
    write_file(folder / names[0], idx({type.magic, 30, 4, 4}, payload.substr(1)));
    CHECK(contains(refusal(folder), names[0]));
  }
  const Folder folder; // NaN
  write_file(folder / names[0], idx({0x00000d02, 30, 1}, std::string(120, '\xff')));
  check_refused(folder, names[0], "element 0 of sample 0 is not finite");
}

TEST_CASE("images that are too large to be loaded are read from the file with the same bits, and a file that shrinks "
          "is an error") {
  const Folder folder;
  const Dataset loaded = read_idx(folder.path()), opened = read_idx(folder.path(), Needs::all, 100);
  REQUIRE(opened.train.numbers);
  CHECK(opened.schema.scales_bytes);
  CHECK(sha256(opened.train) == sha256(loaded.train));
  const lanefold::Context context(1);
  Batch a, b;
  gather(context, loaded.train, nullptr, 3, 20, a), gather(context, opened.train, nullptr, 3, 20, b);
  CHECK(a.x == b.x);
  CHECK(a.labels == b.labels);
  std::filesystem::resize_file(folder / names[0], 100);
  CHECK(contains(message_of<DataError>([&] { gather(context, opened.train, nullptr, 3, 20, b); }),
                 "has become shorter while it was used"));
  gather(context, loaded.train, nullptr, 3, 20, b); // it was read before
  CHECK(a.x == b.x);
}

TEST_CASE("images may have any number of dimensions") {
  const Folder folder;
  for (const std::vector<uint32_t> &header :
       {std::vector<uint32_t>{0x802, 30, 16}, {0x804, 30, 2, 2, 4}, {0x805, 30, 2, 2, 2, 2}}) {
    write_file(folder / names[0], idx(header, std::string(480, 'x')));
    write_file(folder / names[2], idx(
                                      [&] {
                                        auto test = header;
                                        test[1] = 20;
                                        return test;
                                      }(),
                                      std::string(320, 'x')));
    CHECK(read_idx(folder.path()).train.features() == 16);
  }
  write_file(folder / names[0], idx({0x00000809, 30, 1, 1, 1, 1, 1, 1, 1, 16}, std::string(480, 'x')));
  check_refused(folder, names[0], "wrong magic number");
}

TEST_CASE("the files may lie in folders below, as torchvision has them, and a message names the right folder") {
  const Folder folder;
  const TemporaryFolder above;
  for (const std::string below : {"raw", "MNIST/raw"}) {
    CAPTURE(below);
    std::filesystem::create_directories(above / below);
    for (const char *name : names) std::filesystem::copy_file(folder / name, above / below + "/" + name);
    check_same(read_idx(above.path()).train, folder.train);
    if (below == "raw") std::filesystem::remove_all(above / below);
  }
  std::filesystem::create_directories(above / "MNIST/processed");
  CHECK(contains(message_of<DataError>([&] { read_idx(above / "MNIST/processed"); }),
                 "did you mean " + above / "MNIST/raw"));
  std::filesystem::create_directories(above / "FashionMNIST/raw");
  for (const char *name : names) std::filesystem::copy_file(folder / name, above / "FashionMNIST/raw/" + name);
  CHECK(contains(message_of<DataError>([&] { read_idx(above.path()); }), "holds several data sets"));
  const TemporaryFolder nested; // each file in a folder of its name
  for (const char *name : names) {
    std::filesystem::create_directory(nested / name);
    std::filesystem::copy_file(folder / name, nested / name + "/" + name);
  }
  check_same(read_idx(nested.path()).test, folder.test);
}

TEST_CASE("gzip that lies about its size or its sum is refused") {
  const std::string bytes = gzip(good_images());
  for (size_t from_end = 1; from_end <= 8; ++from_end) {
    CAPTURE(from_end);
    std::string lying = bytes;
    lying[lying.size() - from_end] = static_cast<char>(lying[lying.size() - from_end] ^ 1);
    check_gzip_refused(lying, "broken");
  }
}

TEST_CASE("a flipped bit anywhere in a gzip file never loads other pixels") {
  const std::string bytes = gzip(good_images());
  Random random(11);
  for (int i = 0; i < 300; ++i) {
    const Folder folder;
    folder.remove(names[0]);
    std::string flipped = bytes;
    const auto at = static_cast<size_t>(random.below(static_cast<int64_t>(bytes.size())));
    CAPTURE(at);
    flipped[at] = static_cast<char>(flipped[at] ^ 1 << random.below(8));
    write_file(folder / (std::string(names[0]) + ".gz"), flipped);
    const std::string message = message_of<DataError>([&] {
      const Pixels pixels = read_idx(folder.path()).train.pixels;
      REQUIRE(equal(pixels, folder.train.pixels)); // gzip's header has a time and a system, which do not matter
    });
    CHECK((message == "nothing thrown" || contains(message, names[0])));
  }
}

TEST_CASE("a small gzip file that inflates without end is refused, in little memory") {
  const Folder folder;
  folder.remove(names[0]);
  folder.remove(names[1]);
  const std::string images = std::string(names[0]) + ".gz", labels = std::string(names[1]) + ".gz";
  constexpr size_t megabytes = 128;
  // 128 MiB of zeros after a header that announces little.
  const auto write_bomb = [](const std::string &path, const std::string &header) {
    const gzFile file = gzopen(path.c_str(), "wb1");
    REQUIRE(file != nullptr);
    REQUIRE(gzwrite(file, header.data(), static_cast<unsigned>(header.size())) == static_cast<int>(header.size()));
    const std::string zeros(1 << 20, '\0');
    for (size_t i = 0; i < megabytes; ++i) REQUIRE(gzwrite(file, zeros.data(), 1 << 20) == 1 << 20);
    REQUIRE(gzclose(file) == Z_OK);
    REQUIRE(std::filesystem::file_size(path) < 2 << 20);
  };
  const int64_t before = peak_kilobytes();
  write_bomb(folder / images, idx({images_magic, 30, 4, 4}, ""));
  write_file(folder / labels, gzip(labels_file(folder.train)));
  check_refused(folder, images, "more than its header announces");
  write_file(folder / images, gzip(good_images()));
  write_bomb(folder / labels, idx({labels_magic, 30}, ""));
  check_refused(folder, labels, "more than its header announces");
  CHECK(peak_kilobytes() - before < 32 << 10);
}

TEST_CASE("a compressed file that announces more than gzip can hold in its size is refused immediately") {
  const int64_t before = peak_kilobytes();
  const std::string bytes = gzip(idx({images_magic, 1u << 18, 28, 28}, std::string(1000, 'x')));
  check_gzip_refused(bytes, "more than the file can hold");
  CHECK(peak_kilobytes() - before < 32 << 10);
}

TEST_CASE("a file is gzip if, and only if, its name ends in .gz") {
  check_gzip_refused(good_images(), "is not gzip-compressed");
  check_bytes_refused(names[0], gzip(good_images()), "does not end in .gz");
  check_bytes_refused(names[3], gzip(labels_file(make_images(20, 4, 2))), "does not end in .gz");
}

TEST_CASE("a folder in place of a file is refused") {
  const Folder folder;
  folder.remove(names[0]);
  std::filesystem::create_directory(folder / names[0]);
  check_refused(folder, names[0], "");
}

TEST_CASE("training and test images of different sizes are refused") {
  const Folder folder;
  write_idx(folder, make_images(30, 4, 1), make_images(20, 5, 2));
  const std::string message = refusal(folder);
  CAPTURE(message);
  CHECK(contains(message, folder.path()));
  CHECK(contains(message, "4 x 4"));
  CHECK(contains(message, "5 x 5"));
}

TEST_CASE("the built-in digits are the same bytes on every machine") {
  const Dataset data = draw_digits(1000, 1000);
  CHECK(data.train.rows == 28);
  CHECK(data.train.columns == 28);
  CHECK(data.train.count() == 1000);
  CHECK(data.test.count() == 1000);
  CHECK(sha256_of(data.train) == "1c060ea2e213a77ecbb25b027b35444f15de6d83160a956d460523d391f78611");
  CHECK(sha256_of(data.test) == "bfa9f443d339276f0fc487263fa5f9965959afbd2eeec94bf62e45adcdb75f02");
}

TEST_CASE("a built-in digit depends on its index alone, not on how many there are") {
  const Dataset few = draw_digits(20, 10), many = draw_digits(50, 30);
  CHECK(std::equal(few.train.pixels.begin(), few.train.pixels.end(), many.train.pixels.begin()));
  CHECK(std::equal(few.test.pixels.begin(), few.test.pixels.end(), many.test.pixels.begin()));
  CHECK(std::equal(few.test.labels.begin(), few.test.labels.end(), many.test.labels.begin()));
}

TEST_CASE("test digits differ from training digits, and no two digits are alike") {
  const Dataset data = draw_digits(500, 500);
  std::set<std::string> images;
  for (const Samples *part : {&data.train, &data.test})
    for (int64_t i = 0; i < part->count(); ++i) images.emplace(part->image(i), part->image(i) + part->features());
  CHECK(images.size() == 1000);
}

TEST_CASE("all ten classes occur among the built-in digits, about equally often, and none is blank or full") {
  const Dataset data = draw_digits(2000, 2000);
  for (const Samples *part : {&data.train, &data.test}) {
    std::array<int, digit_classes> seen{};
    bool drawn = true;
    for (int64_t i = 0; i < part->count(); ++i) {
      ++seen[part->labels[static_cast<size_t>(i)]];
      const uint8_t *image = part->image(i);
      const auto bright = std::count_if(image, image + part->features(), [](uint8_t pixel) { return pixel > 100; });
      drawn = drawn && bright > 10 && bright < 400;
    }
    CHECK(drawn);
    for (const int count : seen) CHECK(std::abs(count - 200) < 70); // five standard deviations of 13.4
  }
}

TEST_CASE("MNIST and Fashion-MNIST load as published") {
  const std::string folder = real_data();
  if (folder.empty()) return;
  for (const char *name : {"mnist", "fashion-mnist"}) {
    CAPTURE(name);
    const Dataset data = load_images(folder + "/" + name);
    CHECK(data.train.count() == 60000);
    CHECK(data.test.count() == 10000);
    CHECK(data.train.features() == 784);
    std::array<int, digit_classes> seen{};
    for (const uint8_t label : data.test.labels) ++seen[label];
    CHECK(*std::min_element(seen.begin(), seen.end()) > 800);
  }
}
