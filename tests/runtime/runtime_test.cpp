// The runtime: finding, trusting and loading plugins, selection, executor, scratch memory and messages.  The program links
// the library's inner parts.  LANEFOLD_FAKE_PLUGINS is the folder of the fake plugins.
#include <doctest/doctest.h>

#include "plugin_folder.hpp"
#include "runtime/cpus.hpp"
#include "runtime/error.hpp"
#include "runtime/executor.hpp"
#include "runtime/manifest.hpp"
#include "runtime/scratch.hpp"

#include <lanefold/lanefold.hpp>
#include <lanefold/plugin.h>

#include <atomic>
#include <cfenv>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

using namespace lanefold::runtime;
using namespace lanefold::test;

namespace {

void keep_line(void *self, int32_t, const char *message) { *static_cast<std::string *>(self) += message; }

lf_sgemm_args recording(std::vector<float> &c) {
  auto args = lanefold::args<lf_sgemm_args>();
  args.m = static_cast<int64_t>(c.size()) / 3;
  args.n = args.ldc = 3;
  args.c = c.data();
  return args;
}

#if defined(__x86_64__)
uint32_t control_bits() { return _mm_getcsr() & ~0x3fu; }
constexpr float default_state = 0x1f80;
#else
uint64_t control_bits() {
  uint64_t state;
  asm volatile("mrs %0, fpcr" : "=r"(state));
  return state;
}
constexpr float default_state = 0;
#endif

} // namespace

TEST_CASE("the best usable plugin is taken, and enumeration says why") {
  Folder folder;
  folder.add("second", "a-second", second);
  folder.add("good", "b-good", good);
  const auto options = options_for(folder);
  const Created created = create(options);
  REQUIRE(created.status == LF_OK);
  CHECK(created.isa() == "fake");

  const auto seen = enumerate(options);
  REQUIRE(seen.size() >= 3);
  CHECK(seen[0].name == "fake");
  CHECK(seen[0].taken);
  CHECK(seen[0].path == folder.module("b-good"));
  CHECK(seen[1].name == "second");
  CHECK(seen[1].usable);
  CHECK_FALSE(seen[1].taken);
  CHECK(contains(seen[1].reason, "fake"));
  CHECK(contains(reason_of(seen, "portable"), "fake"));
}

TEST_CASE("among plugins with the same priority the first name is used, and the reason says so") {
  Folder folder;
  folder.add("good", "b-good", good);
  folder.add("good", "c-good", good);
  folder.add("lazy-sgemm", "a-lazy", "name lazy-sgemm\nvendor tests\npriority 1000\nneeds\n");
  const auto seen = enumerate(options_for(folder));
  REQUIRE(seen.size() >= 4);
  CHECK(seen[0].path == folder.module("b-good"));
  CHECK(seen[1].reason == "the plugin of this name in " + folder.module("b-good") + " is used");
  CHECK(seen[2].reason == "fake has the same priority, and comes first in the alphabet");
  CHECK(reason_of(seen, "portable") == "fake has a higher priority");
}

TEST_CASE("a choice can be forced, and an impossible one says why") {
  Folder folder;
  folder.add("good", "good", good);
  folder.add("aborts", "aborts", std::string("name aborts\nvendor tests\npriority 2000\nneeds ") + absent_feature);
  CHECK(create(options_for(folder, "portable")).isa() == "portable");

  const Created unknown = create(options_for(folder, "avx3"));
  CHECK(unknown.status == LF_NOT_FOUND);
  for (const char *part : {"avx3", "fake", "portable", "aborts"}) CHECK(contains(unknown.message, part));

  const Created unusable = create(options_for(folder, "aborts"));
  CHECK(unusable.status == LF_UNUSABLE);
  CHECK(contains(unusable.message, std::string("needs ") + absent_feature + ", which this CPU lacks"));

  setenv("LANEFOLD_ISA", "nothing", 1);
  lf_context *context = nullptr;
  auto options = options_for(folder, "");
  CHECK(lf_context_create(&options, &context) == LF_NOT_FOUND);
  CHECK(contains(lf_last_error(nullptr), "LANEFOLD_ISA is 'nothing'"));
  options.isa = "fake";
  CHECK(lf_context_create(&options, &context) == LF_OK);
  CHECK(std::string(lf_context_isa(context)) == "fake");
  lf_context_destroy(context);
  unsetenv("LANEFOLD_ISA");
}

