// Which files and folders the library trusts with code, and what it does about files that are not plugins.
#include "plugin_folder.hpp"
#include "runtime/manifest.hpp"
#include "runtime/trust.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

using namespace lanefold::runtime;
using namespace lanefold::test;

TEST_CASE("files and folders that others can write are refused") {
  Folder folder;
  folder.add("good", "good", good);
  const auto refused_because = [&](const std::string &part) {
    const std::string reason = reason_of(enumerate(options_for(folder)), "fake");
    INFO(reason);
    CHECK(contains(reason, part));
    CHECK(create(options_for(folder)).isa() != "fake");
  };
  SUBCASE("module") {
    chmod(folder.module("good").c_str(), 0777);
    refused_because("good.so is writable by everyone");
  }
  SUBCASE("manifest") {
    chmod(folder.manifest("good").c_str(), 0666);
    refused_because("good.manifest is writable by everyone");
  }
  SUBCASE("folder, sticky or not") {
    chmod(folder.path().c_str(), 01777);
    refused_because("is writable by everyone");
    chmod(folder.path().c_str(), 0777);
    refused_because("is writable by everyone");
  }
  SUBCASE("another group or another owner") {
    if (geteuid() != 0) {
      MESSAGE("SKIPPED: only root can give files away");
      return;
    }
    REQUIRE(chown(folder.module("good").c_str(), 0, 12345) == 0);
    CHECK(create(options_for(folder)).isa() == "fake");
    chmod(folder.module("good").c_str(), 0775);
    refused_because("is writable by a group");
    REQUIRE(chown(folder.module("good").c_str(), 12345, 0) == 0);
    refused_because("belongs to another user");
  }
  SUBCASE("a group of this process, which access-control lists look like, too") {
    chmod(folder.module("good").c_str(), 0775);
    refused_because("good.so is writable by a group or through an access-control list");
    chmod(folder.module("good").c_str(), 0755);
    chmod(folder.path().c_str(), 0770);
    refused_because("is writable by a group");
  }
  SUBCASE("a link to where others can write") {
    Folder open;
    std::filesystem::rename(folder.module("good"), open.module("good"));
    std::filesystem::create_symlink(open.module("good"), folder.module("good"));
    CHECK(create(options_for(folder)).isa() == "fake");
    chmod(open.path().c_str(), 0777);
    refused_because("is writable by everyone");
  }
  SUBCASE("a folder further up, unless it is sticky") {
    Folder inner;
    const std::string inside = folder.path() + "/inside";
    std::filesystem::rename(inner.path(), inside);
    std::filesystem::create_directory(inner.path()); // which the destructor removes
    std::filesystem::rename(folder.module("good"), inside + "/good.so");
    std::filesystem::rename(folder.manifest("good"), inside + "/good.manifest");
    auto options = options_for(folder);
    options.plugin_path = inside.c_str();
    CHECK(create(options).isa() == "fake");
    chmod(folder.path().c_str(), 0777);
    CHECK(contains(reason_of(enumerate(options), "fake"), "is writable by everyone"));
    chmod(folder.path().c_str(), 0775);
    CHECK(contains(reason_of(enumerate(options), "fake"), folder.path() + " is writable by a group"));
    chmod(folder.path().c_str(), 01777);
    CHECK(create(options).isa() == "fake");
  }
  SUBCASE("a link in the path, of which everything is judged") {
    Folder open;
    const std::string through = open / "link",
                      inside = through + "/../" + folder.path().substr(folder.path().rfind('/') + 1);
    std::filesystem::create_directory_symlink(folder.path(), through);
    auto options = options_for(folder);
    options.plugin_path = inside.c_str();
    CHECK(create(options).isa() == "fake");
    chmod(open.path().c_str(), 0777);
    CHECK(contains(reason_of(enumerate(options), "fake"), open.path() + " is writable by everyone"));
  }
  SUBCASE("a link that leads nowhere or to itself") {
    std::filesystem::remove(folder.manifest("good"));
    std::filesystem::create_symlink(folder.manifest("good"), folder.manifest("good"));
    const Created created = create(options_for(folder));
    CHECK(created.status == LF_OK);
    CHECK(created.isa() != "fake");
  }
  SUBCASE("no regular file") {
    std::filesystem::remove(folder.module("good"));
    REQUIRE(mkfifo(folder.module("good").c_str(), 0600) == 0);
    refused_because("good.so is not a regular file");
  }
}

TEST_CASE("no file beside a plugin stalls the search") {
  Folder folder;
  folder.add("good", "good", good);
  std::filesystem::remove(folder.manifest("good"));
  SUBCASE("FIFO") { REQUIRE(mkfifo(folder.manifest("good").c_str(), 0600) == 0); }
  SUBCASE("socket") {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = folder.manifest("good");
    REQUIRE(path.size() < sizeof address.sun_path);
    std::copy(path.begin(), path.end(), address.sun_path);
    const Descriptor socket_file(socket(AF_UNIX, SOCK_STREAM, 0));
    REQUIRE(bind(socket_file.number(), reinterpret_cast<sockaddr *>(&address), sizeof address) == 0);
  }
  SUBCASE("folder") { std::filesystem::create_directory(folder.manifest("good")); }
  SUBCASE("a file of a terabyte") {
    std::ofstream{folder.manifest("good")};
    REQUIRE(truncate(folder.manifest("good").c_str(), off_t{1} << 40) == 0);
    CHECK(contains(reason_of(enumerate(options_for(folder)), "good"), "larger than"));
    return;
  }
  CHECK(contains(reason_of(enumerate(options_for(folder)), "good"), "good.manifest is not a regular file"));
}

TEST_CASE("a plugin that is cut short is refused, at whatever length") {
  Folder folder;
  folder.add("good", "good", good);
  const auto whole = std::filesystem::file_size(folder.module("good"));
  for (uintmax_t part = 0; part < 160; ++part) {
    std::filesystem::remove(folder.module("good")); // not overwritten, because it may be mapped
    std::filesystem::copy_file(std::string(LANEFOLD_FAKE_PLUGINS) + "/fake-good.so", folder.module("good"));
    std::filesystem::resize_file(folder.module("good"), whole * part / 160);
    const std::string reason = reason_of(enumerate(options_for(folder)), "fake");
    INFO("part ", part, ": ", reason);
    CHECK((contains(reason, "good.so is cut short") || contains(reason, "cannot be opened") ||
           contains(reason, "it is the best one")));
    if (part < 80) CHECK_FALSE(contains(reason, "it is the best one"));
  }
}

TEST_CASE("manifests that are broken or too large are refused") {
  Folder folder;
  folder.add("good", "good", good + std::string(largest_manifest, '\n'));
  CHECK(contains(reason_of(enumerate(options_for(folder)), "good"), "larger than"));
  folder.write_manifest("good", "name fake\nvendor tests\npriority 1000\nneeds warp\n");
  CHECK(contains(reason_of(enumerate(options_for(folder)), "fake"), "does not know"));
}
