// Each task runs with the floating-point state that the library promises, through the comparison of registers.
#include "trainer/conform/host.hpp"

#include "trainer/conform/single_steps.hpp"
#include "trainer/conform/trampoline.hpp"
#include "trainer/data/random.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <iterator>
#include <pthread.h>
#include <thread>

namespace lanefold::trainer::conform {
namespace {

thread_local int tasks_on_this_thread = 0; // 1 inside a task

// Keeps the last few hosts inaccessible, so that no other memory takes their addresses and a plugin that kept one is
// noticed.
void remember(std::shared_ptr<Memory> memory) {
  static std::mutex mutex;
  static std::shared_ptr<Memory> last[64];
  static size_t next = 0;
  const std::lock_guard lock(mutex);
  last[next++ % std::size(last)] = std::move(memory);
}

uint64_t this_thread() { return reinterpret_cast<uint64_t>(pthread_self()); }

} // namespace

Host::Host(HostOptions options)
    : options_(std::move(options)),
      lent_(std::make_shared<Memory>("its lf_host", sizeof(Host *) + sizeof(lf_host), Side::ends)),
      thread_(this_thread()) {
  Host *own = this;
  std::memcpy(lent_->data(), &own, sizeof own);
  const lf_host host = {sizeof(lf_host),
                        options_.threads,
                        options_.cpu_features,
                        lent_->data(),
                        parallel_for,
                        acquire,
                        release,
                        fail,
                        log};
  std::memcpy(lent_->data() + sizeof own, &host, sizeof host);
  lent_->forbid_writes();
}

Host::~Host() = default;

const lf_host *Host::get() const { return reinterpret_cast<const lf_host *>(lent_->data() + sizeof(Host *)); }

Host &Host::of(void *self) {
  Host *own;
  std::memcpy(&own, self, sizeof own);
  return *own;
}

void Host::note(const std::string &misuse) {
  const std::lock_guard lock(mutex_);
  if (misuse_.empty()) misuse_ = misuse;
}

bool Host::on_calling_thread() const { return this_thread() == thread_ && tasks_on_this_thread == 0; }

std::string Host::finish() {
  if (misuse_.empty())
    for (const Block &block : scratch_)
      if (!block.is_released) misuse_ = "it does not release its scratch memory";
  lent_->forbid();
  remember(lent_);
  return misuse_;
}

void Host::run(lf_task task, void *arg, int64_t index) {
  const uint64_t arguments[5] = {reinterpret_cast<uint64_t>(arg), static_cast<uint64_t>(index)};
  ++tasks_on_this_thread;
  const Called called = call_and_compare(reinterpret_cast<void (*)()>(task), arguments);
  --tasks_on_this_thread;
  if (!called.changed.empty() && options_.changed_by_task) {
    const std::lock_guard lock(mutex_);
    options_.changed_by_task(called.changed);
  }
}

void Host::run_wide(int64_t count, lf_task task, void *arg) {
  // All threads start before the first task runs, so that tasks spread over them.  A loop that has only one slot for
  // each of `threads` threads then runs out of slots.
  const auto workers = static_cast<int>(std::min<int64_t>(count, options_.threads + 3));
  std::atomic<int64_t> next{0};
  std::atomic<int> begun{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < workers; ++i)
    threads.emplace_back([&] {
      ++begun;
      while (begun < workers) std::this_thread::yield();
      for (int64_t index = next++; index < count; index = next++) run(task, arg, index);
    });
  for (std::thread &thread : threads) thread.join();
}

void Host::parallel_for(void *self, int64_t count, lf_task task, void *arg) {
  const Steps none(false);
  Host &host = of(self);
  if (!host.on_calling_thread()) host.note("it calls parallel_for from a task");
  if (count < 0 || (count > 0 && task == nullptr))
    return host.note("it calls parallel_for with a negative count, or without a task");
  switch (host.options_.order) {
  case Order::serial:
    for (int64_t i = 0; i < count; ++i) host.run(task, arg, i);
    return;
  case Order::reversed:
    for (int64_t i = count - 1; i >= 0; --i) host.run(task, arg, i);
    return;
  case Order::shuffled:
    for (const uint32_t i : permutation(static_cast<uint32_t>(count), Stream(5, Purpose::study, 1)))
      host.run(task, arg, i);
    return;
  case Order::wide: return host.run_wide(count, task, arg);
  case Order::nested:
    for (int64_t i = 0; i < count; ++i) {
      if (i == count / 2 && host.options_.other_call) host.options_.other_call();
      host.run(task, arg, i);
    }
    if (host.options_.other_call) host.options_.other_call();
  }
}

void *Host::acquire(void *self, uint64_t bytes) {
  const Steps none(false);
  Host &host = of(self);
  const std::lock_guard lock(host.mutex_);
  if (host.acquired_++ >= host.options_.acquisitions) return host.refused_scratch_ = true, nullptr;
  constexpr uint64_t most = uint64_t{1} << 32;
  if (bytes > most) return host.refused_scratch_ = true, nullptr;
  std::unique_ptr<Memory> memory;
  try {
    memory = std::make_unique<Memory>("its scratch memory", bytes, host.options_.scratch_side, 64);
  } catch (const std::bad_alloc &) {
    return host.refused_scratch_ = true, nullptr;
  }
  void *data = memory->data();
  std::memset(data, 0xFF, bytes); // NaN
  host.scratch_.push_back({std::move(memory), false});
  return data;
}

void Host::release(void *self, void *memory) {
  const Steps none(false);
  Host &host = of(self);
  if (memory == nullptr) return;
  const std::lock_guard lock(host.mutex_);
  for (Block &block : host.scratch_)
    if (block.memory->data() == memory && !block.is_released) {
      if (!block.memory->canaries_intact() && host.misuse_.empty())
        host.misuse_ = "it writes outside its scratch memory";
      block.is_released = true;
      return block.memory->forbid(); // until the end of the call, so that another access is noticed
    }
  if (host.misuse_.empty()) host.misuse_ = "it releases scratch memory that it has not acquired";
}

lf_status Host::fail(void *self, lf_status status, const char *message) {
  const Steps none(false);
  Host &host = of(self);
  if (!host.on_calling_thread()) host.note("it calls fail from a task");
  host.message_ = message == nullptr ? "" : message;
  return status;
}

void Host::log(void *, int32_t, const char *) {}

} // namespace lanefold::trainer::conform
