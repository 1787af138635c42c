// Runs Lanefold on an application's own threads.  The context gets a parallel_for and starts no thread itself.  The
// result has the same bits as that of the default executor.  Compile it against an installed Lanefold:
//   c++ -std=c++20 own_executor.cpp $(pkg-config --cflags --libs lanefold) -pthread
#include <lanefold/lanefold.hpp>

#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace {

// A small pool.  Its workers sleep until there is a job.  They and the calling thread then take its tasks one by one.
class Pool {
public:
  explicit Pool(int threads) {
    for (int i = 1; i < threads; ++i) workers_.emplace_back([this] { work(); });
  }
  ~Pool() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    for (std::thread &worker : workers_) worker.join();
  }
  int threads() const { return static_cast<int>(workers_.size()) + 1; }

  // Runs the tasks of one call of the library.  Several threads may call it at the same time.  The workers serve the latest
  // job, and each caller can finish its own job alone.
  void operator()(int64_t count, lanefold::Task task) { run(std::make_shared<Job>(count, task)); }

private:
  struct Job {
    Job(int64_t tasks, lanefold::Task run) : count(tasks), task(run), left(tasks) {}
    void take_all() {
      for (int64_t i = next++; i < count; i = next++) {
        task(i);
        if (--left == 0) left.notify_all();
      }
    }
    const int64_t count;
    const lanefold::Task task;
    std::atomic<int64_t> next{0}, left;
  };

  void run(const std::shared_ptr<Job> &job) {
    {
      const std::lock_guard lock(mutex_);
      job_ = job;
      ++generation_;
    }
    wake_.notify_all();
    job->take_all();
    for (int64_t left = job->left; left > 0; left = job->left) job->left.wait(left);
  }

  void work() {
    for (uint64_t seen = 0;;) {
      std::shared_ptr<Job> job; // shared, so that a worker that comes late still finds it, without tasks
      {
        std::unique_lock lock(mutex_);
        wake_.wait(lock, [&] { return stopping_ || generation_ != seen; });
        if (stopping_) return;
        seen = generation_;
        job = job_;
      }
      job->take_all();
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::shared_ptr<Job> job_;
  uint64_t generation_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> workers_; // the last member, because the workers use all others
};

std::vector<float> multiply(const lanefold::Context &context) {
  constexpr int64_t m = 200, n = 300, k = 784;
  std::vector<float> a(m * k), b(k * n), c(m * n);
  for (size_t i = 0; i < a.size(); ++i) a[i] = static_cast<float>(i % 17) / 3;
  for (size_t i = 0; i < b.size(); ++i) b[i] = static_cast<float>(i % 23) / 7 - 1;
  context.sgemm({a.data(), m, k}, {b.data(), k, n}, {c.data(), m, n});
  return c;
}

} // namespace

int main() try {
  Pool pool(2);
  const lf_executor executor = lanefold::make_executor(pool, pool.threads());
  auto options = lanefold::args<lf_context_options>();
  options.executor = &executor;

  const lanefold::Context own(options), usual;
  const std::vector<float> c = multiply(own), expected = multiply(usual);
  const bool same = std::memcmp(c.data(), expected.data(), c.size() * sizeof(float)) == 0;
  std::printf("%s on %d threads of the application: c[0] = %g, %s as with the default executor\n", own.isa().c_str(),
              own.threads(), c[0], same ? "the same bits" : "other bits");
  return same ? 0 : 1;
} catch (const lanefold::Error &error) {
  std::fprintf(stderr, "own_executor: %s\n", error.what());
  return 1;
}
