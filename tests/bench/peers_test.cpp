// Compares each installed peer with plain loops in double, on one thread and on two.
// LANEFOLD_ISA: the instruction set of the peers; the default is the best of avx512 and avx2 that the CPU has.
// LANEFOLD_ONNXRUNTIME: path of ONNX Runtime.  Exits with code 77, which Meson counts as skipped, if the CPU lacks the
// instruction set or no peer is installed.
#include <doctest/doctest.h>

#include "bench/peers/kernels.hpp"
#include "bench/peers/peer.hpp"
#include "bench/peers/python_child.hpp"

#include <lanefold/activation.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <limits>

#include <unistd.h>

using namespace lanefold::bench;

namespace {

PeerOptions options;
std::vector<std::unique_ptr<Peer>> peers;
std::vector<MissingPeer> missing_peers;
constexpr float eps = 1e-3f, nan = std::numeric_limits<float>::quiet_NaN();

// Roundings of an approximated function and the operations around it.
constexpr int64_t few = 16;

Floats blank(int64_t count) { return Floats(static_cast<size_t>(count), nan); }

void check(const Peer &peer, const std::string &mismatch) {
  INFO(peer.name());
  CHECK(mismatch == "");
}

// Calls the operation twice and lets it time itself in between, which must not change the result.
void run(const Operation &operation) {
  operation.run();
  if (operation.time_calls) {
    const TimedCalls calls = operation.time_calls(2);
    CHECK(calls.seconds > 0);
    CHECK(calls.waited_seconds >= 0);
  }
  operation.run();
}

struct Columns {
  Floats x, gamma, beta;
  Peer::BatchNorm problem;
  Norm norm;

  Columns(int64_t m, int64_t n)
      : x(random_floats(m * n, 11, -2, 3)), gamma(random_floats(n, 12, 0.5f, 2)), beta(random_floats(n, 13)),
        problem{m, n, eps, x.data(), gamma.data(), beta.data()}, norm{eps, widened(gamma), widened(beta), {}, {}} {}
};

std::vector<Dense> network(const std::vector<int64_t> &widths, int32_t activation) {
  std::vector<Dense> layers;
  for (size_t i = 0; i + 1 < widths.size(); ++i) {
    const int64_t k = widths[i], n = widths[i + 1];
    const float range = std::sqrt(6 / static_cast<float>(k));
    layers.push_back({n, k, i + 2 == widths.size() ? LF_IDENTITY : activation,
                      random_floats(n * k, static_cast<uint32_t>(k), -range, range),
                      random_floats(n, static_cast<uint32_t>(n), -0.5f, 0.5f)});
  }
  return layers;
}

int64_t roundings(const std::vector<Dense> &layers) {
  int64_t sum = 0;
  for (const Dense &layer : layers) sum += layer.k + few;
  return sum;
}

// The same training step in double.
class Training {
public:
  explicit Training(const TrainingProblem &problem) : problem_(problem) {
    for (const Dense &dense : problem.layers) {
      const size_t n = static_cast<size_t>(dense.n);
      layers_.push_back(
          {widened(dense.w), widened(dense.bias), Norm{problem.eps, Doubles(n, 1), Doubles(n, 0), {}, {}}, {}, {}, {}});
    }
  }

  double step() {
    Doubles x(problem_.x, problem_.x + problem_.m * problem_.layers[0].k);
    for (size_t i = 0; i < layers_.size(); ++i) x = forward(layers_[i], problem_.layers[i], x);
    double loss = 0;
    Doubles dy = loss_gradient(x, loss);
    for (size_t i = layers_.size(); i-- > 0;) dy = backward(layers_[i], problem_.layers[i], dy);
    return loss;
  }

private:
  struct Layer {
    Doubles w, bias;
    Norm norm;
    Doubles x, z, y;
  };

  Doubles forward(Layer &layer, const Dense &dense, const Doubles &x) const {
    layer.x = x;
    layer.z = product(x, false, layer.w, false, problem_.m, dense.n, dense.k);
    const size_t n = layer.bias.size();
    if (!problem_.batch_norm)
      for (size_t i = 0; i < layer.z.size(); ++i) layer.z[i] += layer.bias[i % n];
    layer.y = problem_.batch_norm ? layer.norm.forward(layer.z, true) : layer.z;
    for (double &value : layer.y) value = activate(dense.activation, 1, value);
    return layer.y;
  }

