// Trainings on many ranks, which here are threads: the bits of one process, whatever is divided.
#include "cli/words.hpp"
#include "support/images.hpp"
#include "support/matrix.hpp"
#include "support/random.hpp"
#include "trainer/checkpoint/checkpoint.hpp"
#include "trainer/distributed/division.hpp"
#include "trainer/distributed/thread_ranks.hpp"
#include "trainer/training/training.hpp"

#include <atomic>
#include <mutex>

using namespace lanefold::test;
using namespace lanefold::trainer;
using lanefold::Context;

namespace {

Dataset images(int64_t count = 330) {
  Dataset data;
  data.name = "small", data.schema.classes = numbered_classes(10);
  data.train = make_images(count, 5, 41);
  data.test = make_images(50, 5, 42);
  return data;
}

struct Ending {
  std::string parameters;
  std::vector<double> figures; // of each step and epoch
  std::map<std::string, std::vector<float>> optimizer_state;
  uint64_t sent_bytes = 0;
  friend bool operator==(const Ending &a, const Ending &b) {
    return a.parameters == b.parameters && a.figures == b.figures && a.optimizer_state == b.optimizer_state;
  }
};

TrainWatch noting(Ending &ending) {
  TrainWatch watch;
  watch.step = [&](const StepFigures &f) {
    ending.figures.push_back(static_cast<double>(f.loss));
    ending.figures.push_back(static_cast<double>(f.correct));
  };
  watch.epoch = [&](const Epoch &e) {
    ending.figures.insert(ending.figures.end(), {e.loss, e.train_accuracy, e.test_loss, e.test_accuracy, e.test_r2});
    return true;
  };
  return watch;
}

// The ending of each rank.
std::vector<Ending> endings(int ranks, const Dataset &data, const Description &description, const TrainOptions &options,
                            int threads = 1, const DivisionOptions &division = {DividedBy::rows, {}}) {
  std::vector<Ending> all(static_cast<size_t>(ranks));
  const auto body = [&](Ranks &on) {
    const Context context = lanefold::test::context(threads);
    Network network(description);
    initialize(network, 7);
    Ending &ending = all[static_cast<size_t>(on.rank())];
    TrainingState state;
    state.options = options;
    Training training(context, network, data, state, on, division);
    CHECK(training.run(noting(ending)));
    ending.parameters = sha256(network), ending.optimizer_state = training.state().optimizer_state;
    ending.sent_bytes = on.sent_bytes();
  };
  if (ranks == 1) body(alone());
  else run_on_threads(ranks, body);
  return all;
}

TrainOptions options_of(int32_t optimizer, int64_t batch_size) {
  TrainOptions options;
  options.epochs = 2, options.batch_size = batch_size, options.seed = 7;
  options.optimizer.kind = optimizer;
  options.optimizer.learning_rate = optimizer == LF_ADAM ? 0.003f : 0.03f;
  options.optimizer.weight_decay = optimizer == LF_MOMENTUM ? 0.1f : 0.0f;
  return options;
}

void check_ranks(std::initializer_list<int> counts, const Dataset &data, const Description &description,
                 const TrainOptions &options) {
  const Ending one = endings(1, data, description, options).front();
  // Links on which statistics are carried (if there are as many blocks as ranks) and gathered.
  const Link carries{0, 1e9, 0}, gathers{1e-6, 1e30, 0};
  for (const int count : counts)
    for (const DivisionOptions &division :
         {DivisionOptions{DividedBy::rows, carries}, DivisionOptions{DividedBy::rows, gathers},
          DivisionOptions{DividedBy::columns, gathers}}) {
      CAPTURE(count);
      CAPTURE((division.by == DividedBy::rows));
      CAPTURE(division.link->latency);
      for (const Ending &ending : endings(count, data, description, options, 1, division)) CHECK(ending == one);
    }
}

} // namespace

TEST_CASE("every optimizer and batch size gives the bits of one process, on any number of ranks") {
  const Dataset data = images();
  const Description description = plain(25, {60, 9}, 10, {}, "hidden");
  for (const int32_t optimizer : {LF_SGD, LF_MOMENTUM, LF_NESTEROV, LF_ADAM})
    for (const int64_t batch_size : {50, 37, 300, 330}) {
      CAPTURE(optimizer);
      CAPTURE(batch_size);
      check_ranks({2, 3, 7}, data, description, options_of(optimizer, batch_size));
    }
}

TEST_CASE("batches of several blocks, and fewer rows than ranks in the last batch") {
  const Dataset data = images(1100);
  const Description description = plain(25, {30}, 10, {}, "hidden");
  for (const int64_t batch_size : {1100, 700, 549, 1097, 513, 257, 256, 255}) {
    CAPTURE(batch_size);
    check_ranks({2, 3, 4, 5, 8}, data, description, options_of(LF_MOMENTUM, batch_size));
  }
}