TEST_CASE("a plugin that is older than weights, losses and batches of rows is not asked for them") {
  Folder folder;
  folder.add("lazy-softmax_cross_entropy", "lazy",
             "name lazy-softmax_cross_entropy\nvendor tests\npriority 1000\nneeds\n");
  const Created created = create(options_for(folder));
  REQUIRE(created.isa() == "lazy-softmax_cross_entropy");
  const float x[] = {0, 0}, weight = 2;
  const int32_t label = 0;
  float loss = -1;
  auto call = lanefold::args<lf_softmax_cross_entropy_args>();
  call.m = 1, call.n = 2, call.x = x, call.ldx = 2, call.labels = &label, call.loss = &loss;
  CHECK(lf_softmax_cross_entropy(created.context.get(), &call) == LF_OK);
  CHECK(loss == -1); // the lazy plugin has done nothing
  call.weights = &weight;
  CHECK(lf_softmax_cross_entropy(created.context.get(), &call) == LF_OK);
  CHECK(loss == doctest::Approx(1.3862944));
  float losses = -1, dx[2] = {-1, -1};
  loss = -1, call.weights = nullptr, call.batch_rows = 1; // the whole batch
  CHECK(lf_softmax_cross_entropy(created.context.get(), &call) == LF_OK);
  CHECK(loss == -1);
  call.losses = &losses;
  CHECK(lf_softmax_cross_entropy(created.context.get(), &call) == LF_OK);
  CHECK(losses == doctest::Approx(0.6931472));
  call.losses = nullptr, call.batch_rows = 4, call.dx = dx, call.lddx = 2;
  CHECK(lf_softmax_cross_entropy(created.context.get(), &call) == LF_OK);
  CHECK(dx[1] == 0.125f);
}

TEST_CASE("a plugin that is older than a batch in parts does not normalize one, and applies no activation") {
  Folder forward_folder, backward_folder;
  forward_folder.add("lazy-batch_norm_forward", "norm",
                     "name lazy-batch_norm_forward\nvendor tests\npriority 1000\nneeds\n");
  backward_folder.add("lazy-batch_norm_backward", "norm",
                      "name lazy-batch_norm_backward\nvendor tests\npriority 1000\nneeds\n");
  const Created forward = create(options_for(forward_folder)), backward = create(options_for(backward_folder));
  REQUIRE(forward.isa() == "lazy-batch_norm_forward");
  REQUIRE(backward.isa() == "lazy-batch_norm_backward");
  float x[] = {3, 5}, y[] = {-1, -1}, one = 1, zero = 0, mean = 4, variance = 1, dgamma = 2, dbeta = 2;
  auto norm = lanefold::args<lf_batch_norm>();
  norm.eps = 1e-12f, norm.momentum = 1, norm.gamma = &one, norm.beta = &zero;
  norm.running_mean = &mean, norm.running_var = &variance, norm.mean = &mean, norm.inv_std = &one;
  auto a = lanefold::args<lf_batch_norm_forward_args>();
  a.m = 2, a.n = 1, a.x = x, a.ldx = 1, a.y = y, a.ldy = 1, a.batch_norm = &norm;
  CHECK(lf_batch_norm_forward(forward.context.get(), &a) == LF_OK);
  CHECK(y[1] == -1); // the lazy plugin has done nothing
  a.activation = LF_RELU;
  CHECK(lf_batch_norm_forward(forward.context.get(), &a) == LF_OK);
  CHECK(y[0] == 0);
  CHECK(y[1] == 1);
  a.activation = LF_IDENTITY, a.flags = LF_BATCH_STATISTICS;
  CHECK(lf_batch_norm_forward(forward.context.get(), &a) == LF_OK);
  CHECK(y[0] == -1);

  float dx[] = {7, 7};
  auto b = lanefold::args<lf_batch_norm_backward_args>();
  b.m = 2, b.n = 1, b.x = x, b.ldx = 1, b.dy = x, b.lddy = 1, b.dx = dx, b.lddx = 1, b.batch_norm = &norm;
  b.dgamma = &dgamma, b.dbeta = &dbeta;
  CHECK(lf_batch_norm_backward(backward.context.get(), &b) == LF_OK);
  CHECK(dx[0] == 7); // the lazy plugin has done nothing
  b.flags = LF_BATCH_STATISTICS, b.batch_rows = 4;
  CHECK(lf_batch_norm_backward(backward.context.get(), &b) == LF_OK);
  CHECK(dx[0] == 3); // 3 - 2 / 4 - (3 - 4) * 2 / 4
  CHECK(dx[1] == 4);
}

