// lanefold demo: trains the reference network, folds batch normalization into the weights, checks that the predictions
// stay the same, and shows what batch normalization and ELU cost.
#include "cli/interrupt.hpp"
#include "trainer/checkpoint/checkpoint.hpp"
#include "trainer/commands/commands.hpp"
#include "trainer/commands/shared_options.hpp"
#include "trainer/network/inference.hpp"
#include "trainer/study/costs.hpp"
#include "trainer/training/progress.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <memory>

namespace lanefold::trainer {
namespace {

struct DemoOptions {
  ContextOptions context;
  std::string data, save = "lanefold-demo.safetensors";
  int64_t epochs = 20;
  float learning_rate = 0.1f;
};

constexpr double seconds_for_training = 40;

// Trains for o.epochs epochs, or for as many as fit into the time.  Returns false if the user interrupted it.
bool train_network(const DemoOptions &o, const Context &context, const Dataset &data, Network &network) {
  TrainOptions train_options;
  train_options.epochs = o.epochs;
  train_options.optimizer.learning_rate = o.learning_rate;
  Progress progress(o.epochs, stdout);
  const auto start = std::chrono::steady_clock::now();
  TrainWatch watch;
  watch.stop = cli::interrupted;
  watch.step = [&](const StepFigures &figures) { progress.step(figures); };
  watch.epoch = [&](const Epoch &e) {
    check_finite(e);
    progress.epoch(e);
    const double spent = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    const bool another_fits =
        spent / static_cast<double>(e.epoch) * static_cast<double>(e.epoch + 1) < seconds_for_training;
    if (!another_fits && e.epoch < o.epochs)
      std::printf("This CPU is slow, so training stops here after %lld of %lld epochs.\n",
                  static_cast<long long>(e.epoch), static_cast<long long>(o.epochs));
    return another_fits;
  };
  if (train(context, network, data, train_options, watch)) return true;
  progress.clear();
  return false;
}

// Compares the logits of all test images.  Returns true if folding changed no clear prediction.
bool prove_folding(const Context &context, Network &network, const Samples &images) {
  constexpr double tolerance = 1e-4;
  Network folded = fold(context, network);
  Inference before(context, network), after(context, folded);
  const int64_t n = network.outputs();
  Batch batch;
  double largest_difference = 0;
  int64_t changed = 0, changed_clear = 0;
  for (int64_t first = 0; first < images.count(); first += evaluation_rows) {
    const int64_t rows = std::min(evaluation_rows, images.count() - first);
    gather(context, images, nullptr, first, rows, batch);
    const float *a = before.outputs_of(batch.x.data(), rows), *b = after.outputs_of(batch.x.data(), rows);
    for (int64_t i = 0; i < rows; ++i, a += n, b += n) {
      for (int64_t j = 0; j < n; ++j) {
        // The condition is written so that a NaN is a difference.
        const double difference = std::fabs(static_cast<double>(a[j]) - b[j]);
        if (!(difference <= largest_difference)) largest_difference = difference;
      }
      if (largest(a, n) == largest(b, n)) continue;
      ++changed;
      const int64_t best = largest(a, n); // -1 if all are NaN
      float second = -std::numeric_limits<float>::infinity();
      for (int64_t j = 0; j < n; ++j)
        if (j != best && a[j] > second) second = a[j];
      changed_clear += best < 0 || !(a[best] - second <= tolerance);
    }
  }
  const bool good = largest_difference <= tolerance && changed_clear == 0;
  std::printf("\nFolded against unfolded, %lld test images: logits differ by at most %.1e, %lld predictions change\n"
              "(%lld of them where the two best logits are further than %.0e apart): %s\n",
              static_cast<long long>(images.count()), largest_difference, static_cast<long long>(changed),
              static_cast<long long>(changed_clear), tolerance, good ? "the same network" : "NOT THE SAME NETWORK");
  return good;
}

void print_costs(const Context &context, int64_t batch_size) {
  const std::vector<Costs> rows = measure_costs(
      context, batch_size,
      {{"dense", false, LF_IDENTITY}, {"+ELU", false, LF_ELU}, {"+BN", true, LF_IDENTITY}, {"+BN+ELU", true, LF_ELU}});
  std::printf("\nNanoseconds per sample, 784-300-100-10, batch %lld, %d threads; in brackets: relative to dense\n\n",
              static_cast<long long>(batch_size), context.threads());
  std::printf("           training forward               inference\n");
  std::printf("           unfused         fused          unfused         fused           folded\n");
  const Costs &dense = rows.front();
  for (const Costs &r : rows) {
    std::printf("%-8s", r.of.network.c_str());
    const auto cell = [](double seconds, double alone) {
      std::printf("  %6.0f (%4.2f)", 1e9 * seconds, seconds / alone);
    };
    cell(r.training_unfused, dense.training_unfused);
    cell(r.training_fused, dense.training_fused);
    std::printf(" ");
    cell(r.inference_unfused, dense.inference_unfused);
    cell(r.inference_fused, dense.inference_fused);
    cell(r.inference_folded, dense.inference_folded);
    std::printf("\n");
  }
}

int run_demo(const DemoOptions &o) {
  const Context context = make_context(o.context);
  check_writable(o.save);
  const Dataset data = load_images(o.data);
  const Description description = reference_network();
  if (data.train.features() != description.features)
    throw cli::UsageError(data.name + ": the demo's network takes images of 28 x 28");
  if (data.train.count() < 2) throw cli::UsageError(data.name + ": the demo needs at least two training images");
  std::printf(
      "CPU      %s\nplugin   %s, %d threads\ndata     %s: %lld images to train, %lld to test\n"
      "network  784-300-100-10, He initialization, batch normalization on all layers, ELU, SGD %g, batch 200\n\n",
      describe_cpu().c_str(), context.isa().c_str(), context.threads(), data.name.c_str(),
      static_cast<long long>(data.train.count()), static_cast<long long>(data.test.count()), o.learning_rate);
  std::fflush(stdout);
  Network network(description);
  initialize(network, 1);
  cli::watch_interrupts();
  if (!train_network(o, context, data, network)) return cli::interrupted_exit_code;
  save(o.save, network);
  std::printf("saved as %s\n", o.save.c_str());
  const bool same = prove_folding(context, network, data.test);
  print_costs(context, 200);
  return same ? 0 : 1;
}

} // namespace

cli::Command demo_command() {
  const auto o = std::make_shared<DemoOptions>();
  cli::Command command{.name = "demo",
                       .description = "Train a network, fold it, and show what batch normalization and ELU cost.",
                       .examples = "Examples:\n  lanefold demo\n  lanefold demo --data mnist --epochs 5",
                       .run = [o](const cli::Command &) { return run_demo(*o); }};
  command.options = {data_option(o->data),
                     {.names = "--epochs",
                      .value = "K",
                      .target = &o->epochs,
                      .range = cli::whole(1, 1000),
                      .help = "The largest number of epochs."},
                     {.names = "--learning-rate",
                      .value = "X",
                      .target = &o->learning_rate,
                      .range = cli::above(0, 1e6),
                      .help = "The step size."},
                     {.names = "--save",
                      .value = "FILE",
                      .target = &o->save,
                      .range = cli::not_empty(),
                      .help = "The checkpoint to write.",
                      .repeated = cli::Option::last}};
  add_context_options(command.options, o->context);
  return command;
}

} // namespace lanefold::trainer
