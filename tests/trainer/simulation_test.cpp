// Simulated ranks: times that can be written down, and the same messages as those of a training.
#include "support/matrix.hpp"
#include "trainer/distributed/divided_step.hpp"
#include "trainer/distributed/rehearsal.hpp"
#include "trainer/distributed/simulated_ranks.hpp"
#include "trainer/distributed/thread_ranks.hpp"
#include "trainer/network/initializer.hpp"

#include <cmath>
#include <mutex>

using namespace lanefold::trainer;

namespace {

const Cluster slow{2, 2.0, 100.0, 0.5, 0.25}; // 2 s, 100 bytes per second, and 0.5 s + 0.25 s for each byte of a CPU

double no_time(int, const StepTask &) { return 0; }

// The end of each rank.
std::vector<RankTime> times_of(const Cluster &cluster, const TaskSeconds &task_seconds,
                               const std::function<void(SimulatedRanks &)> &program) {
  std::vector<RankTime> times(static_cast<size_t>(cluster.ranks));
  simulate(cluster, task_seconds, [&](SimulatedRanks &ranks) {
    program(ranks);
    times[static_cast<size_t>(ranks.rank())] = ranks.time();
  });
  return times;
}

void send(SimulatedRanks &ranks, int to, size_t size) { ranks.wait(ranks.send(to, Channel::carry, nullptr, size)); }
void receive(SimulatedRanks &ranks, int from, size_t size) {
  ranks.wait(ranks.receive(from, Channel::carry, nullptr, size));
}

Network network_of(int64_t features, const std::vector<int64_t> &hidden, int64_t classes) {
  LayerDescription layer;
  layer.activation = LF_ELU;
  Network network(plain(features, hidden, classes, layer, "on"));
  initialize(network, 1);
  return network;
}

// What each rank sends for a step.
std::vector<uint64_t> sent_for_step(const Cluster &cluster, Network &network, int64_t batch_rows) {
  const lanefold::Context context = lanefold::test::context(1);
  std::vector<uint64_t> sent(static_cast<size_t>(cluster.ranks));
  simulate(cluster, no_time, [&](SimulatedRanks &ranks) {
    DividedStep step(context, network, {LF_SGD, 0}, batch_rows, {}, ranks, {});
    Batch batch;
    batch.rows = Division{batch_rows, ranks.count(), ranks.rank()}.mine().size();
    step.run(batch, batch_rows, false);
    sent[static_cast<size_t>(ranks.rank())] = ranks.sent_bytes();
  });
  return sent;
}

} // namespace

TEST_CASE("a simulated message takes the CPU of both sides, and its way") {
  const std::vector<RankTime> times = times_of(slow, no_time, [](SimulatedRanks &ranks) {
    if (ranks.is_first()) ranks.spend(7), send(ranks, 1, 40);
    else receive(ranks, 0, 40);
  });
  const double cpu = 0.5 + 0.25 * 40, way = 2 + 0.4;
  CHECK(times[0].seconds == doctest::Approx(7 + cpu + 0.4)); // until its memory is free
  CHECK(times[0].tasks == doctest::Approx(7));
  CHECK(times[1].seconds == doctest::Approx(7 + cpu + way + cpu));
  CHECK(times[1].waits[static_cast<size_t>(Channel::carry)] == doctest::Approx(7 + cpu + way));
  CHECK(times[1].messages == doctest::Approx(cpu));
}

TEST_CASE("simulated messages to one rank arrive one after the other, and those to others at the same time") {
  Cluster cluster{5, 1, 10, 0, 0};
  const std::vector<RankTime> together = times_of(cluster, no_time, [](SimulatedRanks &ranks) {
    if (!ranks.is_first()) return send(ranks, 0, 30);
    for (int from = 1; from < 5; ++from) receive(ranks, from, 30);
  });
  CHECK(together[0].seconds == doctest::Approx(1 + 4 * 3));
  const std::vector<RankTime> ring = times_of(cluster, no_time, [](SimulatedRanks &ranks) {
    const Ranks::Transfer transfer = ranks.receive((ranks.rank() + 4) % 5, Channel::carry, nullptr, 30);
    send(ranks, (ranks.rank() + 1) % 5, 30);
    ranks.wait(transfer);
  });
  for (const RankTime &time : ring) CHECK(time.seconds == doctest::Approx(1 + 3));
}