  Doubles loss_gradient(const Doubles &logits, double &loss) const {
    const size_t n = static_cast<size_t>(problem_.layers.back().n), m = static_cast<size_t>(problem_.m);
    Doubles gradient(logits.size());
    for (size_t i = 0; i < m; ++i) {
      double sum = 0;
      for (size_t j = 0; j < n; ++j) sum += std::exp(logits[i * n + j]);
      const size_t label = static_cast<size_t>(problem_.labels[i]);
      loss += (std::log(sum) - logits[i * n + label]) / static_cast<double>(m);
      for (size_t j = 0; j < n; ++j)
        gradient[i * n + j] = (std::exp(logits[i * n + j]) / sum - (j == label)) / static_cast<double>(m);
    }
    return gradient;
  }

  void sgd_update(Doubles &values, const Doubles &gradient) const {
    for (size_t i = 0; i < values.size(); ++i) values[i] -= static_cast<double>(problem_.learning_rate) * gradient[i];
  }

  Doubles backward(Layer &layer, const Dense &dense, const Doubles &dy) const {
    Doubles dz = dy, dgamma, dbeta;
    for (size_t i = 0; i < dz.size(); ++i) dz[i] *= derivative(dense.activation, 1, layer.y[i]);
    if (problem_.batch_norm) {
      dz = layer.norm.backward(layer.z, Doubles(dz), dgamma, dbeta);
      sgd_update(layer.norm.gamma, dgamma);
      sgd_update(layer.norm.beta, dbeta);
    } else {
      Doubles dbias(layer.bias.size());
      for (size_t i = 0; i < dz.size(); ++i) dbias[i % dbias.size()] += dz[i];
      sgd_update(layer.bias, dbias);
    }
    const Doubles dx = product(dz, false, layer.w, true, problem_.m, dense.k, dense.n);
    sgd_update(layer.w, product(layer.x, true, dz, false, dense.k, dense.n, problem_.m));
    return dx;
  }

  const TrainingProblem &problem_;
  std::vector<Layer> layers_;
};

void check_training(bool batch_norm, int32_t activation, const std::vector<int64_t> &widths, int64_t m) {
  const Floats x = random_floats(m * widths.front(), 21, 0, 1);
  std::vector<int32_t> labels(static_cast<size_t>(m));
  for (size_t i = 0; i < labels.size(); ++i)
    labels[i] = static_cast<int32_t>(static_cast<int64_t>(i) * 7 % widths.back());
  const TrainingProblem problem{batch_norm, eps, 0.1f, network(widths, activation), m, x.data(), labels.data()};
  Training training(problem);
  const double first = training.step(), second = training.step();
  const int64_t terms = 2 * (roundings(problem.layers) + m); // forward and backward
  REQUIRE(std::fabs(second - first) > 10 * static_cast<double>(terms) * 0x1p-24 * first);
  for (const auto &peer : peers) {
    float loss = nan;
    const Operation step = peer->training_step(problem, &loss);
    if (!step) continue;
    step.run();
    check(*peer, find_mismatch("first loss", {loss}, {first}, terms));
    step.run();
    check(*peer, find_mismatch("second loss", {loss}, {second}, terms));
  }
}

} // namespace

TEST_CASE("a matrix product has the values of plain loops, with any operand transposed") {
  for (const Shape &shape : {Shape{1, 1, 1}, Shape{7, 5, 3}, Shape{1, 33, 65}, Shape{64, 48, 32}, Shape{201, 31, 77}})
    for (const uint32_t flags : {nn, tn, nt, tt}) {
      const auto [m, n, k] = shape;
      const Floats a = random_floats(m * k, 1), b = random_floats(k * n, 2);
      const Doubles expected = product(widened(a), flags & LF_TRANSPOSE_A, widened(b), flags & LF_TRANSPOSE_B, m, n, k);
      CAPTURE(name_of({shape, flags}));
      for (const auto &peer : peers) {
        Floats c = blank(m * n);
        const Operation operation = peer->product({shape, flags}, a.data(), b.data(), c.data());
        if (!operation) continue;
        run(operation);
        check(*peer, find_mismatch("c", c, expected, k + 1));
      }
    }
}

