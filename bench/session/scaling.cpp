// The library splits its work for the number of threads of the context.  A plugin (bench/plugins/recorder) runs the tasks one by
// one and reports the time of each.
#include "scaling.hpp"
#include "ranks.hpp"

#include "../cases/reference_network.hpp"
#include "../timing/clock.hpp"
#include "../timing/limits.hpp"
#include "../timing/machine.hpp"
#include "../timing/statistics.hpp"
#include "cli/interrupt.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>
#include <optional>
#include <queue>
#include <sstream>

namespace lanefold::bench {
namespace {

constexpr int simulated_cores[] = {1, 2, 4, 8, 16, 32, 64, 128};
constexpr int max_repetitions = 15, min_repetitions = 3;
constexpr double budget_seconds = 0.15; // for the repetitions of one operation

int repetitions_of(double seconds) {
  return std::clamp(static_cast<int>(budget_seconds / seconds), min_repetitions, max_repetitions);
}

// A context for some number of threads.  Its tasks run one after the other, and it keeps their times.
class Recorder {
public:
  explicit Recorder(const std::string &isa, int threads) {
    auto executor = args<lf_executor>();
    executor.threads = threads;
    executor.parallel_for = [](void *, int64_t, lf_task task, void *arg) { task(arg, 0); }; // never called
    const std::string name = "recorder-" + isa, folder = module_folder("plugins/recorder");
    auto options = args<lf_context_options>();
    options.isa = name.c_str(), options.plugin_path = folder.c_str(), options.executor = &executor;
    options.log = add_line, options.log_self = this;
    context_ = std::make_unique<const Context>(options);
  }
  Recorder(const Recorder &) = delete;
  const Context &context() const { return *context_; }
  TaskTimes take() { return std::exchange(times_, {}); }

private:
  static void add_line(void *self, int32_t, const char *message) {
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

// An operation that can run on any context.
struct Workload {
  std::string name;
  double bytes;
  std::function<std::function<void()>(const Context &)> make;
};

double sum(const Phase &phase) { return std::accumulate(phase.begin(), phase.end(), 0.0); }

double median(std::vector<double> values) { return median_of(std::move(values)).value; }

// The median time of each task over several calls.
TaskTimes task_times(const Workload &workload, const std::string &isa, int threads) {
  Recorder recorder(isa, threads);
  const std::function<void()> run = workload.make(recorder.context());
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
  TaskTimes times{all[0], median(serial), workload.bytes};
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

double measured(const Workload &workload, const std::string &isa, int threads) {
  const auto context = make_context(isa, threads);
  return time_of(workload.make(*context));
}

std::string brief(const Shape &s) {
  return std::to_string(s.m) + "x" + std::to_string(s.n) + "x" + std::to_string(s.k);
}

Workload elu(int64_t n) {
  return {"elu", 8 * static_cast<double>(n), [=](const Context &context) {
            const auto x = std::make_shared<Floats>(random_floats(n, 1)), y = std::make_shared<Floats>(*x);
            auto call = args<lf_activation_forward_args>();
            call.m = 1, call.n = n, call.activation = LF_ELU, call.alpha = 1;
            call.x = x->data(), call.ldx = n, call.y = y->data(), call.ldy = n;
            return [x, y, call, &context] { context.activation_forward(call); };
          }};
}

Workload product_workload(const Shape &s) {
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

Workload step_workload() {
  return {"step, batch 200, BN + ELU", 2 * network_bytes, [](const Context &context) {
            const auto network = std::make_shared<ReferenceNetwork>(context, Kind{true, LF_ELU});
            return [=] { network->step(); };
          }};
}

Workload layer_workload(const Shape &s) {
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

// The cost of waking a second thread.  It comes from ELU on arrays just long enough for two tasks; that operation is not
// simulated afterwards.
double wake_time(const std::string &isa) {
  for (int64_t n = 4096; n < 1 << 24; n *= 2) {
    const TaskTimes times = task_times(elu(n), isa, 2);
    if (times.phases.size() != 1 || times.phases[0].size() < 2) continue;
    const MachineModel ideal{0, 1, 1, 1, 1e18};
    TaskTimes still = times;
    still.bytes = 0;
    return std::max(0.0, measured(elu(n), isa, 2) - simulate(still, ideal, 2).seconds);
  }
  return 0;
}

Json point_json(const Point &p, double one) {
  return {{"cores", p.cores},       {"seconds", p.seconds},     {"speedup", one / p.seconds},
          {"work", p.work},         {"imbalance", p.imbalance}, {"overhead", p.overhead},
          {"transfer", p.transfer}, {"serial", p.serial},       {"bandwidth", p.bandwidth}};
}

Json simulate_workload(const Workload &workload, const std::string &isa, const MachineModel &machine, int threads) {
  Json all = {{"name", workload.name}, {"points", Json::array()}, {"measured", Json::array()}};
  double one = 0;
  for (const int n : simulated_cores) {
    const TaskTimes times = task_times(workload, isa, n);
    const Point point = simulate(times, machine, n);
    if (n == 1) one = point.seconds;
    Json json = point_json(point, one);
    size_t most = 0;
    for (const Phase &phase : times.phases) most = std::max(most, phase.size());
    json["phases"] = times.phases.size(), json["tasks"] = most;
    all["points"].push_back(json);
  }
  for (int n = 1; n <= std::min(threads, 2); ++n) {
    const double seconds = measured(workload, isa, n);
    const double simulated = all["points"][static_cast<size_t>(n - 1)]["seconds"];
    all["measured"].push_back({{"threads", n}, {"seconds", seconds}, {"simulated_over_measured", simulated / seconds}});
  }
  return all;
}

std::vector<std::string> assumptions(const MachineModel &machine, int threads) {
  const auto with = [](const char *format, auto... values) {
    char text[200];
    std::snprintf(text, sizeof text, format, values...);
    return std::string(text);
  };
  constexpr double giga = 1e9, mebibyte = 1 << 20;
  return {
      "The library makes the tasks for that number of cores; each takes as long as it took alone on one core.",
      "The check of arguments, about 0.1 us per call, is left out.",
      "A free core takes the next task in order, and a phase ends with its last task.",
      threads > 1 ? with("A phase takes %.1f us longer for each doubling of its cores, as measured on two cores with "
                         "awake workers.",
                         1e6 * machine.wake_seconds)
                  : "This process may use only one CPU, so the time to wake other cores is unknown and left out.",
      with("On n cores, (n-1)/n of the operands come from the cache of another core at %.0f GB/s instead of %.0f GB/s.",
           machine.l3_bandwidth / giga, machine.l2_bandwidth / giga),
      with(
          "Operands beyond %.0f MB come from memory at %.0f GB/s for all cores together, 4 times what one core copies.",
          machine.shared_cache / mebibyte, machine.memory_bandwidth / giga),
      "The frequency is that of one busy core, and there is no NUMA.",
  };
}

Json scaling(const std::string &isa, int threads) {
  pin_to(threads);
  const double memory = 4 * copy_rate(isa, levels()[3].bytes);
  const MachineModel machine{threads > 1 ? wake_time(isa) : 0, copy_rate(isa, levels()[1].bytes),
                             copy_rate(isa, levels()[2].bytes), memory, 32e6};
  Json all = {{"isa", isa}, {"assumptions", assumptions(machine, threads)}, {"operations", Json::array()}};
  for (const Workload &workload :
       {step_workload(), product_workload({200, 300, 784}), product_workload({1024, 1024, 1024}),
        layer_workload({200, 300, 784}), layer_workload({4096, 300, 784})})
    all["operations"].push_back(simulate_workload(workload, isa, machine, threads));
  return all;
}

} // namespace

Point simulate(const TaskTimes &times, const MachineModel &machine, int cores) {
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
    point.overhead += machine.wake_seconds * std::ceil(std::log2(static_cast<double>(busy)));
  }
  const double shared = (cores - 1.0) / cores;
  point.transfer = shared * times.bytes / cores * std::max(0.0, 1 / machine.l3_bandwidth - 1 / machine.l2_bandwidth);
  point.seconds = point.work + point.imbalance + point.overhead + point.transfer + point.serial;
  if (times.bytes > machine.shared_cache)
    point.bandwidth = std::max(0.0, times.bytes / machine.memory_bandwidth - point.seconds);
  point.seconds += point.bandwidth;
  return point;
}

Json simulate_in_process(const Options &options) {
  const std::string isa = options.isas.front();
  const int threads = std::min(2, cores());
  Json result = Json::object();
  run_in_process(
      "scaling", [&](const Emit &emit) { emit(scaling(isa, threads)); }, [&](const Json &json) { result = json; });
  return result;
}

void print_scaling(const Json &scaling) {
  std::printf("Simulated scaling, %s\n", scaling["isa"].get<std::string>().c_str());
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
      std::printf("measured on %d threads: %.1f us; simulated / measured: %.2f\n", m["threads"].get<int>(),
                  1e6 * m["seconds"].get<double>(), m["simulated_over_measured"].get<double>());
  }
}

cli::Command scaling_command() {
  const auto isa = std::make_shared<std::optional<std::string>>();
  const auto of_ranks = std::make_shared<bool>(false);
  return {.name = "scaling",
          .description = "Simulate the library's division of work on 1 to 128 cores, or a training on up to 256 ranks.",
          .options = {{.names = "--isa",
                       .value = "NAME",
                       .target = isa.get(),
                       .help = "The instruction set.",
                       .fallback = "the best one"},
                      {.names = "--ranks",
                       .target = of_ranks.get(),
                       .help = "Simulate a training on ranks.  Under `mpirun -n 2`, the messages are measured."}},
          .run = [isa, of_ranks](const cli::Command &) {
            Options options;
            if (*isa) check_isa(**isa);
            options.isas = {*isa ? **isa : best_isa()};
            if (*of_ranks) return print_scaling_of_ranks(options.isas.front()), 0;
            cli::watch_interrupts();
            const Json all = simulate_in_process(options);
            if (cli::interrupted()) return cli::interrupted_exit_code;
            if (!all.contains("operations"))
              throw std::runtime_error("scaling: " + (all.contains("reason") ? all["reason"].get<std::string>()
                                                                             : "the process returned nothing"));
            print_scaling(all);
            return 0;
          }};
}

} // namespace lanefold::bench
