// A training is rehearsed: one rank does its tasks without the others.  Then the ranks of a simulated cluster run the same
// code, and their tasks take the rehearsed times.
#include "ranks.hpp"

#include "../cases/cases.hpp"

#include "trainer/distributed/divided_step.hpp"
#include "trainer/distributed/job.hpp"
#include "trainer/distributed/rehearsal.hpp"
#include "trainer/distributed/simulated_ranks.hpp"
#include "trainer/network/initializer.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <memory>

namespace lanefold::bench {
namespace {

using namespace lanefold::trainer;

// The network that is assumed: 100 Gbit/s and 2 us.
constexpr double network_latency = 2e-6, network_bandwidth = 12.5e9;

// What one model costs on this machine.
class Rehearsals {
public:
  Rehearsals(const Context &context, const RankedModel &model)
      : context_(context), model_(model), network_(model.description) {
    initialize(network_, 1);
    for (const DenseLayer &layer : network_.layers) parameters_ += layer.inputs * layer.outputs;
  }

  const RankedModel &model() const { return model_; }
  Network &network() { return network_; }
  const Context &context() const { return context_; }

  // Each rank's tasks.  The first, a middle and the last one are rehearsed.
  TaskSeconds seconds(int64_t batch_rows, int ranks, const Link &link) {
    const int64_t rows = std::min((batch_rows + ranks - 1) / ranks, model_.most_rows);
    // Among as few ranks as have the same panels, only larger pieces of the results differ.
    const auto unit = [&](int count) { return unit_of_panels({rows * count, count, 0}, network_, link); };
    int like = std::min(ranks, 3);
    while (like < ranks && (parameters_ / ranks < 8192 || unit(like) != unit(ranks))) ++like;
    const auto costs = [&](int rank) -> const TaskCosts & {
      const auto key = std::make_tuple(rows, like, rank);
      const auto at = costs_.find(key);
      if (at != costs_.end()) return at->second;
      return costs_.emplace(key, rehearse(context_, network_, {rows * like, like, rank}, link, repetitions(rows)))
          .first->second;
    };
    const TaskCosts &first = costs(0), &middle = costs(like / 2), &last = costs(like - 1);
    return [&first, &middle, &last, ranks](int rank, const StepTask &task) {
      return (rank == 0 ? first : rank == ranks - 1 ? last : middle).seconds(task);
    };
  }

  // A step of one process.  If there are more rows than are rehearsed, it lies on the line through two rehearsals.
  double seconds_of_one(int64_t rows) {
    const auto timed = [&](int64_t count) {
      double &seconds = steps_[count];
      if (seconds == 0) seconds = seconds_of_step(context_, network_, count, repetitions(count));
      return seconds;
    };
    if (rows <= model_.most_rows) return timed(rows);
    const double half = timed(model_.most_rows / 2), whole = timed(model_.most_rows);
    return whole + (whole - half) * (static_cast<double>(rows) / (static_cast<double>(model_.most_rows) / 2) - 2);
  }