TEST_CASE("a matrix product with packed weights has the values of plain loops") {
  for (const Shape &shape :
       {Shape{1, 1, 1}, Shape{7, 5, 3}, Shape{1, 300, 784}, Shape{64, 48, 32}, Shape{200, 10, 101}}) {
    const auto [m, n, k] = shape;
    const Floats x = random_floats(m * k, 1), w = random_floats(k * n, 2);
    const Doubles expected = product(widened(x), false, widened(w), false, m, n, k);
    for (const auto &peer : peers) {
      Floats y = blank(m * n);
      const Operation operation = peer->packed_product(shape, x.data(), w.data(), y.data());
      if (!operation) continue;
      run(operation);
      check(*peer, find_mismatch("y", y, expected, k + 1));
    }
  }
}

TEST_CASE("ELU forward and backward have the values of plain loops") {
  for (const int64_t count : {1, 17, 64, 1001}) {
    const Floats x = random_floats(count, 3, -4, 4), y_given = random_floats(count, 4, -1, 2);
    const Floats dy = random_floats(count, 5);
    Doubles expected = widened(x), gradient = widened(dy);
    for (double &value : expected) value = activate(LF_ELU, 1, value);
    for (size_t i = 0; i < gradient.size(); ++i) gradient[i] *= derivative(LF_ELU, 1, y_given[i]);
    for (const auto &peer : peers) {
      Floats y = blank(count), dx = blank(count);
      if (const Operation forward = peer->elu_forward(count, x.data(), y.data())) {
        run(forward);
        check(*peer, find_mismatch("y", y, expected, few));
      }
      if (const Operation backward = peer->elu_backward(count, y_given.data(), dy.data(), dx.data())) {
        run(backward);
        check(*peer, find_mismatch("dx", dx, gradient, few));
      }
    }
  }
}

TEST_CASE("batch normalization in training, in inference and backward has the values of plain loops") {
  for (const auto &[m, n] : {std::pair<int64_t, int64_t>{3, 1}, {13, 7}, {64, 32}, {201, 33}}) {
    Columns columns(m, n);
    const Doubles trained = columns.norm.forward(widened(columns.x), true);
    const Floats mean = random_floats(n, 14), variance = random_floats(n, 15, 0.5f, 2), dy = random_floats(m * n, 16);
    Norm given = columns.norm;
    given.mean = widened(mean), given.variance = widened(variance);
    const Doubles inferred = given.forward(widened(columns.x), false);
    Doubles dgamma_expected, dbeta_expected;
    const Doubles dx_expected = columns.norm.backward(widened(columns.x), widened(dy), dgamma_expected, dbeta_expected);
    for (const auto &peer : peers) {
      Floats y = blank(m * n), z = blank(m * n), dx = blank(m * n), dgamma = blank(n), dbeta = blank(n);
      if (const Operation training = peer->batch_norm_training(columns.problem, y.data())) {
        run(training);
        check(*peer, find_mismatch("y, training", y, trained, m + few));
      }
      if (const Operation inference =
              peer->batch_norm_inference(columns.problem, mean.data(), variance.data(), z.data())) {
        run(inference);
        check(*peer, find_mismatch("y, inference", z, inferred, few));
      }
      if (const Operation backward =
              peer->batch_norm_backward(columns.problem, dy.data(), dx.data(), dgamma.data(), dbeta.data())) {
        run(backward);
        check(*peer, find_mismatch("dx", dx, dx_expected, 2 * (m + few)));
        check(*peer, find_mismatch("dgamma", dgamma, dgamma_expected, 2 * (m + few)));
        check(*peer, find_mismatch("dbeta", dbeta, dbeta_expected, m + few));
      }
    }
  }
}

TEST_CASE("a folded network has the logits of plain loops") {
  for (const int32_t activation : {LF_ELU, LF_RELU})
    for (const int64_t m : {1, 8, 33}) {
      const std::vector<Dense> layers = network({37, 20, 16, 10}, activation);
      const Floats x = random_floats(m * layers.front().k, 6, 0, 1);
      Doubles expected = widened(x);
      for (const Dense &layer : layers) {
        expected = product(expected, false, widened(layer.w), false, m, layer.n, layer.k);
        for (size_t i = 0; i < expected.size(); ++i)
          expected[i] = activate(layer.activation, 1, expected[i] + layer.bias[i % layer.bias.size()]);
      }
      for (const auto &peer : peers) {
        Floats logits = blank(m * layers.back().n);
        const Operation operation = peer->folded_network(layers, m, x.data(), logits.data());
        if (!operation) continue;
        run(operation);
        check(*peer, find_mismatch("logits", logits, expected, roundings(layers)));
      }
    }
}

