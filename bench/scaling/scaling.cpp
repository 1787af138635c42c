// The library cuts its work for as many threads as its context has; a plugin (recorder.cpp) runs those tasks one by
// one, and tells what each took.
#include "scaling.hpp"

#include "../limits.hpp"
#include "../method/clock.hpp"
#include "../network.hpp"
#include "cli/interrupt.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>
#include <optional>
#include <queue>
#include <sstream>

namespace lanefold::bench {
namespace {

constexpr int paper_cores[] = {1, 2, 4, 8, 16, 32, 64, 128};
constexpr int most_repetitions = 15, least_repetitions = 3;
constexpr double patience = 0.15; // seconds for the repetitions of one thing

int repetitions_of(double seconds) {
  return std::clamp(static_cast<int>(patience / seconds), least_repetitions, most_repetitions);
}

// A context for so many threads whose tasks run one after the other, and what they took.
class Recorder {
public:
  explicit Recorder(const std::string &isa, int threads) {
    auto executor = args<lf_executor>();
    executor.threads = threads;
    executor.parallel_for = [](void *, int64_t, lf_task task, void *arg) { task(arg, 0); }; // never asked
    const std::string name = "recorder-" + isa, folder = module_folder("scaling");
    auto options = args<lf_context_options>();
    options.isa = name.c_str(), options.plugin_path = folder.c_str(), options.executor = &executor;
    options.log = note, options.log_self = this;
    context_ = std::make_unique<const Context>(options);
  }
  Recorder(const Recorder &) = delete;
  const Context &context() const { return *context_; }
  TaskTimes take() { return std::exchange(times_, {}); }

private:
  static void note(void *self, int32_t, const char *message) {
    std::istringstream words(message);
    std::string word;
    if (!(words >> word) || word != "op") return;
    TaskTimes &times = static_cast<Recorder *>(self)->times_;
    double nanoseconds = 0;
    words >> nanoseconds;
    times.serial += nanoseconds * 1e-9;
    while (words >> word) {
      if (word == "phase") {
        times.phases.emplace_back();
        continue;
      }
      const double seconds = std::stod(word) * 1e-9;
      times.phases.back().push_back(seconds);
      times.serial -= seconds;
    }
  }

