// Peers that are Python packages: each runs in a Python process of its own, which computes on shared memory and times
// itself.  The package bench.peers is their program.
#include "factories.hpp"
#include "kernels.hpp"
#include "python_operation.hpp"

#include "cli/python.hpp"

#include <cctype>
#include <cstdlib>
#include <iterator>
#include <set>
#include <sstream>
#include <stdexcept>
#include <utility>

extern const std::string_view lanefold_python_peers; // the package bench.peers

namespace lanefold::bench {
namespace {

std::string value(const std::string &name, double number) {
  char text[64];
  std::snprintf(text, sizeof text, "=%.9g", number);
  return " " + name + text;
}

std::vector<std::string> words_of(const std::string &text) {
  std::istringstream stream(text);
  return {std::istream_iterator<std::string>(stream), {}};
}

// Starts the package with these environment variables changed, and waits until it is imported.
// Tries the Python of the user, then that of the distribution, which alone can import the distribution's packages.
std::shared_ptr<PythonChild> start(const std::string &package, int threads, const std::vector<std::string> &variables) {
  std::vector<std::string> pythons = {"python3", "/usr/bin/python3"};
  if (const char *named = std::getenv("LANEFOLD_PYTHON"); named && *named) pythons = {named};
  std::string reasons;
  for (const std::string &python : pythons) {
    try {
      const std::vector<std::string> arguments = {cli::program_path, package, std::to_string(threads)};
      const auto child = std::make_shared<PythonChild>(python, arguments, variables, lanefold_python_peers);
      child->reply();
      return child;
    } catch (const std::exception &error) {
      reasons += (reasons.empty() ? "" : "; ") + std::string(error.what());
    }
  }
  throw std::runtime_error(reasons);
}

class PythonPeer : public Peer {
public:
  PythonPeer(std::string name, const PeerOptions &options)
      : name_(std::move(name)), threads_(options.threads), child_(start(name_, threads_, {})),
        calm_child_(threads_ == 1 ? child_ : nullptr) {
    version_ = child_->ask("version");
    how_ = child_->ask("how") + " " + threads_of(options, "the package");
    for (const std::string &word : words_of(child_->ask("operations"))) operations_.insert(word);
    for (const std::string &word : words_of(child_->ask("kernels"))) {
      const size_t equals = word.find('=');
      check_kernels(word.substr(0, equals), options.isa, word.substr(equals + 1));
    }
  }
  std::string name() const override { return name_; }
  bool times_itself() const override { return true; }
  std::string version() const override { return version_; }
  std::string how() const override { return how_; }

  Operation product(const Product &p, const float *a, const float *b, float *c) override {
    const auto [m, n, k] = p.shape;
    const bool ta = p.flags & LF_TRANSPOSE_A, tb = p.flags & LF_TRANSPOSE_B;
    const std::vector<int64_t> sizes_a = ta ? std::vector{k, m} : std::vector{m, k};
    const std::vector<int64_t> sizes_b = tb ? std::vector{n, k} : std::vector{k, n};
    return remote("product",
                  {{"a", sizes_a, Use::input, a}, {"b", sizes_b, Use::input, b}, {"c", {m, n}, Use::output, c}},
                  value("transposed_a", ta) + value("transposed_b", tb));
  }

  Operation elu_forward(int64_t count, const float *x, float *y) override {
    return remote("elu_forward", {{"x", {count}, Use::input, x}, {"y", {count}, Use::output, y}}, "");
  }

  Operation elu_backward(int64_t count, const float *y, const float *dy, float *dx) override {
    return remote("elu_backward",
                  {{"y", {count}, Use::input, y}, {"dy", {count}, Use::input, dy}, {"dx", {count}, Use::output, dx}},
                  "");
  }

  Operation batch_norm_training(const BatchNorm &norm, float *y) override {
    std::vector<SharedArray> arrays = inputs(norm);
    arrays.push_back({"y", {norm.m, norm.n}, Use::output, y});
    return remote("batch_norm_training", arrays, value("eps", norm.eps));
  }

  Operation batch_norm_inference(const BatchNorm &norm, const float *mean, const float *variance, float *y) override {
    std::vector<SharedArray> arrays = inputs(norm);
    arrays.push_back({"mean", {norm.n}, Use::input, mean});
    arrays.push_back({"variance", {norm.n}, Use::input, variance});
    arrays.push_back({"y", {norm.m, norm.n}, Use::output, y});
    return remote("batch_norm_inference", arrays, value("eps", norm.eps));
  }

