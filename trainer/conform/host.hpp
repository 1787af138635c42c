// The host that conform lends a plugin for one call.  It runs tasks in orders that the contract allows, and its scratch
// memory lies between guard pages.
#pragma once

#include "trainer/conform/memory.hpp"

#include <lanefold/plugin.h>

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace lanefold::trainer::conform {

enum class Order {
  serial,
  reversed,
  shuffled,
  wide,   // on more threads than the plugin is told, none of which is the calling thread
  nested, // between two tasks, the calling thread makes another call
};

struct HostOptions {
  Order order = Order::serial;
  int32_t threads = 3;                                           // what the plugin is told
  uint64_t cpu_features = 0;                                     // of this machine
  Side scratch_side = Side::ends;                                // where scratch memory has its inaccessible page
  int64_t acquisitions = INT64_MAX;                              // after so many, acquire returns NULL
  std::function<void()> other_call = {};                         // of Order::nested
  std::function<void(const std::string &)> changed_by_task = {}; // receives what a task did not preserve
};

class Host {
public:
  explicit Host(HostOptions options);
  ~Host();
  Host(const Host &) = delete;
  Host &operator=(const Host &) = delete;

  const lf_host *get() const;
  const std::string &message() const { return message_; } // of fail()
  bool refused_scratch() const { return refused_scratch_; }
  // Returns what the plugin did wrong with the host, or "".  From then on, any use of the host faults.
  std::string finish();

private:
  static void parallel_for(void *self, int64_t count, lf_task task, void *arg);
  static void *acquire(void *self, uint64_t bytes);
  static void release(void *self, void *memory);
  static lf_status fail(void *self, lf_status status, const char *message);
  static void log(void *self, int32_t level, const char *message);

  static Host &of(void *self);
  void note(const std::string &misuse);
  void run(lf_task task, void *arg, int64_t index);
  void run_wide(int64_t count, lf_task task, void *arg);
  bool on_calling_thread() const;

  const HostOptions options_;
  std::shared_ptr<Memory> lent_; // what the plugin may read: what `self` points to, followed by the struct
  uint64_t thread_;              // that made the call
  std::mutex mutex_;
  struct Block {
    std::unique_ptr<Memory> memory;
    bool is_released;
  };
  std::vector<Block> scratch_;
  std::string misuse_, message_;
  bool refused_scratch_ = false;
  int64_t acquired_ = 0;
};

} // namespace lanefold::trainer::conform
