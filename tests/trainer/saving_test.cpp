// While a checkpoint is saved, any system call may fail, and SIGKILL may come at any moment.  The file is always the whole
// old one or the whole new one.
#include "failing_calls.hpp"
#include "support/images.hpp"
#include "support/random.hpp"
#include "trainer/checkpoint/checkpoint.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <set>

#include <sys/wait.h>
#include <unistd.h>

using namespace lanefold::test;
using namespace lanefold::trainer;

namespace {

Network network_of(float value) {
  Network network(plain(60, {50}, 10));
  network.visit([&](const std::string &, const std::vector<int64_t> &, std::vector<float> &values) {
    std::fill(values.begin(), values.end(), value);
  });
  return network;
}

} // namespace

TEST_CASE("if any call fails, saving says so, the file is the old or the new one, and no other is left") {
  const TemporaryFolder folder;
  const std::string path = folder / "model";
  Network old_network = network_of(1), new_network = network_of(2);
  save(path, new_network);
  const std::string new_bytes = read_file(path);
  save(path, old_network);
  const std::string old_bytes = read_file(path);
  fail_call(-1, 0);
  save(path, new_network);
  const int calls = calls_made();
  fail_call(-1, 0);
  CHECK(calls > 8);
  std::multiset<std::string> failed;
  for (const int error : {EIO, ENOSPC})
    for (int n = 0; n < calls; ++n) {
      save(path, old_network);
      fail_call(n, error);
      const std::string message = message_of<CheckpointError>([&] { save(path, new_network); });
      const std::string call = failed_call();
      fail_call(-1, 0);
      failed.insert(call);
      CAPTURE(call);
      CAPTURE(n);
      CHECK(folder.entries() == 1);
      const std::string bytes = read_file(path);
      CHECK((bytes == old_bytes || bytes == new_bytes));
      // Only where the file is in place already may a failure be without consequence: closing the synced folder.
      if (message == "nothing thrown") CHECK((call == "close" && bytes == new_bytes));
      else CHECK(message.starts_with(path + ": cannot be written: "));
      if (call == "write" || call == "rename" || call == "mkostemp") CHECK(bytes == old_bytes);
    }
  CHECK(failed.count("write") > 10); // each tensor's, twice
  CHECK(failed.count("fsync") == 4); // file and folder
  CHECK(failed.count("rename") == 2);
  CHECK(failed.count("mkostemp") == 2);
}

TEST_CASE("a write that is cut short or interrupted continues") {
  const TemporaryFolder folder;
  const std::string path = folder / "model";
  Network network = network_of(3);
  save(path, network);
  const std::string bytes = read_file(path);
  fail_call(-1, 0);
  save(path, network);
  const int calls = calls_made();
  for (const int error : {0, EINTR})
    for (int n = 0; n < calls; ++n) {
      fail_call(n, error);
      try {
        save(path, network);
      } catch (const CheckpointError &) {
        CHECK(std::string(failed_call()) != "write"); // the other calls fail
      }
      fail_call(-1, 0);
      CHECK(read_file(path) == bytes);
    }
}

TEST_CASE("killed at any moment, hundreds of times, a process leaves a whole checkpoint") {
  const TemporaryFolder folder;
  const std::string path = folder / "model";
  std::vector<Network> networks;
  std::set<std::string> hashes;
  for (const float value : {1.0f, 2.0f, 3.0f, 4.0f}) {
    networks.push_back(network_of(value));
    hashes.insert(sha256(networks.back()));
  }
  save(path, networks[0]);
  Random random(91);
  std::set<std::string> seen;
  int unfinished = 0;
  for (int round = 0; round < 300; ++round) {
    int started[2];
    REQUIRE(pipe(started) == 0);
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      try {
        for (size_t i = 0;; ++i) {
          save(path, networks[(i + static_cast<size_t>(round)) % networks.size()]);
          if (i == 0 && write(started[1], "x", 1) != 1) break;
        }
      } catch (...) {
      }
      _exit(1);
    }
    // The process has saved once, and is killed while it saves again.
    char byte;
    close(started[1]);
    REQUIRE(read(started[0], &byte, 1) == 1);
    close(started[0]);
    usleep(static_cast<useconds_t>(random.below(4000)));
    kill(child, SIGKILL);
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status));
    Network back = read_checkpoint(path).network; // throws if it is not whole
    const std::string hash = sha256(back);
    CHECK(hashes.contains(hash));
    seen.insert(hash);
    unfinished += folder.entries() > 1;
    // The next process that prepares to save there removes what the killed process left.
    check_writable(path);
    CHECK(folder.entries() == 1);
  }
  CHECK(seen.size() == hashes.size());
  CHECK(unfinished > 30); // it was killed while it wrote
}

TEST_CASE("a file that another process is writing does not count as left over") {
  const TemporaryFolder folder;
  const std::string path = folder / "model";
  Network network = network_of(1);
  for (const char *name : {"model.tmp-abcdefg", "model.tmp-abc", "model.backup", "other.tmp-abcdef"})
    write_file(folder / name, "x");
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    try {
      for (;;) save(path, network);
    } catch (...) {
    }
    _exit(1);
  }
  for (int i = 0; i < 200 || !std::filesystem::exists(path); ++i) check_writable(path); // until it has saved once
  int status = 0;
  CHECK(waitpid(child, &status, WNOHANG) == 0); // it still saves
  kill(child, SIGKILL);
  waitpid(child, &status, 0);
  check_writable(path);
  CHECK(folder.entries() == 5);
}