TEST_CASE("a plugin that the CPU cannot run is never opened") {
  Folder folder;
  folder.add("aborts", "aborts", std::string("name aborts\nvendor tests\npriority 2000\nneeds ") + absent_feature);
  const auto seen = enumerate(options_for(folder));
  CHECK(contains(reason_of(seen, "aborts"), "this CPU lacks"));
  CHECK(create(options_for(folder)).status == LF_OK);
}

TEST_CASE("a plugin that differs from its manifest is not used") {
  Folder folder;
  folder.add("good", "priority", "name fake\nvendor tests\npriority 3000\nneeds\n");
  folder.add("second", "name", "name other\nvendor tests\npriority 900\nneeds\n");
  folder.add("mute", "mute", "name mute\nvendor tests\npriority 2000\nneeds\n");
  folder.add("half", "half", "name half\nvendor tests\npriority 1000\nneeds\n");
  folder.add("still", "needs", std::string("name still\nvendor tests\npriority 1\nneeds ") + present_feature);
  folder.write_manifest("junk", "name junk\nvendor tests\npriority 5000\nneeds\n");
  std::ofstream(folder.module("junk")) << "not a module";
  std::string log;
  auto options = options_for(folder);
  options.log = keep_line;
  options.log_self = &log;
  const auto seen = enumerate(options);
  CHECK(contains(reason_of(seen, "fake"), "priority"));
  CHECK(contains(reason_of(seen, "other"), "its entry has the name second"));
  CHECK(contains(reason_of(seen, "mute"), "does not export lf_plugin_entry_v1"));
  CHECK(contains(reason_of(seen, "half"), "only a part"));
  CHECK(reason_of(seen, "still") == std::string("its entry needs nothing, but its manifest needs ") + present_feature);
  CHECK(contains(reason_of(seen, "junk"), "cannot be opened"));
  CHECK(contains(log, "mute"));
  CHECK_FALSE(contains(create(options).isa(), "fake"));
  const Created forced = create(options_for(folder, "mute"));
  CHECK(forced.status == LF_UNUSABLE);
  CHECK(contains(forced.message, "does not export"));
}

TEST_CASE("of two plugins with one name the first is used, and the built-in portable comes before all") {
  Folder first, other;
  first.add("good", "z", good);
  other.add("good", "a", good);
  other.add("second", "p", "name portable\nvendor tests\npriority 900\nneeds\n");
  const std::string path = first.path() + "::" + other.path();
  auto options = options_for(first);
  options.plugin_path = path.c_str();
  const auto seen = enumerate(options);
  CHECK(seen[0].path == first.module("z"));
  CHECK(seen[0].taken);
  CHECK(seen[1].path == other.module("a"));
  CHECK(contains(seen[1].reason, first.module("z")));
  CHECK(reason_of(seen, "portable") == "the built-in plugin of this name is used");
}