TEST_CASE("every activation, with and without batch normalization, dropout and class weights") {
  const Dataset data = images();
  for (int32_t activation = 0; activation < LF_ACTIVATION_COUNT; ++activation)
    for (const char *batch_norm : {"on", "off"}) {
      LayerDescription layer;
      layer.activation = activation;
      TrainOptions options = options_of(LF_NESTEROV, 100);
      options.epochs = 1;
      if (activation % 2 == 0) options.dropout = 0.3f;
      if (activation % 3 == 0) options.class_weights = "balanced";
      CAPTURE(activation);
      CAPTURE(batch_norm);
      check_ranks({2, 3}, data, plain(25, {20, 12}, 10, layer, batch_norm), options);
    }
}

TEST_CASE("ranks of several threads, and on different instruction sets") {
  const Dataset data = images();
  const Description description = plain(25, {60, 9}, 10, {}, "on");
  const TrainOptions options = options_of(LF_ADAM, 150);
  const Ending one = endings(1, data, description, options).front();
  for (const Ending &ending : endings(3, data, description, options, 2)) CHECK(ending == one);
  std::vector<std::string> hashes(2);
  run_on_threads(2, [&](Ranks &ranks) {
    auto how = lanefold::args<lf_context_options>();
    how.isa = ranks.is_first() ? "portable" : nullptr, how.threads = 1;
    const Context context(how);
    Network network(description);
    initialize(network, 7);
    TrainingState state;
    state.options = options;
    CHECK(Training(context, network, data, state, ranks).run({}));
    hashes[static_cast<size_t>(ranks.rank())] = sha256(network);
  });
  for (const std::string &hash : hashes) CHECK(hash == one.parameters);
}

TEST_CASE("a training that stops on some ranks resumes on others, bit for bit") {
  const Dataset data = images();
  const Description description = plain(25, {30}, 10, {}, "on");
  TrainingState first;
  first.options = options_of(LF_MOMENTUM, 64);
  const std::string expected = endings(1, data, description, first.options).front().parameters;
  const TemporaryFolder folder;
  const std::string path = folder / "m.safetensors";
  {
    Network network(description);
    initialize(network, 7);
    const Context context = lanefold::test::context();
    const TrainingState state = Training(context, network, data, first).state();
    save(path, network, &state);
  }
  std::string hash;
  for (const int count : {2, 1, 5, 3, 2, 1, 4, 2, 2, 2, 2, 2}) {
    std::atomic<bool> is_done = false;
    const auto body = [&](Ranks &ranks) {
      const Context context = lanefold::test::context();
      Checkpoint checkpoint = read_checkpoint(path);
      Training training(context, checkpoint.network, data, *checkpoint.training, ranks);
      int steps = 0;
      TrainWatch watch;
      // One rank asks, and all stop after the same step.
      watch.stop = [&] { return ranks.rank() == ranks.count() - 1 && ++steps == 1; };
      const bool is_complete = training.run(watch);
      gather(ranks, ""); // nobody reads the file any more
      if (!ranks.is_first()) return;
      const TrainingState state = training.state();
      save(path, checkpoint.network, &state);
      is_done = is_complete, hash = sha256(checkpoint.network);
    };
    if (count == 1) body(alone());
    else run_on_threads(count, body);
    if (is_done) break;
  }
  CHECK(hash == expected);
}

TEST_CASE("a regression on ranks") {
  Dataset data;
  data.name = "plane";
  Random random(5);
  for (Samples *samples : {&data.train, &data.test}) {
    const int64_t rows = samples == &data.train ? 700 : 60;
    GrowingFloats values;
    values.resize(static_cast<size_t>(rows * 4));
    samples->rows = 1, samples->columns = 4, samples->outputs = 2;
    for (int64_t i = 0; i < rows * 4; ++i) values[static_cast<size_t>(i)] = random.uniform(-1, 1);
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < 2; ++j)
        samples->targets.push_back(values[static_cast<size_t>(4 * i + j)] - values[static_cast<size_t>(4 * i + 2)]);
    samples->numbers = std::make_shared<StoredRows>(std::move(values), rows, 4);
  }
  data.schema.task = Task::regression;
  data.schema.targets = {{"a", 4, 0, 1}, {"b", 5, 0, 1}};
  data.schema.loss = {LF_HUBER_ERROR, 0.5f};
  check_ranks({2, 3, 5}, data, plain(4, {16}, 2, {}, "hidden"), options_of(LF_ADAM, 300));
}