  // As many as take a fifth of a second, but at least 3, or 1 if a step takes a second or more.
  int repetitions(int64_t rows) const {
    const double seconds = 3 * static_cast<double>(parameters_) * static_cast<double>(rows) / 5e10;
    return std::clamp(static_cast<int>(0.2 / seconds), seconds < 1 ? 3 : 1, 31);
  }

private:
  const Context &context_;
  const RankedModel &model_;
  Network network_;
  int64_t parameters_ = 0;                                   // weights
  std::map<std::tuple<int64_t, int, int>, TaskCosts> costs_; // by rows, ranks and rank
  std::map<int64_t, double> steps_;                          // of one process
};

struct StepTime {
  double seconds = 0, tasks = 0, statistics = 0, filling = 0, results = 0; // the parts are means over ranks
};

// The second step, because ranks do not begin it together.
StepTime simulated_step(Rehearsals &rehearsals, int64_t batch_rows, const Cluster &cluster, const Link &link) {
  const TaskSeconds seconds = rehearsals.seconds(batch_rows, cluster.ranks, link);
  std::vector<RankTime> before(static_cast<size_t>(cluster.ranks)), after(before);
  simulate(cluster, seconds, [&](SimulatedRanks &ranks) {
    const Division division{batch_rows, ranks.count(), ranks.rank()};
    DividedStep step(rehearsals.context(), rehearsals.network(), {LF_SGD, 0}, batch_rows, {}, ranks, link);
    Batch batch;
    batch.rows = division.mine().size();
    step.run(batch, batch_rows, false);
    before[static_cast<size_t>(ranks.rank())] = ranks.time();
    step.run(batch, batch_rows, false);
    after[static_cast<size_t>(ranks.rank())] = ranks.time();
  });
  StepTime time;
  double begin = 0, end = 0;
  for (size_t rank = 0; rank < after.size(); ++rank) {
    const auto of = [&](Channel channel) {
      const auto i = static_cast<size_t>(channel);
      return (after[rank].waits[i] - before[rank].waits[i]) / cluster.ranks;
    };
    begin = std::max(begin, before[rank].seconds), end = std::max(end, after[rank].seconds);
    time.tasks += (after[rank].tasks - before[rank].tasks) / cluster.ranks;
    time.statistics += of(Channel::statistics) + of(Channel::control);
    time.filling += of(Channel::carry), time.results += of(Channel::result);
  }
  time.seconds = end - begin;
  return time;
}

// Sums floats on all ranks: 2 (N - 1) messages of 1/N of them go around the ring.
void ring_all_reduce(SimulatedRanks &ranks, double bytes) {
  const int n = ranks.count(), rank = ranks.rank();
  for (int i = 0; i < 2 * (n - 1); ++i) {
    const auto size = static_cast<size_t>(std::ceil(bytes / n));
    const Ranks::Transfer receive = ranks.receive((rank + n - 1) % n, Channel::result, nullptr, size);
    ranks.wait(ranks.send((rank + 1) % n, Channel::result, nullptr, size));
    ranks.wait(receive);
  }
}

// Sums a few floats: in log2(N) rounds, ranks exchange what they have.  The number of ranks is a power of 2.
void exchange_sums(SimulatedRanks &ranks, double bytes) {
  for (int distance = 1; distance < ranks.count(); distance *= 2) {
    const int other = ranks.rank() ^ distance;
    const Ranks::Transfer receive = ranks.receive(other, Channel::statistics, nullptr, static_cast<size_t>(bytes));
    ranks.wait(ranks.send(other, Channel::statistics, nullptr, static_cast<size_t>(bytes)));
    ranks.wait(receive);
  }
}

// Horovod sums what is ready, which here is a layer.  DDP sums buckets of 25 MiB, but first one of 1 MiB.
struct Ring {
  double first_bucket, bucket; // bytes
  bool synchronizes;           // BN
};
constexpr Ring horovod{0, 0, false}, ddp{1 << 20, 25 << 20, true};

// A step by a ring: each rank computes a step of its own rows, and buckets of gradients are summed while the backward pass
// goes on.  A rank has another core for these messages.  If BN is synchronized, its sums are exchanged in both passes.
double ring_step(Rehearsals &rehearsals, int64_t batch_rows, const Cluster &cluster, const Ring &ring) {
  const Network &network = rehearsals.network();
  const double compute = rehearsals.seconds_of_one(std::max<int64_t>(2, batch_rows / cluster.ranks));
  double parameters = 0;
  for (const DenseLayer &layer : network.layers) parameters += static_cast<double>(layer.inputs * layer.outputs);
  // The time of the passes by their multiply-adds: one third is forward.
  const auto share = [&](const DenseLayer &layer) {
    return static_cast<double>(layer.inputs * layer.outputs) / parameters;
  };
  struct Bucket {
    double ready, bytes;
  };
  std::vector<Bucket> buckets;
  double end = 0;
  simulate(cluster, {}, [&](SimulatedRanks &ranks) {
    for (const DenseLayer &layer : network.layers) {
      ranks.spend(compute / 3 * share(layer));
      if (ring.synchronizes) exchange_sums(ranks, 8 * static_cast<double>(layer.outputs) + 4);
    }
    double bytes = 0;
    for (size_t i = network.layers.size(); i-- > 0;) {
      const DenseLayer &layer = network.layers[i];
      if (ring.synchronizes) exchange_sums(ranks, 8 * static_cast<double>(layer.outputs));
      ranks.spend(2 * compute / 3 * share(layer));
      bytes += 4 * static_cast<double>(layer.inputs * layer.outputs + 3 * layer.outputs);
      if (!ranks.is_first() || (bytes < (buckets.empty() ? ring.first_bucket : ring.bucket) && i > 0)) continue;
      buckets.push_back({ranks.time().seconds, bytes});
      bytes = 0;
    }
    end = std::max(end, ranks.time().seconds);
  });
  simulate(cluster, {}, [&](SimulatedRanks &ranks) {
    for (const Bucket &bucket : buckets) {
      ranks.sleep_until(bucket.ready);
      ring_all_reduce(ranks, bucket.bytes);
    }
    end = std::max(end, ranks.time().seconds);
  });
  return end;
}

// A step on the assumed network, whose messages take a CPU as long as on this machine.  So do their copies, but not those of
// a ring, which has another core.
void simulate_batch(Rehearsals &rehearsals, int64_t batch_rows, int most_ranks, const Link &here, const Emit &emit) {
  const double overhead = here.overhead;
  const double one = rehearsals.seconds_of_one(batch_rows);
  for (int ranks = 1; ranks <= most_ranks; ranks *= 2) {
    Json point = {{"model", rehearsals.model().name}, {"batch", batch_rows}, {"ranks", ranks},
                  {"rows", batch_rows / ranks},       {"seconds", one},      {"efficiency", 1}};
    if (ranks > 1) {
      const Cluster cluster{ranks, network_latency, network_bandwidth, overhead, 0.5 / here.bandwidth},
          of_ring{ranks, network_latency, network_bandwidth, overhead, 0};
      const Link link{network_latency + 2 * overhead, network_bandwidth, overhead};
      const StepTime time = simulated_step(rehearsals, batch_rows, cluster, link);
      point.update({{"seconds", time.seconds},
                    {"efficiency", one / time.seconds / ranks},
                    {"tasks", time.tasks},
                    {"statistics", time.statistics},
                    {"chain", time.filling},
                    {"results", time.results},
                    {"horovod", ring_step(rehearsals, batch_rows, of_ring, horovod)},
                    {"ddp", ring_step(rehearsals, batch_rows, of_ring, ddp)}});
    }
    emit(point);
  }
}

// Compares the simulation of one rank, and of two if there are two, with steps that are measured before and after the
// rehearsal.
void check(Rehearsals &rehearsals, int64_t batch_rows, const Link &link, const Emit &emit) {
  Ranks &ranks = job();
  const auto compare = [&](int count, const auto &measure, const auto &simulate) {
    const double before = measure(), simulated = simulate(), measured = (before + measure()) / 2;
    if (ranks.is_first())
      emit({{"measured", rehearsals.model().name},
            {"batch", batch_rows},
            {"ranks", count},
            {"simulated_seconds", simulated},
            {"seconds", measured}});
  };
  const auto measure = [&](Ranks &on) {
    return seconds_of_step(rehearsals.context(), rehearsals.network(), batch_rows,
                           rehearsals.repetitions(batch_rows / on.count()), on, link);
  };
  compare(
      1, [&] { return measure(alone()); }, [&] { return simulated_step(rehearsals, batch_rows, {}, link).seconds; });
  if (ranks.count() != 2) return;
  // On one host, the CPUs copy all bytes.
  const Cluster cluster{2, std::max(0.0, link.latency - 2 * link.overhead), 1e15, link.overhead, 0.5 / link.bandwidth};
  compare(
      2, [&] { return measure(ranks); }, [&] { return simulated_step(rehearsals, batch_rows, cluster, link).seconds; });
}

void print(const Json &event) {
  const auto milliseconds = [&](const char *name) { return 1e3 * event[name].get<double>(); };
  const auto number = [&](const char *name) { return event[name].get<long long>(); };
  if (event.contains("messages")) {
    const Json &m = event["messages"];
    if (m.is_null()) std::printf("messages are not measured: mpirun -n 2 lanefold bench scaling --ranks does so\n");
    else
      std::printf("measured: latency %.2f us, of which the sender's CPU is busy for %.2f us; bandwidth "
                  "%.2f GB/s\n",
                  1e6 * m["latency"].get<double>(), 1e6 * m["overhead"].get<double>(),
                  1e-9 * m["bandwidth"].get<double>());
    std::printf("assumed: %.0f Gbit/s and %.0f us\n", 8e-9 * network_bandwidth, 1e6 * network_latency);
  } else if (event.contains("measured")) {
    const std::string what = event["measured"].get<std::string>() + ", batch " + std::to_string(number("batch"));
    std::printf("%-31s %lld rank%s simulated %8.2f ms, measured %8.2f ms: %+.1f%%\n", what.c_str(), number("ranks"),
                number("ranks") == 1 ? ": " : "s:", milliseconds("simulated_seconds"), milliseconds("seconds"),
                100 * (milliseconds("simulated_seconds") / milliseconds("seconds") - 1));
  } else {
    if (number("ranks") == 1)
      std::printf("\n%s, batch %lld: ms of a step on the assumed network\n"
                  "                    effi-   mean wait for                    Horovod   equal  DDP with   equal\n"
                  "ranks   rows     step  ciency  statistics    chain  results      ring    bits   sync BN    bits\n",
                  event["model"].get<std::string>().c_str(), number("batch"));
    std::printf("%5lld %6lld %8.2f %6.0f%%", number("ranks"), number("rows"), milliseconds("seconds"),
                100 * event["efficiency"].get<double>());
    if (event.contains("chain"))
      std::printf(" %10.2f %8.2f%s %8.2f %9.2f %+6.0f%% %9.2f %+6.0f%%", milliseconds("statistics"),
                  milliseconds("chain"), milliseconds("chain") > milliseconds("tasks") ? "*" : " ",
                  milliseconds("results"), milliseconds("horovod"),
                  100 * (milliseconds("seconds") / milliseconds("horovod") - 1), milliseconds("ddp"),
                  100 * (milliseconds("seconds") / milliseconds("ddp") - 1));
    std::printf("\n");
  }
  std::fflush(stdout);
}

} // namespace

std::vector<RankedModel> ranked_models() {
  LayerDescription layer;
  layer.activation = LF_ELU;
  return {{"784-300-100-10", plain(784, {300, 100}, 10, layer, "on"), {8192, 65536}, 65536, {2000, 8192, 65536}},
          {"4 layers of 2048", plain(2048, {2048, 2048, 2048}, 2048, layer, "on"), {8192, 65536}, 4096, {8192}}};
}

void simulate_ranks(const std::string &isa, const std::vector<RankedModel> &models, int most_ranks, const Emit &emit) {
  const auto context = make_context(isa, 1);
  Ranks &ranks = job();
  const bool is_measured = ranks.count() > 1;
  const Link link = is_measured ? measure_link(ranks) : Link();
  if (ranks.is_first())
    emit({{"messages",
           is_measured ? Json({{"latency", link.latency}, {"overhead", link.overhead}, {"bandwidth", link.bandwidth}})
                       : Json()}});
  std::vector<std::unique_ptr<Rehearsals>> rehearsals;
  for (const RankedModel &model : models) {
    rehearsals.push_back(std::make_unique<Rehearsals>(*context, model));
    for (const int64_t batch_rows : model.measured) check(*rehearsals.back(), batch_rows, link, emit);
  }
  // The others wait for each line, so that none is taken for one that hangs.
  bool goes_on = true;
  const auto emit_to_all = [&](const Json &point) {
    emit(point);
    if (ranks.count() > 1) broadcast(ranks, 0, &goes_on, sizeof goes_on);
  };
  if (ranks.is_first()) {
    for (const auto &one : rehearsals)
      for (const int64_t batch_rows : one->model().batches)
        simulate_batch(*one, batch_rows, most_ranks, link, emit_to_all);
    goes_on = false;
    if (ranks.count() > 1) broadcast(ranks, 0, &goes_on, sizeof goes_on);
  } else
    while (goes_on) broadcast(ranks, 0, &goes_on, sizeof goes_on);
}

void print_scaling_of_ranks(const std::string &isa) {
  simulate_ranks(isa, ranked_models(), 256, print);
  if (job().is_first()) std::printf("* filling the chain takes longer than the tasks\n");
}

} // namespace lanefold::bench