TEST_CASE("folders that an option names must exist, and of a variable's folders those that do are used") {
  Folder folder;
  folder.add("good", "good", good);
  const std::string file = folder.module("good");
  for (const auto &[name, problem] : {std::pair<std::string, std::string>("/nonexistent/folder", "does not exist"),
                                      {"relative", "is not an absolute path"},
                                      {file, "is not a folder"}}) {
    const std::string path = folder.path() + ":" + name;
    auto options = options_for(folder);
    options.plugin_path = path.c_str();
    const Created created = create(options);
    CHECK(created.status == LF_NOT_FOUND);
    for (const std::string &part : {std::string("plugin_path"), "'" + name + "' " + problem})
      CHECK(contains(created.message, part));

    std::string log;
    options.plugin_path = nullptr;
    options.log = keep_line;
    options.log_self = &log;
    setenv("LANEFOLD_PLUGIN_PATH", path.c_str(), 1);
    CHECK(create(options).isa() == "fake");
    unsetenv("LANEFOLD_PLUGIN_PATH");
    for (const std::string &part :
         {std::string("LANEFOLD_PLUGIN_PATH"), "'" + name + "' " + problem, std::string("unset")})
      CHECK(contains(log, part));
  }
}

TEST_CASE("LANEFOLD_NUM_THREADS lowers a number of threads that the application leaves open") {
  Folder folder;
  auto options = options_for(folder);
  const auto threads = [&] { return lf_context_threads(create(options).context.get()); };
  const int32_t all = threads();
  setenv("LANEFOLD_NUM_THREADS", "1", 1);
  CHECK(threads() == 1);
  options.threads = 3;
  CHECK(threads() == 3);
  options.threads = 0;
  setenv("LANEFOLD_NUM_THREADS", "4096", 1);
  CHECK(threads() == all);
  setenv("LANEFOLD_NUM_THREADS", "", 1);
  CHECK(threads() == all);
  auto executor = lanefold::args<lf_executor>();
  executor.threads = 7;
  executor.parallel_for = [](void *, int64_t, lf_task, void *) {};
  options.executor = &executor;
  CHECK(threads() == 7);
  setenv("LANEFOLD_NUM_THREADS", "5", 1);
  CHECK(threads() == 5);
  for (const char *wrong : {"0", "-1", "4097", "two", "2x", " 2", "99999999999"}) {
    setenv("LANEFOLD_NUM_THREADS", wrong, 1);
    const Created created = create(options);
    CHECK(created.status == LF_INVALID_ARGUMENT);
    CHECK(contains(created.message, "LANEFOLD_NUM_THREADS is '" + std::string(wrong) + "', but must be 1 to 4096"));
  }
  unsetenv("LANEFOLD_NUM_THREADS");
}

TEST_CASE("CPU quotas of control groups of both versions count as fewer CPUs") {
  const TemporaryFolder root;
  const auto write = [&](const std::string &file, const std::string &text) {
    std::filesystem::create_directories(std::filesystem::path(root / file).parent_path());
    std::ofstream(root / file) << text << '\n';
  };
  CHECK(std::isinf(cpu_quota(root.path()))); // neither file is there
  write("proc/self/cgroup", "0::/a/b");
  CHECK(std::isinf(cpu_quota(root.path())));
  write("sys/fs/cgroup/a/b/cpu.max", "max 100000");
  CHECK(std::isinf(cpu_quota(root.path())));
  write("sys/fs/cgroup/a/b/cpu.max", "250000 100000");
  CHECK(cpu_quota(root.path()) == 2.5);
  write("sys/fs/cgroup/a/cpu.max", "50000 100000"); // a group above
  CHECK(cpu_quota(root.path()) == 0.5);
  write("sys/fs/cgroup/cpu.max", "20000 100000"); // the root, which only a container's has
  CHECK(cpu_quota(root.path()) == 0.2);
  write("proc/self/cgroup", "5:memory:/x\n4:cpu,cpuacct:/docker/123\n1:name=systemd:/y");
  CHECK(std::isinf(cpu_quota(root.path())));
  write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1");
  write("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000");
  CHECK(std::isinf(cpu_quota(root.path())));
  write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "150000"); // in a container its own group is the root
  CHECK(cpu_quota(root.path()) == 1.5);
  write("sys/fs/cgroup/cpu/docker/123/cpu.cfs_quota_us", "100000");
  write("sys/fs/cgroup/cpu/docker/123/cpu.cfs_period_us", "100000");
  CHECK(cpu_quota(root.path()) == 1.0);
  write("sys/fs/cgroup/cpu/docker/123/cpu.cfs_quota_us", "nonsense");
  CHECK(cpu_quota(root.path()) == 1.5);
  CHECK(available_cpus() >= 1);
  CHECK(available_cpus() <= affinity_cpus());
}

