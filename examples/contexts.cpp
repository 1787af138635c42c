// Several contexts in several threads.  Each thread has a context of its own, with its own plugin and its own limit on
// threads, and no context affects another.  All of them compute the same bits.
// Compile it against an installed Lanefold: c++ -std=c++17 contexts.cpp $(pkg-config --cflags --libs lanefold) -pthread
#include <lanefold/lanefold.hpp>

#include <cstdio>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

namespace {

constexpr int64_t m = 200, n = 300, k = 784;

std::vector<float> numbers(int64_t count, int divisor) {
  std::vector<float> values;
  for (int64_t i = 0; i < count; ++i) values.push_back(static_cast<float>(i % 251 - 125) / static_cast<float>(divisor));
  return values;
}

struct Job {
  std::string isa;
  int32_t threads;
  std::vector<float> y = std::vector<float>(m * n);
  std::string said = ""; // what the context says of itself, or the message of its error
};

// A dense layer with ELU.  An exception must not leave a thread, so errors are returned here.
void run(Job &job, const std::vector<float> &x, const lanefold::DenseLayer &layer) {
  auto options = lanefold::args<lf_context_options>();
  options.isa = job.isa.c_str(), options.threads = job.threads;
  const lanefold::Result<lanefold::NothrowContext> context = lanefold::NothrowContext::create(options);
  if (!context) return void(job.said = context.message());
  for (int repeat = 0; repeat < 10; ++repeat)
    if (const auto done = context->dense_forward({x.data(), m, k}, layer, {job.y.data(), m, n}); !done)
      return void(job.said = done.message());
  job.said = context->isa() + " with at most " + std::to_string(context->threads()) + " threads";
}

} // namespace

int main() try {
  const std::vector<float> x = numbers(m * k, 100);
  lanefold::DenseLayer layer(k, n, {LF_ELU, 1});
  layer.w = numbers(k * n, 1000);

  std::vector<Job> jobs;
  for (const std::string &isa : lanefold::usable_plugins())
    for (const int32_t threads : {1, 2}) jobs.push_back({isa, threads});
  std::vector<std::thread> running;
  for (Job &job : jobs) running.emplace_back([&] { run(job, x, layer); });
  for (std::thread &thread : running) thread.join();

  bool right = true;
  for (const Job &job : jobs) {
    const bool same = std::memcmp(job.y.data(), jobs[0].y.data(), job.y.size() * sizeof(float)) == 0;
    right = right && same && job.y[0] != 0;
    std::printf("%s: %s\n", job.said.c_str(), same ? "the same bits" : "other bits");
  }
  return right ? 0 : 1;
} catch (const lanefold::Error &error) {
  std::fprintf(stderr, "contexts: %s\n", error.what());
  return 1;
}
