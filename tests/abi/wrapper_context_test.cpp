// lanefold.hpp beyond the arithmetic: contexts, plugins, executors, logs, explanations, and both ways to report errors.
#include <doctest/doctest.h>

#include <lanefold/lanefold.hpp>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using namespace lanefold;

// Functions can be executors and logs, as objects can.
int calls_of_function = 0, messages_of_function = 0;

void in_order(int64_t count, Task task) {
  ++calls_of_function;
  for (int64_t i = 0; i < count; ++i) task(i);
}
void count_messages(int32_t, const char *) { ++messages_of_function; }
void quiet(int32_t, const char *) noexcept { ++messages_of_function; }

static_assert(std::is_constructible_v<Context, int> && std::is_constructible_v<Context, short>);
static_assert(!std::is_constructible_v<Context, bool> && !std::is_constructible_v<Context, double>);
static_assert(!std::is_constructible_v<Context, float> && !std::is_constructible_v<Context, int64_t>);
static_assert(!std::is_constructible_v<NetworkBuilder, bool> && !std::is_constructible_v<NetworkBuilder, double>);
static_assert(!std::is_constructible_v<DenseLayer, int, double> && !std::is_constructible_v<DenseLayer, bool, int>);
static_assert(!std::is_constructible_v<BatchNorm, float> && std::is_constructible_v<BatchNorm, size_t>);
static_assert(std::is_nothrow_move_constructible_v<Context> && std::is_nothrow_move_assignable_v<Context>);
static_assert(!std::is_copy_constructible_v<Context> && !std::is_copy_assignable_v<Context>);
static_assert(std::is_trivially_copyable_v<ContextView> && std::is_convertible_v<const Context &, ContextView>);

bool contains(const std::string &text, const std::string &part) { return text.find(part) != std::string::npos; }

} // namespace

TEST_CASE("the version, names of statuses and the CPU are known without a context") {
  CHECK(version() == LF_VERSION_MAJOR * 10000 + LF_VERSION_MINOR * 100 + LF_VERSION_PATCH);
  CHECK(status_name(LF_NOT_FOUND) == std::string("LF_NOT_FOUND"));
  char text[4096];
  REQUIRE(lf_describe_cpu(text, sizeof text, nullptr) == LF_OK);
  CHECK(Context::describe_cpu() == text);
  CHECK(NothrowContext::describe_cpu().value() == text);
}

TEST_CASE("a context says which plugin it has and why, and can be moved") {
  Context context(1);
  CHECK(context.threads() == 1);
  CHECK(context.isa() == lf_context_isa(context.get()));
  CHECK(context.isa_reason() == lf_context_isa_reason(context.get()));
  lf_context *const inside = context.get();
  Context other = std::move(context);
  CHECK(other.get() == inside);
  CHECK(context.get() == nullptr);
  context = std::move(other);
  CHECK(context.get() == inside);
  // An owner that takes another context frees its own at once.  An owner that takes its own keeps it.
  Context replaced(2);
  replaced = std::move(context);
  CHECK(replaced.get() == inside);
  CHECK(context.get() == nullptr);
  Context &same = replaced;
  replaced = std::move(same);
  CHECK(replaced.get() == inside);
  context = std::move(replaced);
  const ContextView view(context.get());
  CHECK(view.isa() == context.isa());
}

TEST_CASE("plugins are visited, or returned as owned strings, the best one first") {
  const std::vector<Plugin> plugins = Context::plugins();
  std::vector<std::string> names;
  Context::enumerate_plugins([&](const lf_plugin_candidate &candidate) { names.emplace_back(candidate.name); });
  REQUIRE(names.size() == plugins.size());
  REQUIRE(!plugins.empty());
  int taken = 0;
  for (size_t i = 0; i < names.size(); ++i) {
    CHECK(plugins[i].name == names[i]);
    CHECK(!plugins[i].reason.empty());
    taken += plugins[i].taken;
  }
  CHECK(taken == 1);
  CHECK(std::any_of(plugins.begin(), plugins.end(), [](const Plugin &p) { return p.path == "built in"; }));
  const std::vector<std::string> usable = usable_plugins();
  CHECK(usable.back() == "portable");
  CHECK(NothrowContext::usable_plugins().value() == usable);

  auto options = args<lf_context_options>();
  options.isa = "nonsense";
  const auto not_found = NothrowContext::plugins(options);
  CHECK(not_found.status() == LF_NOT_FOUND);
  CHECK(contains(not_found.message(), "nonsense"));
  CHECK((*not_found).empty());
  CHECK_THROWS_AS((void)Context::plugins(options), Error);

  const char *const isa = std::getenv("LANEFOLD_ISA");
  const std::string before = isa == nullptr ? "" : isa;
  setenv("LANEFOLD_ISA", "nonsense", 1);
  const auto none_usable = NothrowContext::usable_plugins();
  if (isa == nullptr) unsetenv("LANEFOLD_ISA");
  else setenv("LANEFOLD_ISA", before.c_str(), 1);
  CHECK(none_usable.status() == LF_NOT_FOUND);
  CHECK((*none_usable).empty());
}