TEST_CASE("an operation that a plugin lacks or declines goes to the next one") {
  Folder folder;
  folder.add("partial", "partial", "name partial\nvendor tests\npriority 1000\nneeds\n");
  folder.add("second", "second", second);
  const Created created = create(options_for(folder));
  REQUIRE(created.isa() == "partial");
  lf_context *context = created.context.get();

  float y = 1, dx = 0;
  auto backward = lanefold::args<lf_activation_backward_args>();
  backward.m = backward.n = backward.ldy = backward.lddy = backward.lddx = 1;
  backward.y = backward.dy = &y;
  backward.dx = &dx;
  CHECK(lf_activation_backward(context, &backward) == LF_OK);
  CHECK(dx == 900);
  CHECK(std::string(lf_last_error(context)) == "");

  float one = 1, folded_bias = 0;
  auto norm = lanefold::args<lf_batch_norm>();
  norm.eps = 1;
  float running[2] = {1, 1};
  norm.gamma = norm.beta = &one;
  norm.running_mean = running;
  norm.running_var = running + 1;
  auto fold = lanefold::args<lf_fold_batch_norm_args>();
  fold.n = 1;
  fold.batch_norm = &norm;
  fold.folded_bias = &folded_bias;
  CHECK(lf_fold_batch_norm(context, &fold) == LF_OK);
  CHECK(folded_bias == 900);

  char text[100];
  auto args = lanefold::args<lf_sgemm_args>();
  args.m = args.n = args.k = 1;
  CHECK(lf_explain(context, LF_OP_SGEMM, &args, text, sizeof text, nullptr) == LF_OK);
  CHECK(std::string(text).starts_with("partial, "));
  CHECK(std::string(text).ends_with(": operation 0"));
  CHECK(lf_explain(context, LF_OP_FOLD_BATCH_NORM, &fold, text, sizeof text, nullptr) == LF_OK);
  CHECK(std::string(text).starts_with("second, "));
  args.m = -1;
  CHECK(lf_explain(context, LF_OP_SGEMM, &args, text, sizeof text, nullptr) == LF_INVALID_ARGUMENT);
  CHECK(lf_explain(context, LF_OP_COUNT, &args, text, sizeof text, nullptr) == LF_UNSUPPORTED);
}

TEST_CASE("a stand-in that turns out to be of no use causes a warning when it is needed, with the cure") {
  Folder folder;
  folder.add("partial", "partial", "name partial\nvendor tests\npriority 1000\nneeds\n");
  folder.add("second", "second", "name second\nvendor tests\npriority 901\nneeds\n"); // its entry says 900
  std::string log;
  auto options = options_for(folder);
  options.log = keep_line;
  options.log_self = &log;
  const Created created = create(options);
  REQUIRE(created.isa() == "partial");
  CHECK_FALSE(contains(log, "second"));
  float y = 1, dx = 0;
  auto backward = lanefold::args<lf_activation_backward_args>();
  backward.m = backward.n = backward.ldy = backward.lddy = backward.lddx = 1;
  backward.y = backward.dy = &y;
  backward.dx = &dx;
  for (int call = 0; call < 2; ++call) {
    CHECK(lf_activation_backward(created.context.get(), &backward) == LF_OK);
    CHECK(dx == 1); // of the next stand-in
    CHECK(contains(log, "the plugin second (" + folder.module("second") + ") is not used for what partial lacks: "));
    CHECK(contains(log, "its priority differs from that in its manifest; install it again"));
    CHECK(log.find("second (") == log.rfind("second ("));
  }
}

TEST_CASE("no other plugin does the work of a forced one") {
  Folder folder;
  folder.add("good", "good", good);
  folder.add("second", "second", second);
  const Created created = create(options_for(folder, "second"));
  REQUIRE(created.status == LF_OK);
  float x = 1, y = 0;
  auto args = lanefold::args<lf_activation_forward_args>();
  args.m = args.n = args.ldx = args.ldy = 1;
  args.x = &x;
  args.y = &y;
  CHECK(lf_activation_forward(created.context.get(), &args) == LF_OUT_OF_MEMORY);
  CHECK(std::string(lf_last_error(created.context.get())) == "lf_activation_forward: second got m 1");
}