TEST_CASE("a simulated transfer is done once its message has arrived") {
  times_of(slow, no_time, [](SimulatedRanks &ranks) {
    if (ranks.is_first()) return send(ranks, 1, 0);
    const Ranks::Transfer transfer = ranks.receive(0, Channel::carry, nullptr, 0);
    ranks.sleep_until(2.4);
    CHECK_FALSE(ranks.is_done(transfer));
    ranks.sleep_until(2.6);
    CHECK(ranks.is_done(transfer));
  });
}

TEST_CASE("simulated ranks that wait for ever, fail or disagree end the simulation") {
  struct Left {
    int &count;
    ~Left() { ++count; }
  };
  int left = 0;
  const auto wait_for_each_other = [&](SimulatedRanks &ranks) {
    const Left here{left};
    receive(ranks, 1 - ranks.rank(), 8);
  };
  CHECK_THROWS_WITH_AS(simulate(slow, no_time, wait_for_each_other), "the simulated ranks wait for each other",
                       std::logic_error);
  CHECK(left == 2);
  CHECK_THROWS_WITH_AS(simulate(slow, no_time,
                                [](SimulatedRanks &ranks) {
                                  if (!ranks.is_first()) throw std::runtime_error("broken");
                                  receive(ranks, 1, 8);
                                }),
                       "broken", std::runtime_error);
  CHECK_THROWS_AS(simulate(slow, no_time,
                           [](SimulatedRanks &ranks) {
                             if (ranks.is_first()) send(ranks, 1, 9);
                             else receive(ranks, 0, 8);
                           }),
                  RankError);
}

// With messages that take no time, only the chains are left: a rank begins a panel when it has ended the one before, and
// when the rank before it has ended this one.
TEST_CASE("the chains of a divided step take the time of a pipeline") {
  Network network = network_of(784, {300, 100}, 10);
  const int64_t batch_rows = 512;
  const lanefold::Context context = lanefold::test::context(1);
  const auto seconds = [](int, const StepTask &task) {
    return task.kind == StepTask::dw ? static_cast<double>(task.size) : 0.0;
  };
  for (const int count : {2, 3, 8, 32}) {
    CAPTURE(count);
    const auto rows_of = [&](int rank) { return Division{batch_rows, count, rank}.mine().size(); };
    const std::vector<RankTime> times = times_of({count, 0, 1e30, 0, 0}, seconds, [&](SimulatedRanks &ranks) {
      DividedStep step(context, network, {LF_SGD, 0}, batch_rows, {}, ranks, {});
      Batch batch;
      batch.rows = rows_of(ranks.rank());
      step.run(batch, batch_rows, false);
    });
    std::vector<double> ends(static_cast<size_t>(count)); // of the last panel, on each rank
    const int64_t unit = unit_of_panels({batch_rows, count, 0}, network, {});
    for (size_t i = network.layers.size(); i-- > 0;) {
      const auto &layer = network.layers[i];
      const int64_t rows = rows_of_panel(layer.inputs, layer.outputs, unit);
      for (int64_t first = 0; first < layer.inputs; first += rows)
        for (int rank = 0; rank < count; ++rank) {
          const auto r = static_cast<size_t>(rank);
          const auto size = static_cast<double>(std::min(rows, layer.inputs - first) * rows_of(rank));
          ends[r] = std::max(ends[r], rank > 0 ? ends[r - 1] : 0) + size;
        }
    }
    for (const RankTime &time : times) // all wait for the last
      CHECK(std::abs(time.seconds - ends.back()) < 1e-9 * ends.back());
  }
}

