// Linux tells it in /proc/PID/task/TID/schedstat: nanoseconds on a CPU, nanoseconds in its queue, and turns.
#include "waiting.hpp"

#include <cstdint>
#include <cstdio>
#include <string>

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

namespace lanefold::bench {
namespace {

double waited(const std::string &path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  char text[96] = "";
  const ssize_t bytes = read(file, text, sizeof text - 1);
  close(file);
  unsigned long long on_cpu = 0, in_queue = 0;
  return bytes > 0 && std::sscanf(text, "%llu %llu", &on_cpu, &in_queue) == 2 ? 1e-9 * static_cast<double>(in_queue)
                                                                              : 0;
}

} // namespace

double waited_seconds(bool all_threads) {
  if (!all_threads) return waited("/proc/thread-self/schedstat");
  double seconds = 0;
  DIR *const tasks = opendir("/proc/self/task");
  if (tasks == nullptr) return 0;
  while (const dirent *task = readdir(tasks))
    if (task->d_name[0] != '.') seconds += waited(std::string("/proc/self/task/") + task->d_name + "/schedstat");
  closedir(tasks);
  return seconds;
}

} // namespace lanefold::bench