  Operation batch_norm_backward(const BatchNorm &norm, const float *dy, float *dx, float *dgamma,
                                float *dbeta) override {
    std::vector<SharedArray> arrays = inputs(norm);
    arrays.push_back({"dy", {norm.m, norm.n}, Use::input, dy});
    arrays.push_back({"dx", {norm.m, norm.n}, Use::output, dx});
    arrays.push_back({"dgamma", {norm.n}, Use::output, dgamma});
    arrays.push_back({"dbeta", {norm.n}, Use::output, dbeta});
    return remote("batch_norm_backward", arrays, value("eps", norm.eps));
  }

  Operation folded_network(const std::vector<Dense> &layers, int64_t m, const float *x, float *logits) override {
    auto [arrays, values] = describe(layers, true);
    arrays.push_back({"x", {m, layers.front().k}, Use::input, x});
    arrays.push_back({"logits", {m, layers.back().n}, Use::output, logits});
    return remote("folded_network", arrays, values);
  }

  Operation training_step(const TrainingProblem &problem, float *loss) override {
    auto [arrays, values] = describe(problem.layers, !problem.batch_norm);
    arrays.push_back({"x", {problem.m, problem.layers.front().k}, Use::input, problem.x});
    arrays.push_back({"labels", {problem.m}, Use::input, problem.labels});
    values += value("batch_norm", problem.batch_norm) + value("eps", problem.eps) +
              value("learning_rate", problem.learning_rate);
    return remote("training_step", arrays, values, loss);
  }

private:
  static std::vector<SharedArray> inputs(const BatchNorm &norm) {
    return {{"x", {norm.m, norm.n}, Use::input, norm.x},
            {"gamma", {norm.n}, Use::input, norm.gamma},
            {"beta", {norm.n}, Use::input, norm.beta}};
  }

  static std::pair<std::vector<SharedArray>, std::string> describe(const std::vector<Dense> &layers, bool biases) {
    std::vector<SharedArray> arrays;
    std::string values = value("layers", static_cast<double>(layers.size()));
    for (size_t i = 0; i < layers.size(); ++i) {
      const std::string id = std::to_string(i);
      arrays.push_back({"w" + id, {layers[i].k, layers[i].n}, Use::constant, layers[i].w.data()});
      if (biases) arrays.push_back({"b" + id, {layers[i].n}, Use::constant, layers[i].bias.data()});
      values += value("activation" + id, layers[i].activation);
    }
    return {arrays, values};
  }

  // An empty operation if the package lacks it.
  Operation remote(const std::string &operation, const std::vector<SharedArray> &arrays, const std::string &values,
                   float *loss = nullptr) {
    if (operations_.count(operation) == 0) return {};
    const bool is_network = operation == "folded_network" || operation == "training_step";
    const auto made = std::make_shared<const PythonOperation>(is_network ? calm() : child_, count_++, operation, arrays,
                                                              values, loss);
    return {[=] { made->run(); }, [=](int64_t iterations) { return made->time_calls(iterations); }};
  }

  // In a network, the threads of OpenMP and of OpenBLAS take turns.  If they spun, each would hold up the other: a step
  // of PyTorch on 2 threads would take 1.5 to 10 times as long.  Single operations are faster if they spin.
  const std::shared_ptr<PythonChild> &calm() {
    if (!calm_child_) calm_child_ = start(name_, threads_, {"GOMP_SPINCOUNT=0"});
    return calm_child_;
  }

  const std::string name_;
  const int threads_;
  const std::shared_ptr<PythonChild> child_;
  std::shared_ptr<PythonChild> calm_child_; // for networks; NULL until it is needed
  std::string version_, how_;
  std::set<std::string> operations_; // that the package has
  int count_ = 0;
};

} // namespace

std::unique_ptr<Peer> open_numpy(const PeerOptions &options) { return std::make_unique<PythonPeer>("numpy", options); }

std::unique_ptr<Peer> open_pytorch(const PeerOptions &options) {
  std::vector<std::string> loops; // the names in lower case
  for (std::string name : kernels_for("PyTorch", options.isa)) {
    for (char &letter : name) letter = static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
    loops.push_back(name);
  }
  set_fastest("ATEN_CPU_CAPABILITY", loops, [] { return std::stod(start("pytorch", 1, {})->ask("speed")); });
  return std::make_unique<PythonPeer>("pytorch", options);
}

} // namespace lanefold::bench