TEST_CASE("a simulation always has the same result") {
  Network network = network_of(25, {60, 9}, 10);
  const lanefold::Context context = lanefold::test::context(1);
  const auto run = [&] {
    return times_of(
        {7, 2e-6, 1e9, 1e-7, 1e-10},
        [](int rank, const StepTask &task) { return 1e-9 * static_cast<double>(task.size * (rank + 1)); },
        [&](SimulatedRanks &ranks) {
          DividedStep step(context, network, {LF_SGD, 0}, 700, {}, ranks, {});
          Batch batch;
          batch.rows = 100;
          step.run(batch, 700, false);
        });
  };
  const std::vector<RankTime> first = run(), second = run();
  for (size_t rank = 0; rank < first.size(); ++rank) {
    CHECK(first[rank].seconds > 0);
    CHECK(first[rank].seconds == second[rank].seconds);
    CHECK(first[rank].waits == second[rank].waits);
  }
}

TEST_CASE("a simulated step sends what a real one sends") {
  Network network = network_of(25, {60, 9}, 10);
  for (const int count : {2, 3, 7})
    for (const int64_t batch_rows : {37, 600}) {
      CAPTURE(count);
      CAPTURE(batch_rows);
      std::vector<uint64_t> sent(static_cast<size_t>(count));
      run_on_threads(count, [&](Ranks &ranks) {
        const lanefold::Context context = lanefold::test::context(1);
        Network own = network_of(25, {60, 9}, 10);
        DividedStep step(context, own, {LF_SGD, 0.1f}, batch_rows, {}, ranks, {});
        Batch batch;
        batch.rows = Division{batch_rows, count, ranks.rank()}.mine().size();
        batch.x.assign(static_cast<size_t>(25 * batch.rows), 0.5f);
        batch.labels.assign(static_cast<size_t>(batch.rows), 3);
        step.run(batch, batch_rows, false);
        sent[static_cast<size_t>(ranks.rank())] = ranks.sent_bytes();
      });
      Cluster cluster{count, 1e-6, 1e9, 1e-7, 0};
      CHECK(sent_for_step(cluster, network, batch_rows) == sent);
    }
}

TEST_CASE("many ranks send as much for a step as a ring") {
  Network network = network_of(784, {300, 100}, 10);
  const double ring = 2.0 * 4 * (784 * 300 + 300 * 100 + 100 * 10);
  for (const int count : {16, 64, 256}) {
    CAPTURE(count);
    const std::vector<uint64_t> sent = sent_for_step({count, 1e-6, 1e9, 1e-7, 0}, network, 65536);
    for (const uint64_t bytes : sent)
      CHECK(static_cast<double>(bytes) < 1.1 * ring + 4 * 9 * 410 * 8); // and statistics
  }
}

TEST_CASE("a rehearsal times each task of a rank") {
  const Network network = network_of(25, {60}, 10);
  const lanefold::Context context = lanefold::test::context(1);
  for (const int rank : {0, 1, 2}) {
    CAPTURE(rank);
    TaskCosts costs = rehearse(context, network, {900, 3, rank}, {}, 3);
    for (const StepTask::Kind kind : {StepTask::product, StepTask::moments, StepTask::normalize, StepTask::sums,
                                      StepTask::norm_gradient, StepTask::dw, StepTask::update})
      for (const size_t layer : {0, 1}) {
        CAPTURE(kind);
        const double seconds = costs.seconds({kind, layer, 300});
        CHECK(seconds > 0);
        CHECK(seconds < 1);
        CHECK(costs.seconds({kind, layer, 600}) == 2 * seconds);
      }
    CHECK(costs.of({StepTask::dx, 1, 0}) > 0);
    CHECK(costs.of({StepTask::dx, 0, 0}) == 0); // nobody needs it
  }
  CHECK(seconds_of_step(context, network, 300, 3) > 0);
}

TEST_CASE("all ranks measure the same link") {
  for (const int count : {2, 3}) {
    std::mutex mutex;
    std::vector<Link> links;
    run_on_threads(count, [&](Ranks &ranks) {
      const Link link = measure_link(ranks);
      const std::lock_guard lock(mutex);
      links.push_back(link);
    });
    for (const Link &link : links) {
      CHECK(link.latency > 0);
      CHECK(link.latency == links[0].latency);
      CHECK(link.bandwidth > 0);
      CHECK(std::isfinite(link.bandwidth));
      CHECK(link.bandwidth == links[0].bandwidth);
      CHECK(link.overhead <= link.latency / 2);
    }
  }
}
