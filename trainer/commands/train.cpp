// lanefold train: trains a network, shows its progress, and saves it along the way.
#include "cli/interrupt.hpp"
#include "trainer/commands/commands.hpp"
#include "trainer/commands/train_options.hpp"
#include "trainer/data/digest.hpp"
#include "trainer/distributed/division.hpp"
#include "trainer/distributed/job.hpp"
#include "trainer/network/inference.hpp"
#include "trainer/training/golden.hpp"
#include "trainer/training/log.hpp"
#include "trainer/training/progress.hpp"

#include <chrono>
#include <cmath>
#include <filesystem>
#include <memory>
#include <optional>

namespace lanefold::trainer {
namespace {

void print(const cli::Json &object) {
  std::printf("%s\n", object.dump().c_str());
  std::fflush(stdout);
}

// One run of the command.
class Session {
public:
  explicit Session(TrainCommand &command)
      : c_(command), context_(make_context(command.context)), data_(load_data(command, context_)),
        checkpoint_(begin(command, data_)), options_(checkpoint_.training->options),
        training_(context_, checkpoint_.network, data_, *checkpoint_.training, job()),
        progress_(options_.epochs, stderr, command.run.quiet) {
    compare_ranks();
    if (!c_.run.log.empty() && job().is_first()) log_ = Log(c_.run.log, !c_.run.resume.empty());
  }

  int run() {
    start();
    keep_best();
    TrainWatch watch;
    watch.stop = cli::interrupted;
    watch.step = [&](const StepFigures &figures) {
      stepped_ = true;
      progress_.step(figures);
      log_.step(figures);
    };
    watch.epoch = [&](const Epoch &figures) {
      finish_epoch(figures);
      return !interrupted();
    };
    if (!interrupted()) training_.run(watch);
    progress_.clear();
    return training_.position().epoch > options_.epochs || training_.stops_early() ? finish() : stop();
  }

private:
  static bool interrupted() { return any_of(job(), cli::interrupted()); }

  void compare_ranks() {
    if (job().count() == 1) return;
    if (options_.batch_size < job().count() || data_.train.count() < job().count())
      throw cli::UsageError("--batch-size is " + std::to_string(options_.batch_size) + " on " +
                            std::to_string(data_.train.count()) + " samples, but there are " +
                            std::to_string(job().count()) + " ranks; expected at least one row for each");
    need_same(job(), "data", sha256(data_.train) + sha256(data_.test));
    need_same(job(), "network", describe(checkpoint_.network.description).dump());
    TrainCommand all = c_; // with the options of a checkpoint
    all.train = options_;
    std::string options;
    for (const Entry &entry : all.training_entries()) options += value_of(entry) + "\n";
    need_same(job(), "options", options);
    const TrainingState state = training_.state();
    Sha256 arrays;
    for (const auto &[name, values] : state.optimizer_state) arrays.add(values);
    need_same(job(), "position", std::to_string(state.position.epoch) + " " + std::to_string(state.position.step));
    need_same(job(), "parameters", sha256(checkpoint_.network) + arrays.hex());
  }

  static Dataset load_data(TrainCommand &c, const Context &context) {
    check_files(c);
    // A checkpoint holds the seed, from which the part that is held out follows, and what the columns of a table are.
    DataOptions wanted = data_options(c.data, *c.given, context);
    if (c.run.resume.empty()) return with_loss(load(wanted, c.train.seed), c.train);
    const Model model = open_model(c.run.resume);
    const std::optional<DataDescription> before = data_of(model, c.run.resume);
    if (before && before->schema.is_of_table()) read_as_before(wanted, before->schema, *c.given);
    const TrainOptions options = options_of(model, c.run.resume);
    return with_loss(load(wanted, options.seed), options);
  }

  static Dataset with_loss(Dataset data, const TrainOptions &options) {
    data.schema.loss = {options.loss, options.huber_delta};
    return data;
  }

  bool is_regression() const { return data_.schema.is_regression(); }
  bool resumed() const { return !c_.run.resume.empty(); }

  void start() {
    const Description &d = checkpoint_.network.description;
    const Position &p = training_.position();
    log_.write({{"event", resumed() ? "resume" : "start"},
                {"epoch", p.epoch},
                {"step", p.step},
                {"epochs", options_.epochs},
                {"data", data_.name},
                {"network", describe(d)},
                {"plugin", context_.isa()},
                {"threads", context_.threads()}});
    if (c_.run.quiet) return;
    if (!data_.reason.empty())
      std::fprintf(stderr, "guessed %s, because %s; --task sets the task\n",
                   is_regression() ? "regression" : "classification", data_.reason.c_str());
    std::fprintf(stderr, "training %s on %s: %lld %s, %lld to test, plugin %s, %d thread%s\n", d.shape().c_str(),
                 data_.name.c_str(), static_cast<long long>(data_.train.count()),
                 data_.train.numbers ? "rows" : "images", static_cast<long long>(data_.test.count()),
                 context_.isa().c_str(), context_.threads(), context_.threads() == 1 ? "" : "s");
    if (const std::string division = training_.division(); !division.empty())
      std::fprintf(stderr, "%s\n", division.c_str());
    if (resumed())
      std::fprintf(stderr, "resuming %s in epoch %lld, after step %lld of %lld\n", c_.run.resume.c_str(),
                   static_cast<long long>(p.epoch), static_cast<long long>(p.step),
                   static_cast<long long>(training_.steps_per_epoch()));
  }