TEST_CASE("packed weights outlive their context and serve another context") {
  Folder folder;
  folder.add("good", "good", good);
  float w = 7, y[2] = {0, 0}, x = 1;
  auto pack = lanefold::args<lf_pack_weights_args>();
  pack.n = pack.k = pack.ldw = 1;
  pack.w = &w;
  lf_packed_weights *packed = nullptr;
  {
    const Created maker = create(options_for(folder));
    REQUIRE(lf_pack_weights(maker.context.get(), &pack, &packed) == LF_OK);
  }
  const Created user = create(options_for(folder, "portable"));
  auto infer = lanefold::args<lf_dense_infer_args>();
  infer.m = infer.n = infer.k = infer.ldx = infer.ldy = 1;
  infer.x = &x;
  infer.y = y;
  CHECK(lf_dense_infer(user.context.get(), &infer, packed) == LF_OK);
  CHECK(y[0] == 7);
  infer.n = infer.ldy = 2;
  CHECK(lf_dense_infer(user.context.get(), &infer, packed) == LF_INVALID_ARGUMENT);
  CHECK(contains(lf_last_error(user.context.get()), "n is 2, but packed has 1 columns"));
  lf_packed_weights_destroy(packed);
}

TEST_CASE("every task runs with the promised floating-point state, and the caller keeps its own") {
  Folder folder;
  folder.add("good", "good", good);
  for (const int32_t threads : {1, 2}) {
    auto options = options_for(folder);
    options.threads = threads;
    const Created created = create(options);
    std::vector<float> c(3 * 50, 0.0f);
    const auto args = recording(c);
#if defined(__x86_64__)
    _mm_setcsr(0x1f80 | 0x8040); // flush to zero, denormals are zero
#endif
    std::fesetround(FE_UPWARD);
    const auto before = control_bits();
    const lf_status status = lf_sgemm(created.context.get(), &args);
    const auto after = control_bits();
    std::fesetenv(FE_DFL_ENV);
    CHECK(status == LF_OK);
    CHECK(before == after);
    CHECK(static_cast<float>(before) != default_state);
    CHECK(c[2] == default_state);
    for (std::size_t row = 0; row < 50; ++row) {
      CHECK(c[3 * row] == default_state);
      CHECK(c[3 * row + 1] == 1);
    }
  }
}

namespace {

struct Pool {
  int64_t calls = 0, tasks = 0;
  static void run(void *self, int64_t count, lf_task task, void *arg) {
    auto *pool = static_cast<Pool *>(self);
    pool->calls += 1;
    pool->tasks += count;
    std::vector<std::thread> threads;
    for (int64_t i = 0; i < count; ++i) threads.emplace_back(task, arg, i);
    for (std::thread &thread : threads) thread.join();
  }
};

} // namespace

TEST_CASE("the application's own executor runs the tasks, no more at a time than the limit") {
  Folder folder;
  folder.add("good", "good", good);
  Pool pool;
  auto executor = lanefold::args<lf_executor>();
  executor.threads = 4;
  executor.self = &pool;
  executor.parallel_for = Pool::run;
  auto options = options_for(folder);
  options.executor = &executor;
  options.threads = 3;
  const Created created = create(options);
  REQUIRE(created.status == LF_OK);
  CHECK(lf_context_threads(created.context.get()) == 3);
  std::vector<float> c(3 * 50, 0.0f);
  const auto args = recording(c);
  CHECK(lf_sgemm(created.context.get(), &args) == LF_OK);
  CHECK(pool.calls == 1);
  CHECK(pool.tasks == 3);
  for (std::size_t row = 0; row < 50; ++row) CHECK(c[3 * row + 1] == 1);
}