  TaskTimes times_;
  std::unique_ptr<const Context> context_;
};

// Something to run on any context.
struct Job {
  std::string name;
  double bytes;
  std::function<std::function<void()>(const Context &)> make;
};

double sum(const Phase &phase) { return std::accumulate(phase.begin(), phase.end(), 0.0); }

double median(std::vector<double> values) { return median_of(std::move(values)).value; }

// Of each task the median of several runs.
TaskTimes tasks_of(const Job &job, const std::string &isa, int threads) {
  Recorder recorder(isa, threads);
  const std::function<void()> run = job.make(recorder.context());
  run();
  recorder.take();
  const Clock::time_point begin = Clock::now();
  run();
  const int repetitions = repetitions_of(seconds_since(begin));
  recorder.take();
  std::vector<std::vector<Phase>> all;
  std::vector<double> serial;
  for (int i = 0; i < repetitions; ++i) {
    run();
    TaskTimes times = recorder.take();
    all.push_back(std::move(times.phases));
    serial.push_back(times.serial);
  }
  TaskTimes times{all[0], median(serial), job.bytes};
  for (size_t p = 0; p < times.phases.size(); ++p)
    for (size_t t = 0; t < times.phases[p].size(); ++t) {
      std::vector<double> values;
      for (const auto &phases : all) values.push_back(phases.at(p).at(t));
      times.phases[p][t] = median(values);
    }
  return times;
}

double time_of(const std::function<void()> &run) {
  run();
  const Clock::time_point first = Clock::now();
  run();
  const int repetitions = 3 * repetitions_of(seconds_since(first));
  std::vector<double> times;
  for (int i = 0; i < repetitions; ++i) {
    const Clock::time_point begin = Clock::now();
    run();
    times.push_back(seconds_since(begin));
  }
  return median(times);
}

double measured(const Job &job, const std::string &isa, int threads) {
  const auto context = make_context(isa, threads);
  return time_of(job.make(*context));
}

Job elu(int64_t n) {
  return {"elu", 8 * static_cast<double>(n), [=](const Context &context) {
            const auto x = std::make_shared<Floats>(random_floats(n, 1)), y = std::make_shared<Floats>(*x);
            auto call = args<lf_activation_forward_args>();
            call.m = 1, call.n = n, call.activation = LF_ELU, call.alpha = 1;
            call.x = x->data(), call.ldx = n, call.y = y->data(), call.ldy = n;
            return [x, y, call, &context] { context.activation_forward(call); };
          }};
}

Job product_job(const Shape &s) {
  const double bytes = 4 * static_cast<double>(s.m * s.k + s.k * s.n + s.m * s.n);
  return {"gemm " + brief(s), bytes, [=](const Context &context) {
            const auto a = std::make_shared<Floats>(random_floats(s.m * s.k, 1));
            const auto b = std::make_shared<Floats>(random_floats(s.k * s.n, 2));
            const auto c = std::make_shared<Floats>(static_cast<size_t>(s.m * s.n));
            auto call = args<lf_sgemm_args>();
            call.m = s.m, call.n = s.n, call.k = s.k, call.alpha = 1;
            call.a = a->data(), call.lda = s.k, call.b = b->data(), call.ldb = s.n, call.c = c->data(), call.ldc = s.n;
            return [a, b, c, call, &context] { context.sgemm(call); };
          }};
}

// Parameters, activations and gradients of 784-300-100-10 at batch 200.
constexpr double network_bytes = 4.0 * (266'200 + 200 * (784 + 3 * 410));

Job step_job() {
  return {"step, batch 200, BN + ELU", 2 * network_bytes, [](const Context &context) {
            const auto network = std::make_shared<Network>(context, Kind{true, LF_ELU});
            return [=] { network->step(); };
          }};
}

Job layer_job(const Shape &s) {
  return {"dense + BN + ELU " + brief(s), 4 * static_cast<double>(s.m * s.k + s.k * s.n + 2 * s.m * s.n),
          [=](const Context &context) {
            struct Layer {
              Floats x, w, z, y, ones, zeros, mean, inv_std, running_mean, running_var;
              lf_batch_norm norm = args<lf_batch_norm>();
            };
            const auto l = std::make_shared<Layer>();
            l->x = random_floats(s.m * s.k, 1), l->w = random_floats(s.k * s.n, 2);
            l->z.resize(static_cast<size_t>(s.m * s.n)), l->y = l->z;
            l->ones.assign(static_cast<size_t>(s.n), 1), l->zeros.assign(l->ones.size(), 0);
            l->mean = l->inv_std = l->running_mean = l->running_var = l->ones;
            l->norm.eps = 1e-3f, l->norm.momentum = 0.9f, l->norm.gamma = l->ones.data(),
            l->norm.beta = l->zeros.data();
            l->norm.mean = l->mean.data(), l->norm.inv_std = l->inv_std.data();
            l->norm.running_mean = l->running_mean.data(), l->norm.running_var = l->running_var.data();
            auto call = args<lf_dense_forward_args>();
            call.flags = LF_TRAINING, call.m = s.m, call.n = s.n, call.k = s.k, call.activation = LF_ELU,
            call.alpha = 1;
            call.x = l->x.data(), call.ldx = s.k, call.w = l->w.data(), call.ldw = s.n, call.batch_norm = &l->norm;
            call.z = l->z.data(), call.ldz = s.n, call.y = l->y.data(), call.ldy = s.n;
            return [l, call, &context] { context.dense_forward(call); };
          }};
}

double copy_rate(const std::string &isa, int64_t bytes) {
  const int64_t half = bytes / 8 / 128 * 128;
  Floats data(static_cast<size_t>(2 * half), 1.0f);
  const MemoryLoops loops = memory_loops(isa);
  return 8 * static_cast<double>(half) / time_of([&] { loops.copy(data.data(), data.data() + half, half); });
}

// What a second thread costs, from an operation that is not simulated afterwards: ELU on arrays just long enough to be
// cut in two.
double wake_time(const std::string &isa) {
  for (int64_t n = 4096; n < 1 << 24; n *= 2) {
    const TaskTimes times = tasks_of(elu(n), isa, 2);
    if (times.phases.size() != 1 || times.phases[0].size() < 2) continue;
    const Costs nothing{0, 1, 1, 1, 1e18};
    TaskTimes still = times;
    still.bytes = 0;
    return std::max(0.0, measured(elu(n), isa, 2) - simulate(still, nothing, 2).seconds);
  }
  return 0;
}

Json point_json(const Point &p, double one) {
  return {{"cores", p.cores},       {"seconds", p.seconds},     {"speedup", one / p.seconds},
          {"work", p.work},         {"imbalance", p.imbalance}, {"overhead", p.overhead},
          {"transfer", p.transfer}, {"serial", p.serial},       {"bandwidth", p.bandwidth}};
}

Json simulate_job(const Job &job, const std::string &isa, const Costs &costs, int threads) {
  Json all = {{"name", job.name}, {"points", Json::array()}, {"measured", Json::array()}};
  double one = 0;
  for (const int n : paper_cores) {
    const TaskTimes times = tasks_of(job, isa, n);
    const Point point = simulate(times, costs, n);
    if (n == 1) one = point.seconds;
    Json json = point_json(point, one);
    size_t most = 0;
    for (const Phase &phase : times.phases) most = std::max(most, phase.size());
    json["phases"] = times.phases.size(), json["tasks"] = most;
    all["points"].push_back(json);
  }
  for (int n = 1; n <= std::min(threads, 2); ++n) {
    const double seconds = measured(job, isa, n);
    const double paper = all["points"][static_cast<size_t>(n - 1)]["seconds"];
    all["measured"].push_back({{"threads", n}, {"seconds", seconds}, {"paper_over_measured", paper / seconds}});
  }
  return all;
}

std::vector<std::string> assumptions(const Costs &c, int threads) {
  char text[8][200];
  int n = 0;
  const auto add = [&](const char *format, auto... values) {
    std::snprintf(text[n++], sizeof text[0], format, values...);
  };
  add("tasks are cut by the library for that many cores; each takes what it took alone on one core of this machine");
  add("checks of arguments, about 0.1 us a call, are left out");
  add("free cores take tasks in their order; a phase ends with its last task");
  if (threads > 1)
    add("a phase takes %.1f us longer for each doubling of its cores: measured on two, workers awake", 1e6 * c.wake);
  else add("this process may use one CPU only: what waking others costs is not known and is left out");
  add("on n cores (n-1)/n of the operands lie with another core: %.0f GB/s and core instead of %.0f, both measured",
      c.far * 1e-9, c.near * 1e-9);
  add("operands beyond %.0f MB come from memory at %.0f GB/s, which all cores share: 4 times what one core copies",
      c.shared_cache / 1048576.0, c.memory * 1e-9);
  add("frequency is that of one busy core; no NUMA");
  return {text, text + n};
}

Json scaling(const std::string &isa, int threads) {
  pin_to(threads);
  const double memory = 4 * copy_rate(isa, levels()[3].bytes);
  const Costs costs{threads > 1 ? wake_time(isa) : 0, copy_rate(isa, levels()[1].bytes),
                    copy_rate(isa, levels()[2].bytes), memory, 32e6};
  Json all = {{"isa", isa}, {"assumptions", assumptions(costs, threads)}, {"operations", Json::array()}};
  for (const Job &job : {step_job(), product_job({200, 300, 784}), product_job({1024, 1024, 1024}),
                         layer_job({200, 300, 784}), layer_job({4096, 300, 784})})
    all["operations"].push_back(simulate_job(job, isa, costs, threads));
  return all;
}

} // namespace

Point simulate(const TaskTimes &times, const Costs &costs, int cores) {
  Point point{cores, 0, 0, 0, 0, 0, times.serial, 0};
  for (const Phase &phase : times.phases) {
    const auto busy =
        static_cast<size_t>(std::max<int64_t>(1, std::min<int64_t>(cores, static_cast<int64_t>(phase.size()))));
    std::priority_queue<double, std::vector<double>, std::greater<>> free;
    for (size_t i = 0; i < busy; ++i) free.push(0);
    double end = 0;
    for (const double task : phase) {
      const double done = free.top() + task;
      free.pop(), free.push(done);
      end = std::max(end, done);
    }
    point.work += sum(phase) / cores;
    point.imbalance += end - sum(phase) / cores;
    point.overhead += costs.wake * std::ceil(std::log2(static_cast<double>(busy)));
  }
  const double shared = (cores - 1.0) / cores;
  point.transfer = shared * times.bytes / cores * std::max(0.0, 1 / costs.far - 1 / costs.near);
  point.seconds = point.work + point.imbalance + point.overhead + point.transfer + point.serial;
  if (times.bytes > costs.shared_cache) point.bandwidth = std::max(0.0, times.bytes / costs.memory - point.seconds);
  point.seconds += point.bandwidth;
  return point;
}

Json scaling_apart(const Options &options) {
  const std::string isa = options.isas.front();
  const int threads = std::min(2, cores());
  Json result = Json::object();
  in_child(
      "scaling", [&](const Emit &emit) { emit(scaling(isa, threads)); }, [&](const Json &json) { result = json; });
  return result;
}

void print_scaling(const Json &scaling) {
  std::printf("Scaling on paper, %s\n", scaling["isa"].get<std::string>().c_str());
  for (const Json &line : scaling["assumptions"]) std::printf("- %s\n", line.get<std::string>().c_str());
  for (const Json &operation : scaling["operations"]) {
    std::printf("\n%s\n%5s %8s %10s %8s %8s %10s %10s %10s %8s\n", operation["name"].get<std::string>().c_str(),
                "cores", "us", "speed-up", "phases", "tasks", "imbalance", "overhead", "transfer", "serial");
    for (const Json &p : operation["points"])
      std::printf("%5d %8.1f %10.2f %8d %8d %10.1f %10.1f %10.1f %8.1f\n", p["cores"].get<int>(),
                  1e6 * p["seconds"].get<double>(), p["speedup"].get<double>(), p["phases"].get<int>(),
                  p["tasks"].get<int>(), 1e6 * p["imbalance"].get<double>(), 1e6 * p["overhead"].get<double>(),
                  1e6 * p["transfer"].get<double>(), 1e6 * p["serial"].get<double>());
    for (const Json &m : operation["measured"])
      std::printf("measured with %d: %.1f us, on paper %.2f times that\n", m["threads"].get<int>(),
                  1e6 * m["seconds"].get<double>(), m["paper_over_measured"].get<double>());
  }
}

void add_scaling(CLI::App &app, std::function<int()> &verb) {
  const auto isa = std::make_shared<std::optional<std::string>>();
  CLI::App *scaling_verb =
      app.add_subcommand("scaling", "on paper: the library's own cuts of the work on 1 to 128 cores");
  scaling_verb->add_option("--isa", *isa, "an instruction set (without: the best)");
  scaling_verb->callback([&verb, isa] {
    verb = [isa] {
      Options options;
      if (*isa) check_isa(**isa);
      options.isas = {*isa ? **isa : best_isa()};
      cli::watch_interrupts();
      const Json all = scaling_apart(options);
      if (cli::interrupted()) return cli::interrupted_exit_code;
      if (!all.contains("operations"))
        throw std::runtime_error("scaling: " + (all.contains("why") ? all["why"].get<std::string>() : "nothing came"));
      print_scaling(all);
      return 0;
    };
  });
}

} // namespace lanefold::bench