  void finish_epoch(const Epoch &e) {
    progress_.epoch(e); // also of an epoch that diverged
    log_.epoch(e);
    check_finite(e);
    if (c_.run.json) print(describe(e));
    score_ = is_regression() ? e.test_r2 : e.test_accuracy;
    if (options_.early_stopping > 0 && e.best) save_as(best_of(c_.run.save), training_.state());
    if (c_.run.save.empty() || (e.epoch % c_.run.save_every != 0 && e.epoch != options_.epochs)) return;
    const TrainingState state = training_.state();
    save_as(c_.run.save, state);
    if (c_.run.keep == 0) return;
    save_as(numbered(c_.run.save, e.epoch), state);
    if (job().is_first()) remove_older(c_.run.save, e.epoch, c_.run.keep);
  }

  // Where a training resumes right after its best epoch, its checkpoint is the best one.  Later ones will replace it.
  void keep_best() {
    const Position &p = training_.position();
    if (options_.early_stopping > 0 && p.step == 0 && p.epoch > 1 && training_.best().epoch == p.epoch - 1)
      save_as(best_of(c_.run.save), training_.state());
  }

  // The best epoch becomes the result.  Its file may be gone, if somebody has removed it.
  void take_best() {
    const std::string best = best_of(c_.run.save);
    if (options_.early_stopping == 0 || !any_of(job(), job().is_first() && std::filesystem::exists(best))) return;
    if (!job().is_first()) return void(score_ = training_.best().score);
    const int64_t last = training_.position().epoch - 1;
    checkpoint_.network = read_checkpoint(best).network;
    replace(c_.run.save, best);
    score_ = training_.best().score;
    if (!c_.run.quiet)
      std::fprintf(stderr,
                   "%s after epoch %lld; %s holds epoch %lld, whose loss on the test samples is the lowest: %.4f\n",
                   training_.stops_early() ? "stopped early" : "ended", static_cast<long long>(last),
                   c_.run.save.c_str(), static_cast<long long>(training_.best().epoch), training_.best().loss);
  }

  int finish() {
    take_best();
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
    if (!score_) { // all epochs were done before
      const Evaluation test = evaluate_test(context_, checkpoint_.network, data_, job());
      score_ = is_regression() ? test.r2 : test.accuracy;
      const TrainingState state = training_.state();
      if (c_.run.save != c_.run.resume) save_as(c_.run.save, state);
    }
    cli::Json done = {{"event", "done"},
                      {is_regression() ? "test_r2" : "test_accuracy", *score_},
                      {"seconds", seconds},
                      {"parameters_sha256", sha256(checkpoint_.network)}};
    if (options_.early_stopping > 0) done["best_epoch"] = training_.best().epoch;
    log_.write(done);
    if (c_.run.json) {
      print(done);
      return 0;
    }
    const std::string losses = progress_.losses(cli::terminal(stdout).unicode);
    if (!losses.empty()) std::printf("loss %s\n", losses.c_str());
    if (is_regression()) std::printf("test R2 %.4f", *score_);
    else std::printf("test accuracy %.2f%%", 100 * *score_);
    std::printf(" after %.1f s; SHA-256 of the parameters %s\n", seconds, done.at("parameters_sha256").text().c_str());
    return 0;
  }

  void save_as(const std::string &path, const TrainingState &state) {
    if (!job().is_first()) return;
    save(path, checkpoint_.network, &state, checkpoint_.data ? &*checkpoint_.data : nullptr);
  }

  int stop() {
    const Position &p = training_.position();
    const bool kept =
        !c_.run.save.empty() && stepped_ && std::isfinite(p.loss); // a training without a step replaces no file
    if (kept) {
      save_as(c_.run.save, training_.state());
    }
    const cli::Json line = {{"event", "interrupted"}, {"epoch", p.epoch}, {"step", p.step}, {"saved", kept}};
    log_.write(line);
    if (c_.run.json) print(line);
    std::fprintf(stderr, "interrupted in epoch %lld, after step %lld of %lld; ", static_cast<long long>(p.epoch),
                 static_cast<long long>(p.step), static_cast<long long>(training_.steps_per_epoch()));
    if (kept) std::fprintf(stderr, "to continue: lanefold train --resume %s\n", c_.run.save.c_str());
    else
      std::fprintf(stderr, "nothing was saved%s\n",
                   c_.run.save.empty() ? ", because --save FILE was not given"
                   : stepped_          ? ": training diverged"
                                       : ": the interrupt came before the first step");
    return cli::interrupted_exit_code;
  }

  TrainCommand &c_;
  const Context context_;
  const Dataset data_;
  Checkpoint checkpoint_;
  const TrainOptions options_;
  Training training_;
  Progress progress_;
  Log log_;
  std::optional<double> score_; // the accuracy, or R2 of a regression
  bool stepped_ = false;        // this process has made a step
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

} // namespace

cli::Command train_command() {
  const auto options = std::make_shared<TrainCommand>();
  return {.name = "train",
          .description = "Train a network.",
          .examples = "Examples:\n"
                      "  lanefold train --data mnist --save model.safetensors\n"
                      "  lanefold train --data mnist --resume model.safetensors --epochs 40\n"
                      "  lanefold train --hidden 100,100,100 --activation selu --init lecun-normal --batch-norm off\n"
                      "  lanefold train --data mnist --optimizer adam --learning-rate 0.001 --schedule cosine "
                      "--log log.jsonl",
          .options = options->options(),
          .run = [options](const cli::Command &command) {
            cli::watch_interrupts(); // from the beginning, because loading takes a while
            options->given = &command;
            return Session(*options).run();
          }};
}

} // namespace lanefold::trainer