TEST_CASE("an exception of a visitor leaves the enumeration, and no other plugin is visited") {
  int visited = 0;
  const auto visit = [&](const lf_plugin_candidate &) {
    ++visited;
    throw std::runtime_error("enough");
  };
  CHECK_THROWS_WITH_AS(Context::enumerate_plugins(visit), "enough", std::runtime_error);
  CHECK(visited == 1);
}

TEST_CASE("any callable is an executor, and any other one a log") {
  int calls = 0;
  int64_t tasks = 0;
  auto pool = [&](int64_t count, Task task) {
    ++calls, tasks += count;
    for (int64_t i = count; i-- > 0;) task(i);
  };
  std::string log;
  const auto write = [&](int32_t level, const char *message) { log += std::to_string(level) + message + "\n"; };
  const lf_executor executor = make_executor(pool, 3);
  auto options = args<lf_context_options>();
  options.executor = &executor;
  set_log(options, write);
  const Context own(options), one(1);
  CHECK(own.threads() == 3);
  CHECK(contains(log, std::to_string(LF_LOG_INFO)));
  CHECK(contains(log, own.isa()));
  std::vector<float> a(200 * 784, 0.5f), b(784 * 300, 0.25f), c(200 * 300), expected(c);
  own.sgemm({a.data(), 200, 784}, {b.data(), 784, 300}, {c.data(), 200, 300});
  one.sgemm({a.data(), 200, 784}, {b.data(), 784, 300}, {expected.data(), 200, 300});
  CHECK(c == expected);
  CHECK(calls > 0);
  CHECK(tasks > calls);
}

TEST_CASE("functions and pointers to them are executors and logs") {
  const auto pointer = &in_order;
  for (const lf_executor &executor :
       {make_executor(in_order, 2), make_executor(&in_order, 2), make_executor(pointer, 2)})
    for (const bool throws : {false, true}) {
      auto options = args<lf_context_options>();
      options.executor = &executor;
      if (throws) set_log(options, count_messages);
      else set_log(options, &quiet);
      const int messages = messages_of_function, calls = calls_of_function;
      const Context context(options);
      CHECK(context.threads() == 2);
      CHECK(messages_of_function > messages);
      std::vector<float> a(200 * 784, 0.5f), b(784 * 300, 0.25f), c(200 * 300);
      context.sgemm({a.data(), 200, 784}, {b.data(), 784, 300}, {c.data(), 200, 300});
      CHECK(c[0] == 98);
      CHECK(calls_of_function > calls);
    }
}

TEST_CASE("explain finds the operation from the type of its struct") {
  const Context context(1);
  auto call = args<lf_sgemm_args>();
  call.m = call.n = call.k = 100, call.alpha = 1, call.lda = call.ldb = call.ldc = 100;
  const std::string text = context.explain(call);
  CHECK(contains(text, context.isa()));
  CHECK(text == context.explain(LF_OP_SGEMM, &call));
  CHECK(text.size() == std::string(text.c_str()).size());
  auto other = args<lf_activation_forward_args>();
  other.m = other.n = other.ldx = other.ldy = 3;
  CHECK(context.explain(other) != text);
  auto dropped = args<lf_dropout_args>();
  dropped.m = dropped.n = 3;
  CHECK(contains(context.explain(dropped), "row by row"));
  auto compared = args<lf_elementwise_loss_args>();
  compared.m = compared.n = 3;
  CHECK(contains(context.explain(compared), "row by row"));
  auto moments = args<lf_batch_norm_moments_args>();
  moments.m = moments.n = 3, moments.batch_rows = 3;
  CHECK(contains(context.explain(moments), "256 rows"));
  auto merge = args<lf_batch_norm_merge_args>();
  merge.n = merge.blocks = 1, merge.batch_rows = 3;
  CHECK(contains(context.explain(merge), "256 rows"));
  auto sums = args<lf_column_sums_args>();
  sums.m = sums.n = sums.batch_rows = 3;
  CHECK(contains(context.explain(sums), "256 rows"));
  CHECK_THROWS_AS((void)context.explain(LF_OP_COUNT, &call), Error);
  CHECK(context.nothrow().explain(LF_OP_COUNT, &call).status() != LF_OK);
}

TEST_CASE("an optimizer takes its step on views, with the bits of the C call") {
  const Context context(1);
  std::vector<float> w = {1, 2, 3}, g = {0.5f, -1, 2}, m(3), v(3), w2 = w, m2(3), v2(3);
  const UpdateRule adam{LF_ADAM, 0.01f, 0.1f};
  auto call = args<lf_optimizer_step_args>();
  call.optimizer = LF_ADAM, call.weight_decay = 0.1f, call.n = 3, call.w = w2.data(), call.g = g.data();
  call.m = m2.data(), call.v = v2.data(), call.learning_rate = 0.01f, call.momentum = 0.9f, call.beta2 = 0.999f;
  call.eps = 1e-8f;
  for (int64_t step = 1; step <= 3; ++step) {
    context.optimizer_step(adam, w, g, m, v, step);
    call.step = step;
    context.optimizer_step(call);
  }
  CHECK(w == w2);
  CHECK(m == m2);
  CHECK(v == v2);
  CHECK(w[0] != 1);
}