TEST_CASE("the bytes that ranks send for a step are those of a ring, within a tenth") {
  Dataset data = images();
  data.train = make_images(500, 28, 43), data.test = make_images(2, 28, 44);
  const Description description = plain(784, {300, 100}, 10, {}, "on");
  Network network(description);
  size_t parameters = 0;
  network.visit([&](const std::string &name, const std::vector<int64_t> &, std::vector<float> &values) {
    if (name.ends_with(".w")) parameters += values.size();
  });
  for (const int count : {2, 3, 4, 7, 8}) {
    TrainOptions options = options_of(LF_SGD, 250);
    std::vector<uint64_t> sent[2];
    for (const int64_t epochs : {1, 2}) { // what else is sent cancels
      options.epochs = epochs;
      for (const Ending &ending : endings(count, data, description, options))
        sent[epochs - 1].push_back(ending.sent_bytes);
    }
    const double ring = 2.0 * 4 * static_cast<double>(parameters) * (count - 1) / count;
    double all = 0;
    for (size_t rank = 0; rank < sent[0].size(); ++rank) {
      const double bytes = static_cast<double>(sent[1][rank] - sent[0][rank]) / 2; // two steps, and an evaluation
      CAPTURE(count);
      CAPTURE(rank);
      CHECK(bytes < 1.1 * ring);
      all += bytes;
    }
    CHECK(all > ring * count); // each weight has travelled
  }
}

TEST_CASE("a rank that differs ends the training on all ranks, and is named") {
  const Dataset data = images();
  const Description description = plain(25, {30}, 10, {}, "on");
  std::mutex mutex;
  std::vector<std::string> messages;
  const auto train_with_fault = [&](int count, int faulty) {
    run_on_threads(count, [&](Ranks &ranks) {
      const Context context = lanefold::test::context();
      Network network(description);
      initialize(network, 7);
      TrainingState state;
      state.options = options_of(LF_SGD, 100);
      Training training(context, network, data, state, ranks, {DividedBy::rows, {}});
      TrainWatch watch;
      watch.step = [&](const StepFigures &f) { // as a broken core would
        if (ranks.rank() == faulty && f.step == f.steps) network.layers[0].w[3] += 1e-3f;
      };
      try {
        training.run(watch);
      } catch (const std::runtime_error &error) {
        const std::lock_guard lock(mutex);
        messages.emplace_back(error.what());
      }
    });
  };
  train_with_fault(2, 1);
  CHECK(messages == std::vector<std::string>(2, "the ranks do not have the same parameters"));
  messages.clear();
  train_with_fault(3, 1);
  CHECK(messages == std::vector<std::string>(3, "rank 1 has other parameters than most ranks"));
}

TEST_CASE("ranks that divide columns compare the weights that two of them have") {
  const Dataset data = images();
  const Description description = plain(25, {30}, 10, {}, "on");
  // The broken rank has other weights into all units of the second layer.
  const auto train_with_fault = [&](int count, int broken, float fault) {
    run_on_threads(count, [&](Ranks &ranks) {
      const Context context = lanefold::test::context();
      Network network(description);
      initialize(network, 7);
      if (ranks.rank() == broken)
        for (float &w : network.layers[1].w) w += fault;
      TrainingState state;
      state.options = options_of(LF_SGD, 100);
      Training(context, network, data, state, ranks, {DividedBy::columns, {}}).run({});
    });
  };
  CHECK_NOTHROW(train_with_fault(3, 2, 0));
  CHECK_THROWS_WITH_AS(train_with_fault(2, 1, 1e-3f), "rank 0 and rank 1 have different parameters",
                       std::runtime_error);
  for (const int broken : {0, 1, 2})
    CHECK_THROWS_WITH_AS(train_with_fault(3, broken, 1e-3f),
                         ("rank " + std::to_string(broken) + " has other parameters than the other ranks").c_str(),
                         std::runtime_error);
}

TEST_CASE("columns are not divided where ranks would send many more bytes") {
  const Network narrow(plain(784, {30, 30}, 10, {}, "on"));
  const Link slow_link{2e-6, 12.5e9, 5e-7};
  const StepCosts costs = step_costs({1000, 2, 0}, narrow, slow_link);
  CHECK(costs.columns < costs.rows);
  CHECK(costs.columns_send_much());
  CHECK(costs.cheaper() == DividedBy::rows);
  CHECK(explain({1000, 2, 0}, DividedBy::rows, narrow, slow_link).find("but they send more") != std::string::npos);
}