namespace {

struct Crowd {
  std::atomic<int> now{0}, most{0}, done{0};
  static void task(void *self, int64_t) {
    auto *crowd = static_cast<Crowd *>(self);
    const int now = ++crowd->now;
    for (int most = crowd->most; now > most && !crowd->most.compare_exchange_weak(most, now);) {
    }
    std::this_thread::yield();
    --crowd->now;
    ++crowd->done;
  }
};

} // namespace

TEST_CASE("oneTBB runs each task once, within the thread limit") {
  for (const int32_t threads : {1, 2, 5}) {
    Executor executor(threads, lf_executor{});
    Crowd crowd;
    for (int repeat = 0; repeat < 20; ++repeat) executor.parallel_for(37, Crowd::task, &crowd);
    CHECK(crowd.done == 20 * 37);
    CHECK(crowd.most <= threads);
    executor.parallel_for(0, Crowd::task, &crowd);
    executor.parallel_for(-1, Crowd::task, &crowd);
    CHECK(crowd.done == 20 * 37);
  }
}

TEST_CASE("scratch memory is aligned and reused, and a request that is too large gets none") {
  Scratch scratch;
  void *small = scratch.acquire(100);
  void *large = scratch.acquire(1 << 20);
  REQUIRE(small != nullptr);
  REQUIRE(large != nullptr);
  CHECK(reinterpret_cast<uintptr_t>(small) % 64 == 0);
  CHECK(reinterpret_cast<uintptr_t>(large) % 64 == 0);
  std::memset(small, 1, 100);
  std::memset(large, 1, 1 << 20);
  scratch.release(large);
  scratch.release(small);
  CHECK(scratch.acquire(1) == small);
  CHECK(scratch.acquire((1 << 20) - 5) == large);
  scratch.release(small);
  scratch.release(large);
  scratch.release(nullptr);
  CHECK(scratch.acquire(UINT64_MAX) == nullptr);
  CHECK(scratch.acquire(uint64_t{1} << 61) == nullptr);
}

TEST_CASE("messages belong to one thread and one context, and survive calls that succeed") {
  Folder folder;
  folder.add("good", "good", good);
  const Created created = create(options_for(folder));
  lf_context *context = created.context.get();
  std::atomic<int> wrong{0};
  const auto fail_often = [&](int64_t m) {
    std::vector<float> x(static_cast<std::size_t>(m)), y(x);
    auto args = lanefold::args<lf_activation_forward_args>();
    args.m = m;
    args.n = args.ldx = args.ldy = 1;
    args.x = x.data();
    args.y = y.data();
    const std::string expected = "lf_activation_forward: fake got m " + std::to_string(m);
    for (int i = 0; i < 200; ++i) {
      if (lf_activation_forward(context, &args) != LF_OUT_OF_MEMORY) ++wrong;
      std::vector<float> c(6);
      const auto fine = recording(c);
      if (lf_sgemm(context, &fine) != LF_OK) ++wrong;
      if (expected != lf_last_error(context)) ++wrong;
    }
  };
  std::vector<std::thread> threads;
  for (int64_t m = 1; m <= 4; ++m) threads.emplace_back(fail_often, m);
  for (std::thread &thread : threads) thread.join();
  CHECK(wrong == 0);
  CHECK(std::string(lf_last_error(context)) == "");
}

TEST_CASE("the oldest of many contexts' messages makes room for a new one, and long messages are cut") {
  for (uint64_t serial = 1000; serial < 1010; ++serial)
    note_error(serial, LF_INTERNAL, "call", std::to_string(serial).c_str());
  CHECK(std::string(last_error(1000)) == "");
  CHECK(std::string(last_error(1009)) == "call: 1009");
  note_error(1009, LF_INTERNAL, "call", std::string(2000, 'x').c_str());
  CHECK(std::strlen(last_error(1009)) == message_size - 1);
}

TEST_CASE("statuses have names, and the library has a version") {
  CHECK(std::string(lf_status_name(LF_UNUSABLE)) == "LF_UNUSABLE");
  CHECK(std::string(lf_status_name(99)) == "unknown status");
  CHECK(lf_version() == LF_VERSION_MAJOR * 10000 + LF_VERSION_MINOR * 100 + LF_VERSION_PATCH);
}