TEST_CASE("two training steps have the losses of plain loops, so the first one updates everything") {
  for (const int32_t activation : {LF_ELU, LF_RELU, LF_IDENTITY}) {
    CAPTURE(activation);
    for (const bool batch_norm : {true, false}) {
      CAPTURE(batch_norm);
      check_training(batch_norm, activation, {13, 17, 5}, 11);
      check_training(batch_norm, activation, {64, 32, 16, 10}, 48);
    }
  }
}

TEST_CASE("an operation outlives other operations, and reads its memory at each call") {
  for (const auto &peer : peers) {
    Floats a = random_floats(6, 1), b = random_floats(6, 2), c = blank(4), other = blank(4);
    const Operation kept = peer->product({{2, 2, 3}, nn}, a.data(), b.data(), c.data());
    if (!kept) continue;
    peer->product({{2, 2, 3}, nn}, a.data(), b.data(), other.data()).run();
    const Floats later = random_floats(6, 3);
    std::copy(later.begin(), later.end(), a.begin());
    kept.run();
    check(*peer, find_mismatch("c", c, product(widened(a), false, widened(b), false, 2, 2, 3), 4));
  }
}

// Settings of a user that would make peers slow or change what they compute with.  main() makes them.
constexpr std::pair<const char *, const char *> slow_settings[] = {{"OPENBLAS_CORETYPE", "Nehalem"},
                                                                   {"OPENBLAS_L2_SIZE", "64"},
                                                                   {"OPENBLAS_BLOCK_FACTOR", "2"},
                                                                   {"OPENBLAS_NUM_THREADS", "7"},
                                                                   {"OPENBLAS_THREAD_TIMEOUT", "30"},
                                                                   {"GOTO_NUM_THREADS", "7"},
                                                                   {"BLIS_ARCH_TYPE", "5"},
                                                                   {"BLIS_NUM_THREADS", "7"},
                                                                   {"BLIS_JC_NT", "7"},
                                                                   {"DNNL_MAX_CPU_ISA", "SSE41"},
                                                                   {"DNNL_VERBOSE", "1"},
                                                                   {"ONEDNN_MAX_CPU_ISA", "SSE41"},
                                                                   {"ONEDNN_DEFAULT_FPMATH_MODE", "BF16"},
                                                                   {"ATEN_CPU_CAPABILITY", "default"},
                                                                   {"NPY_DISABLE_CPU_FEATURES", "AVX2 FMA3 AVX512F"},
                                                                   {"MKL_ENABLE_INSTRUCTIONS", "SSE4_2"},
                                                                   {"MKL_NUM_THREADS", "7"},
                                                                   {"LIBXSMM_TARGET", "snb"},
                                                                   {"OMP_NUM_THREADS", "7"},
                                                                   {"OMP_WAIT_POLICY", "passive"},
                                                                   {"OMP_DYNAMIC", "true"},
                                                                   {"OMP_PROC_BIND", "true"},
                                                                   {"GOMP_SPINCOUNT", "infinity"},
                                                                   {"GOMP_CPU_AFFINITY", "0"},
                                                                   {"KMP_BLOCKTIME", "infinite"},
                                                                   {"TORCH_ALLOW_TF32_CUBLAS_OVERRIDE", "1"},
                                                                   {"MALLOC_PERTURB_", "165"},
                                                                   {"PYTHONMALLOC", "debug"}};

TEST_CASE("no setting of a user remains when the peers are opened") {
  for (const auto &[name, value] : slow_settings) {
    CAPTURE(name);
    const char *now = std::getenv(name);
    CHECK((now == nullptr || now != std::string(value)));
  }
}

TEST_CASE("each peer says how it is called, in sentences") {
  for (const auto &peer : peers) {
    const std::string how = peer->how();
    CAPTURE(how);
    CHECK(how.size() > 100);
    CHECK(how.ends_with("."));
    CHECK(how.find("thread") != std::string::npos);
    CHECK(how.find('\n') == std::string::npos);
  }
}

