// lanefold verify: proves on the user's machine that every plugin, on any number of threads, trains to the same bits.
// These bits, and the results of each operation, must be those of the golden lists.
#include "trainer/commands/commands.hpp"
#include "trainer/commands/shared_options.hpp"
#include "trainer/training/golden.hpp"
#include "trainer/training/golden_operations.hpp"

#include <chrono>
#include <memory>
#include <set>

namespace lanefold::trainer {
namespace {

struct VerifyOptions {
  std::string data, isa;
  std::vector<int> threads = {1, 2, 3, 7};
  bool json = false;
};

constexpr size_t checked = 2; // of golden_steps

struct Proof {
  std::string plugin;
  int threads;
  double seconds;
  std::string hash;
  std::vector<std::string> wrong_operations; // their names
};

// The operations that do not give their golden hash, and why, if they fail.
std::vector<std::string> wrong_operations(const Context &context) {
  std::vector<std::string> wrong;
  for (const GoldenOperation &operation : golden_operations()) {
    try {
      if (operation.run(context) != operation.promise) wrong.emplace_back(operation.name);
    } catch (const Error &error) {
      wrong.push_back(std::string(operation.name) + " (" + error.what() + ")");
    }
  }
  return wrong;
}

Proof prove(const std::string &plugin, int threads, const Dataset &data) {
  const Context context = make_context({threads, plugin});
  const auto start = std::chrono::steady_clock::now();
  const std::string hash = train_golden(context, data, golden_cases().front(), checked).back();
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return {plugin, context.threads(), seconds, hash, wrong_operations(context)};
}

void print(const Proof &p, const std::string &golden) {
  const char *verdict = golden.empty() ? "" : p.hash == golden ? "golden" : "DIFFERS";
  std::printf("%-12s %7d %8.2f s  %s  %s\n", p.plugin.c_str(), p.threads, p.seconds, p.hash.c_str(), verdict);
  for (const std::string &operation : p.wrong_operations)
    std::printf("%-12s %7d              %s DIFFERS\n", p.plugin.c_str(), p.threads, operation.c_str());
  std::fflush(stdout);
}

int run_verify(const VerifyOptions &o) {
  if (!o.isa.empty()) make_context({1, o.isa}); // throws before anything is printed
  const Dataset data = load_images(o.data);
  constexpr int64_t steps = golden_steps[checked - 1];
  if (data.train.count() < steps * TrainOptions().batch_size)
    throw cli::UsageError(data.name + ": " + std::to_string(steps) + " steps need " +
                          std::to_string(steps * TrainOptions().batch_size) + " training images");
  const std::string golden = golden_hash(golden_cases().front(), data.train, steps);
  const std::vector<std::string> plugins = o.isa.empty() ? usable_plugins() : std::vector<std::string>{o.isa};
  if (!o.json)
    std::printf("CPU   %s\ndata  %s\n\n%lld steps of the reference network:\n\n%-12s %7s %10s  %s\n",
                describe_cpu().c_str(), data.name.c_str(), static_cast<long long>(steps), "plugin", "threads", "time",
                "SHA-256 of the parameters");
  auto runs = cli::Json::array();
  std::set<std::string> hashes;
  bool operations_right = true;
  for (const std::string &plugin : plugins)
    for (const int threads : o.threads) {
      const Proof proof = prove(plugin, threads, data);
      hashes.insert(proof.hash);
      operations_right = operations_right && proof.wrong_operations.empty();
      auto wrong = cli::Json::array();
      for (const std::string &operation : proof.wrong_operations) wrong.push_back(operation);
      runs.push_back({{"plugin", proof.plugin},
                      {"threads", proof.threads},
                      {"seconds", proof.seconds},
                      {"parameters_sha256", proof.hash},
                      {"wrong_operations", wrong}});
      if (!o.json) print(proof, golden);
    }
  const bool equal = hashes.size() == 1;
  const bool as_promised = operations_right && (golden.empty() || (equal && *hashes.begin() == golden));
  if (o.json) {
    const cli::Json result = {
        {"data", data.name}, {"steps", steps}, {"golden", golden.empty() ? cli::Json() : cli::Json(golden)},
        {"runs", runs},      {"equal", equal}, {"as_promised", as_promised}};
    std::printf("%s\n", result.dump(2).c_str());
  } else {
    std::printf("\n%zu runs: %s%s\n", runs.size(), equal ? "the same bits" : "NOT THE SAME BITS",
                golden.empty()                       ? "; this release knows no golden hash of this data"
                : equal && *hashes.begin() == golden ? ", equal to the golden hash"
                                                     : ", NOT THE GOLDEN HASH");
    std::printf("%zu operations on fixed operands: %s\n", golden_operations().size(),
                operations_right ? "equal to their golden hashes" : "NOT ALL EQUAL TO THEIR GOLDEN HASHES");
  }
  return equal && as_promised ? 0 : 1;
}

} // namespace

cli::Command verify_command() {
  const auto o = std::make_shared<VerifyOptions>();
  cli::Command command{.name = "verify",
                       .description = "Prove that every plugin, on any number of threads, gives the same bits.",
                       .examples =
                           "Examples:\n  lanefold verify\n  lanefold verify --data mnist --isa avx2 --threads 1,2",
                       .run = [o](const cli::Command &) { return run_verify(*o); }};
  command.options = {data_option(o->data),
                     {.names = "--isa",
                      .value = "NAME",
                      .target = &o->isa,
                      .help = "Verify this plugin alone.",
                      .fallback = "$LANEFOLD_ISA, else each usable one",
                      .environment = "LANEFOLD_ISA"},
                     {.names = "--threads",
                      .value = "K[,K]...",
                      .target = &o->threads,
                      .range = cli::wholes(1, 4096),
                      .help = "Numbers of threads, with commas between them."},
                     {.names = "--json",
                      .target = &o->json,
                      .help = "Print one JSON object.",
                      .manual =
                          "Its keys are data, steps, golden (the promised hash, null without one), runs "
                          "(plugin, threads, seconds, parameters_sha256 and wrong_operations of each), equal, and "
                          "as_promised (whether all hashes that this release promises were met)."}};
  return command;
}

} // namespace lanefold::trainer