TEST_CASE("folding returns the bound of its error") {
  const Context context(1);
  BatchNorm norm(2);
  norm.gamma = {2, 3}, norm.running_var = {4, 9};
  const float w[2][2] = {{1, 2}, {3, 4}}, bias[] = {1, 0};
  float folded[2][2], folded_bias[2], bound[2] = {-1, -1};
  context.fold_batch_norm(w, bias, norm, folded, folded_bias, bound, 10);
  CHECK(folded[0][0] == doctest::Approx(2 / std::sqrt(4.001)));
  CHECK(bound[0] > 0);
  CHECK(bound[0] < 1e-4f);
}

TEST_CASE("one context throws errors and returns them") {
  const Context context(1);
  const NothrowContextView nothrow = context.nothrow();
  float x[6] = {};
  const Result<void> fine = nothrow.activation_forward({LF_RELU}, {x, 2, 3}, {x, 2, 3});
  CHECK(fine);
  CHECK(fine.message() == std::string());
  fine.value();
  // What the library refuses, and what the views refuse.
  const Result<void> by_library = nothrow.activation_forward({LF_ELU, -1}, {x, 2, 3}, {x, 2, 3});
  CHECK(!by_library);
  CHECK(by_library.status() == LF_INVALID_ARGUMENT);
  CHECK(by_library.message() == std::string(context.last_error()));
  CHECK(contains(by_library.message(), "alpha is -1"));
  const Result<void> by_views = nothrow.activation_forward({LF_RELU}, {x, 2, 3}, {x, 3, 2});
  CHECK(by_views.status() == LF_INVALID_ARGUMENT);
  CHECK(by_views.message() == std::string("rows of x and y differ: 2 and 3"));
  CHECK_THROWS_WITH_AS(context.activation_forward({LF_RELU}, {x, 2, 3}, {x, 3, 2}), "rows of x and y differ: 2 and 3",
                       Error);

  const int32_t labels[] = {0, 5};
  const Result<float> loss = nothrow.softmax_cross_entropy({x, 2, 3}, labels);
  CHECK(!loss);
  CHECK(contains(loss.message(), "labels[1]"));
  const float weights[] = {1, 1, 1};
  CHECK(nothrow.softmax_cross_entropy({x, 2, 3}, labels, {}, weights).message() ==
        std::string("elements of weights and rows of x differ: 3 and 2"));
  CHECK(nothrow.elementwise_loss({}, {x, 2, 3}, {x, 3, 2}).message() ==
        std::string("rows of x and targets differ: 2 and 3"));
  CHECK(nothrow.elementwise_loss({}, {x, 2, 3}, {x, 2, 3}, {}, weights).message() ==
        std::string("elements of weights and rows of x differ: 3 and 2"));
  CHECK(contains(nothrow.elementwise_loss({LF_HUBER_ERROR, 0}, {x, 2, 3}, {x, 2, 3}).message(), "delta is 0"));
  CHECK(*nothrow.elementwise_loss({}, {x, 2, 3}, {x, 2, 3}) == 0);
  CHECK(contains(nothrow.dropout({1}, {x, 2, 3}, {x, 2, 3}).message(), "rate is 1"));
  CHECK(nothrow.dropout({}, {x, 2, 3}, {x, 3, 2}).message() == std::string("rows of x and y differ: 2 and 3"));
  const Result<int64_t> correct = nothrow.top_k_correct({x, 2, 3}, {labels, 1});
  CHECK(correct.message() == std::string("elements of labels and rows of x differ: 1 and 2"));
  CHECK(*nothrow.top_k_correct({x, 1, 3}, {labels, 1}) == 1);
  const Result<PackedWeights> packed = nothrow.pack_weights({x, 2, 3, 1});
  CHECK(!packed);
  CHECK(packed->get() == nullptr);
  const DenseLayer folds(2, 3, {}, true);
  CHECK(nothrow.fold(folds).value().w == context.fold(folds).w);
}

TEST_CASE("contexts are made with a result, and a failed one names what is wrong") {
  auto options = args<lf_context_options>();
  options.threads = -1;
  const Result<NothrowContext> failed = NothrowContext::create(options);
  CHECK(!failed);
  CHECK(contains(failed.message(), "threads"));
  CHECK_THROWS_AS(Context{options}, Error);
  options.threads = 1;
  NothrowContext context = NothrowContext::create(options).value();
  CHECK(context.threads() == 1);
  const NothrowContext empty;
  float x[1] = {};
  CHECK(empty.activation_forward({LF_RELU}, {x, 1, 1}, {x, 1, 1}).status() == LF_INVALID_ARGUMENT);
  CHECK(empty.isa() == "");
}