TEST_CASE("each peer uses the kernels of the instruction set, whatever the environment asks for") {
  const auto uses_one_of = [](const std::string &text, const std::string &library) {
    const std::vector<std::string> names = kernels_for(library, options.isa);
    return names.empty() || std::any_of(names.begin(), names.end(),
                                        [&](const std::string &name) { return text.find(name) != std::string::npos; });
  };
  for (const MissingPeer &peer : missing_peers) {
    CAPTURE(peer.name);
    CAPTURE(peer.reason);
    CHECK(peer.reason.find("uses the kernels") == std::string::npos);
  }
  for (const auto &peer : peers) {
    const std::string name = peer->name(), version = peer->version(), how = peer->how();
    CAPTURE(version);
    CAPTURE(how);
    if (name == "openblas") CHECK(uses_one_of(version, "OpenBLAS"));
    if (name == "blis") CHECK(uses_one_of(version, "BLIS"));
    if (name == "onednn") CHECK(uses_one_of(how, "oneDNN"));
    if (name == "pytorch") CHECK(uses_one_of(how, "PyTorch"));
    if (name == "numpy") CHECK(uses_one_of(how, "NumPy"));
    if (name == "numpy") CHECK(version.find(", ") != std::string::npos);
    if (name == "numpy" && version.find("OpenBLAS") != std::string::npos) CHECK(uses_one_of(version, "OpenBLAS"));
  }
}

TEST_CASE("other kernels than those of the instruction set are refused") {
  CHECK_NOTHROW(check_kernels("OpenBLAS", "avx512", "SkylakeX"));
  CHECK_THROWS_WITH(
      check_kernels("OpenBLAS", "avx512", "Haswell"),
      "OpenBLAS uses the kernels \"Haswell\"; expected SkylakeX or Cooperlake or SapphireRapids for avx512");
  CHECK_THROWS(check_kernels("BLIS", "avx2", "generic"));
  CHECK_THROWS(check_kernels("PyTorch", "avx2", "NO_AVX"));
}

TEST_CASE("a setting is the fastest of its values, and a value that crashes or fails is left out") {
  std::string log;
  set_fastest("LANEFOLD_TEST_VALUE", {"crashes", "fails", "slow", "fast", "as fast"}, [] {
    const std::string value = std::getenv("LANEFOLD_TEST_VALUE");
    if (value == "crashes") std::raise(SIGKILL);
    if (value == "fails") throw std::runtime_error("no such kernels");
    return value == "slow" ? 2.0 : value == "fast" ? 1.0 : 0.99;
  });
  CHECK(std::getenv("LANEFOLD_TEST_VALUE") == std::string("fast"));
  set_fastest("LANEFOLD_TEST_OTHER", {"fails"}, [] { return 1.0; });
  CHECK(std::getenv("LANEFOLD_TEST_OTHER") == std::string("fails")); // a single value needs no trial
}

// What `this program --list` prints in a process with these settings: the missing peers, one line each.
std::string missing_in_process(const std::string &settings) {
  const std::string command =
      "env " + settings + " LANEFOLD_ISA=" + options.isa + " /proc/" + std::to_string(getpid()) + "/exe --list";
  FILE *output = popen(command.c_str(), "r");
  REQUIRE(output);
  std::string text;
  char buffer[256];
  while (const size_t count = std::fread(buffer, 1, sizeof buffer, output)) text.append(buffer, count);
  CHECK(pclose(output) == 0);
  return text;
}

TEST_CASE("a library that was loaded before the environment was prepared is refused") {
  if (options.threads != 1) return;
  const bool installed = std::any_of(peers.begin(), peers.end(), [](const auto &p) { return p->name() == "openblas"; });
  if (!installed) return;
  CHECK(missing_in_process("").find("openblas") == std::string::npos);
  const std::string missing = missing_in_process("LD_PRELOAD=libopenblas.so.0 OPENBLAS_L2_SIZE=64");
  CAPTURE(missing);
  CHECK(missing.find("openblas: ") != std::string::npos);
  CHECK(missing.find("was loaded before the peers") != std::string::npos);
}

