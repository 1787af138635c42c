// PyTorch in a Python process of its own (pytorch.py).  Arrays are in shared memory, and the process times itself.
#include "factories.hpp"
#include "python_child.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <utility>

#include <sys/mman.h>
#include <unistd.h>

extern const char lanefold_pytorch[]; // pytorch.py

namespace lanefold::bench {
namespace {

enum class Use {
  constant, // copied once
  input,    // copied before each call
  output,   // copied back after each call
};

// An array of the caller, with elements of type float or int32_t.
struct SharedArray {
  std::string name; // for pytorch.py
  std::vector<int64_t> sizes;
  Use use;
  const void *data; // writable if it is an output
  size_t offset = 0;

  size_t bytes() const {
    size_t bytes = sizeof(float);
    for (const int64_t size : sizes) bytes *= static_cast<size_t>(size);
    return bytes;
  }
};

// Memory that the child maps as well: an anonymous file that exists as long as one of the two processes has it open.
class SharedMemory {
public:
  explicit SharedMemory(size_t bytes) : bytes_(std::max<size_t>(bytes, 1)) {
    file_ = memfd_create("arrays", MFD_CLOEXEC);
    if (file_ >= 0 && ftruncate(file_, static_cast<off_t>(bytes_)) == 0)
      memory_ = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, file_, 0);
    if (memory_ != MAP_FAILED) return;
    const int error = errno;
    if (file_ >= 0) close(file_);
    throw std::runtime_error(std::string("cannot create shared memory: ") + std::strerror(error));
  }
  ~SharedMemory() {
    munmap(memory_, bytes_);
    close(file_);
  }
  SharedMemory(const SharedMemory &) = delete;
  SharedMemory &operator=(const SharedMemory &) = delete;

  char *at(size_t offset) const { return static_cast<char *>(memory_) + offset; }
  std::string path() const { return "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(file_); }

private:
  const size_t bytes_;
  int file_ = -1;
  void *memory_ = MAP_FAILED;
};

// Places each array at a multiple of 64 bytes, as pytorch.py does too.  Returns the total size.
size_t place(std::vector<SharedArray> &arrays) {
  size_t end = 0;
  for (SharedArray &array : arrays) {
    array.offset = end;
    end += (array.bytes() + 63) / 64 * 64;
  }
  return end;
}

// An operation in the child.
class Remote {
public:
  Remote(std::shared_ptr<PythonChild> child, int number, const std::string &operation, std::vector<SharedArray> arrays,
         const std::string &values, float *loss)
      : child_(std::move(child)), number_(std::to_string(number)), arrays_(std::move(arrays)), memory_(place(arrays_)),
        loss_(loss) {
    std::string request = "make " + number_ + " " + operation + " " + memory_.path();
    for (const SharedArray &array : arrays_) {
      request.append(" ").append(array.name);
      for (size_t i = 0; i < array.sizes.size(); ++i)
        request.append(i == 0 ? ":" : ",").append(std::to_string(array.sizes[i]));
    }
    copy_to_child(Use::constant);
    copy_to_child(Use::input);
    child_->ask(request + values);
  }
  ~Remote() {
    try {
      child_->ask("drop " + number_);
    } catch (const std::exception &) { // the child has ended
    }
  }
  Remote(const Remote &) = delete;
  Remote &operator=(const Remote &) = delete;

  void run() const {
    copy_to_child(Use::input);
    const std::string loss = child_->ask("run " + number_);
    for (const SharedArray &array : arrays_)
      if (array.use == Use::output)
        std::memcpy(const_cast<void *>(array.data), memory_.at(array.offset), array.bytes());
    if (loss_) *loss_ = static_cast<float>(number(loss));
  }
  double seconds(int64_t iterations) const {
    copy_to_child(Use::input);
    return number(child_->ask("time " + number_ + " " + std::to_string(iterations)));
  }

private:
  void copy_to_child(Use use) const {
    for (const SharedArray &array : arrays_)
      if (array.use == use) std::memcpy(memory_.at(array.offset), array.data, array.bytes());
  }
  static double number(const std::string &text) {
    char *end = nullptr;
    const double value = std::strtod(text.c_str(), &end);
    if (text.empty() || *end) throw std::runtime_error("PyTorch replied with \"" + text + "\" instead of a number");
    return value;
  }

  const std::shared_ptr<PythonChild> child_;
  const std::string number_;
  std::vector<SharedArray> arrays_;
  const SharedMemory memory_;
  float *const loss_; // NULL if there is none
};

std::string value(const std::string &name, double number) {
  char text[64];
  std::snprintf(text, sizeof text, "=%.9g", number);
  return " " + name + text;
}

class PyTorch : public Peer {
public:
  PyTorch(std::shared_ptr<PythonChild> child, std::string version)
      : child_(std::move(child)), version_(std::move(version)) {}
  std::string name() const override { return "pytorch"; }
  std::string version() const override { return version_; }

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

  Operation remote(const std::string &operation, const std::vector<SharedArray> &arrays, const std::string &values,
                   float *loss = nullptr) {
    const auto made = std::make_shared<const Remote>(child_, count_++, operation, arrays, values, loss);
    return {[=] { made->run(); }, [=](int64_t iterations) { return made->seconds(iterations); }};
  }

  const std::shared_ptr<PythonChild> child_;
  const std::string version_;
  int count_ = 0;
};

} // namespace

std::unique_ptr<Peer> open_pytorch(const PeerOptions &options) {
  // Tries the Python of the user, then that of the distribution, which alone can import the distribution's PyTorch.
  std::vector<std::string> pythons = {"python3", "/usr/bin/python3"};
  if (const char *named = std::getenv("LANEFOLD_PYTHON"); named && *named) pythons = {named};
  std::string reasons;
  for (const std::string &python : pythons) {
    try {
      const std::vector<std::string> arguments = {std::to_string(options.threads)};
      auto child = std::make_shared<PythonChild>(python, lanefold_pytorch, arguments);
      const std::string version = child->reply();
      return std::make_unique<PyTorch>(std::move(child), version);
    } catch (const std::exception &error) {
      reasons += (reasons.empty() ? "" : "; ") + std::string(error.what());
    }
  }
  throw std::runtime_error(reasons);
}

} // namespace lanefold::bench