TEST_CASE("columns are divided where that is cheaper, for small batches, and the choice is explained") {
  Network network(plain(784, {300, 100}, 10, {}, "on"));
  const Link link{1e-6, 1e10, 5e-7};
  for (const auto &[ranks, panels] :
       {std::pair(2, "21 panels"), std::pair(4, "30 panels"), std::pair(8, "57 panels")}) {
    const Division small{200, ranks, 0}, large{20'000, ranks, 0};
    CHECK(step_costs(small, network, link).cheaper() == DividedBy::columns);
    CHECK(step_costs(large, network, link).cheaper() == DividedBy::rows);
    CHECK(explain(small, DividedBy::columns, network, link).find("columns of each layer are divided") !=
          std::string::npos);
    const std::string text = explain(large, DividedBy::rows, network, link);
    CHECK(text.find("gradients are carried in " + std::string(panels)) != std::string::npos);
  }
}

TEST_CASE("panels are smaller where more ranks wait for the first of them") {
  const Network narrow(plain(784, {300, 100}, 10, {}, "on")), wide(plain(2048, {2048, 2048}, 2048, {}, "on"));
  const auto unit = [](const Network &network, int ranks) {
    return unit_of_panels({65536, ranks, 0}, network, Link{3e-6, 12.5e9, 5e-7});
  };
  CHECK(unit(narrow, 2) == 48);
  CHECK(unit(narrow, 4) == 32);
  CHECK(unit(narrow, 64) == 16);
  CHECK(unit(wide, 8) == 48);
  CHECK(unit(wide, 256) == 16);
  // A message that takes a CPU much longer than a product is worth a large panel.
  CHECK(unit_of_panels({64, 64, 0}, narrow, Link{2e-3, 12.5e9, 1e-3}) == 48);
  CHECK(rows_of_panel(784, 300, 48) == 48);
  CHECK(rows_of_panel(784, 300, 16) == 16);
  CHECK(rows_of_panel(300, 100, 48) == 144);
  CHECK(rows_of_panel(7, 2048, 48) == 7);
}

TEST_CASE("ranks that divide columns send the outputs and their gradients, and no weights") {
  Dataset data = images();
  data.train = make_images(400, 5, 43), data.test = make_images(2, 5, 44);
  const Description description = plain(25, {60, 30}, 10, {}, "on");
  for (const int count : {2, 3, 7}) {
    TrainOptions options = options_of(LF_SGD, 200);
    uint64_t sent[2] = {};
    for (const int64_t epochs : {1, 2}) {
      options.epochs = epochs;
      for (const Ending &ending : endings(count, data, description, options, 1, {DividedBy::columns, {}}))
        sent[epochs - 1] += ending.sent_bytes;
    }
    // Each of two steps sends all outputs, and the gradients above the first layer, to all other ranks; and a flag.  The
    // parameters and statistics are sent after the epoch, and the evaluation sends a little.
    const uint64_t steps = 2 * 4 * 200 * (100 + 40) * static_cast<uint64_t>(count - 1),
                   parameters = 4 * (25 * 60 + 60 * 30 + 30 * 10 + 6 * 100) * static_cast<uint64_t>(count - 1);
    CAPTURE(count);
    CHECK(sent[1] - sent[0] >= steps + parameters);
    CHECK(sent[1] - sent[0] < steps + parameters + 1000 * static_cast<uint64_t>(count * count));
  }
}

TEST_CASE("a rank that fails ends the others") {
  const auto fail = [](int count, int failing) {
    run_on_threads(count, [&](Ranks &ranks) {
      if (ranks.rank() == failing) throw std::runtime_error("no memory");
      int value = 0;
      ranks.wait(ranks.receive(failing, Channel::carry, &value, sizeof value));
    });
  };
  CHECK_THROWS_WITH_AS(fail(4, 2), "no memory", std::runtime_error);
}

TEST_CASE("shares differ by at most one, and each row has one rank") {
  for (const int64_t rows : {1, 2, 5, 37, 200, 1000})
    for (const int ranks : {1, 2, 3, 7, 64}) {
      int64_t next = 0;
      for (int rank = 0; rank < ranks; ++rank) {
        const Division division{rows, ranks, rank};
        const Share mine = division.mine();
        CHECK(mine.begin == next);
        CHECK((mine.size() == rows / ranks || mine.size() == rows / ranks + 1));
        CHECK((mine.size() > 0) == (rank <= division.last()));
        for (int64_t row = mine.begin; row < mine.end; ++row) CHECK(division.rank_of(row) == rank);
        next = mine.end;
      }
      CHECK(next == rows);
    }
}

TEST_CASE("broadcast and gather reach all ranks") {
  for (const int count : {2, 3, 4, 5, 8, 13})
    run_on_threads(count, [&](Ranks &ranks) {
      for (int from = 0; from < count; ++from) {
        int64_t value = ranks.rank() == from ? 1000 + from : -1;
        broadcast(ranks, from, &value, sizeof value);
        CHECK(value == 1000 + from);
      }
      const std::vector<std::string> all = gather(ranks, std::string(static_cast<size_t>(ranks.rank()), 'x'));
      for (int rank = 0; rank < count; ++rank)
        CHECK(all[static_cast<size_t>(rank)].size() == static_cast<size_t>(rank));
      CHECK(any_of(ranks, ranks.rank() == count - 1));
      CHECK_FALSE(any_of(ranks, false));
    });
}