TEST_CASE("a missing peer is reported with its name and a reason") {
  std::vector<MissingPeer> missing;
  PeerOptions wrong = options;
  wrong.names = {"onnxruntime"};
  wrong.onnxruntime = "/nowhere/libonnxruntime.so";
  CHECK(open_peers(wrong, missing).empty());
  REQUIRE(missing.size() == 1);
  CHECK(missing[0].name == "onnxruntime");
  CHECK(missing[0].reason == "/nowhere/libonnxruntime.so is not installed");
  wrong.names = {"mkl"};
  CHECK_THROWS_WITH(open_peers(wrong, missing), "'mkl' is not a peer");
  wrong = options;
  wrong.isa = options.isa == "avx2" ? "avx512" : "avx2";
  CHECK_THROWS(open_peers(wrong, missing));
}

TEST_CASE("a Python that is missing, ends or replies with nonsense is reported") {
  const char *named = std::getenv("LANEFOLD_PYTHON");
  const std::string before = named ? named : "";
  for (const auto &[python, reason] : {std::pair{"/nowhere/python", "could not be started"},
                                       {"/bin/false", "has ended"},
                                       {"/bin/echo", "replied with unexpected text: \"/proc"}}) {
    setenv("LANEFOLD_PYTHON", python, 1);
    PeerOptions wrong = options;
    wrong.names = {"numpy", "pytorch"};
    std::vector<MissingPeer> missing;
    CHECK(open_peers(wrong, missing).empty());
    REQUIRE(missing.size() == 2);
    CHECK(missing[0].name == "numpy");
    CHECK(missing[1].name == "pytorch");
    for (const MissingPeer &peer : missing) {
      CHECK(peer.reason.find(std::string(python)) != std::string::npos);
      CHECK(peer.reason.find(reason) != std::string::npos);
    }
  }
  if (named) setenv("LANEFOLD_PYTHON", before.c_str(), 1);
  else unsetenv("LANEFOLD_PYTHON");
}

TEST_CASE("a Python that ends between two requests is reported with its last words on standard error") {
  PythonChild child("/bin/sh", {"-c", "echo ok 1; read line; echo broken >&2; exit 1"});
  CHECK(child.reply() == "1");
  CHECK_THROWS_WITH(child.ask("go on"), "/bin/sh has ended: broken");
  CHECK_THROWS(child.ask("go on"));
}

static int list_missing() {
  std::vector<MissingPeer> missing;
  options.names = {"openblas"};
  open_peers(options, missing);
  for (const auto &[name, reason] : missing) std::printf("%s: %s\n", name.c_str(), reason.c_str());
  return 0;
}

int main(int argc, char **argv) {
  const char *isa = std::getenv("LANEFOLD_ISA"), *onnxruntime = std::getenv("LANEFOLD_ONNXRUNTIME");
  options.names = peer_names();
  options.folder = LANEFOLD_PEERS_FOLDER;
  options.onnxruntime = onnxruntime ? onnxruntime : "";
  options.isa = isa ? isa : "portable";
  if (argc == 2 && std::string(argv[1]) == "--list") return list_missing();
  for (const auto &[name, value] : slow_settings) setenv(name, value, 1);
#ifdef __x86_64__
  const bool wide = __builtin_cpu_supports("avx512bw"), medium = __builtin_cpu_supports("avx2");
  if (!isa) options.isa = wide ? "avx512" : medium ? "avx2" : "portable";
  if ((options.isa == "avx512" && !wide) || (options.isa == "avx2" && !medium)) {
    std::printf("SKIPPED: this CPU has no %s\n", options.isa.c_str());
    return 77;
  }
#endif
  int result = 0;
  for (const int threads : {1, 2}) {
    options.threads = threads;
    missing_peers.clear();
    peers = open_peers(options, missing_peers);
    for (const auto &peer : peers)
      std::printf("%s %s, threads: %d\n", peer->name().c_str(), peer->version().c_str(), threads);
    for (const auto &[name, reason] : missing_peers) std::printf("%s is missing: %s\n", name.c_str(), reason.c_str());
    if (peers.empty()) {
      std::printf("SKIPPED: no peer is installed\n");
      return 77;
    }
    doctest::Context doctest(argc, argv);
    result |= doctest.run();
  }
  return result;
}
