// lanefold.hpp without exceptions and without RTTI: a network is made and used, and each error is returned.
#include <lanefold/lanefold.hpp>

#include <csignal>
#include <cstdio>
#include <cstring>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#if defined(__cpp_exceptions) || defined(__cpp_rtti)
#error "this program is compiled with -fno-exceptions -fno-rtti"
#endif

namespace {

int wrong = 0;

void check(bool right, const char *what) {
  if (!right) std::fprintf(stderr, "wrong: %s\n", what), ++wrong;
}

void fails(const lanefold::Outcome &result, const char *message) {
  if (result || std::strcmp(result.message(), message) != 0)
    std::fprintf(stderr, "wrong: '%s' instead of '%s'\n", result.message(), message), ++wrong;
}

// True if the value of a failed call ends the program, which is a child of this one.
bool ends_the_program(const lanefold::Result<float> &failed) {
  const pid_t child = fork();
  if (child == 0) _exit(failed.value() > 0);
  int state = 0;
  return child > 0 && waitpid(child, &state, 0) == child && WIFSIGNALED(state) && WTERMSIG(state) == SIGABRT;
}

} // namespace

int main() {
  using namespace lanefold;
  auto options = args<lf_context_options>();
  options.isa = "nonsense";
  const Result<NothrowContext> unknown = NothrowContext::create(options);
  check(unknown.status() == LF_NOT_FOUND && std::strstr(unknown.message(), "nonsense"),
        "an unknown plugin is an error");
  options.isa = nullptr, options.threads = 1;
  const Result<NothrowContext> made = NothrowContext::create(options);
  if (!made) return std::fputs(made.message(), stderr), 1;
  const NothrowContext &context = *made;

  NetworkBuilder builder(2);
  builder.normalized(3, {LF_ELU, 1}).dense(1);
  for (DenseLayer &layer : builder.layers()) layer.w.assign(layer.w.size(), 0.5f);
  const Result<InferenceNetwork> network = builder.build(context);
  if (!network) return std::fputs(network.message(), stderr), 1;
  const float x[2][2] = {{1, 2}, {3, 4}};
  float y[2][1] = {};
  check(bool(context.network_infer(x, *network, y)), "inference succeeds");
  check(y[0][0] > 2.24f && y[0][0] < 2.25f, "inference computes y"); // 3 * 0.5 * 1.5 / sqrt(1.001)
  fails(context.network_infer({x[0], 1, 2}, *network, y), "rows of x and y differ: 1 and 2");
  fails(builder.append(DenseLayer(7, 1)).build(context),
        "layer 2: inputs is 7; expected 1, the outputs of the layer before");
  DenseLayer changed = builder.layers()[0];
  changed.inputs = -1;
  check(context.fold(changed).status() == LF_INVALID_ARGUMENT, "a layer whose sizes are wrong is an error");

  int visited = 0;
  check(bool(NothrowContext::enumerate_plugins([&](const lf_plugin_candidate &) { ++visited; })) && visited > 0,
        "plugins are visited");
  check(NothrowContext::plugins()->size() == static_cast<size_t>(visited), "plugins are returned");
  check(!NothrowContext::describe_cpu()->empty(), "the CPU has a description");

  float weights[] = {1, 1, 1};
  const int32_t labels[] = {0, 1};
  fails(context.elementwise_loss({LF_HUBER_ERROR}, x, x, {}, weights),
        "elements of weights and rows of x differ: 3 and 2");
  float dropped[2][2];
  check(bool(context.dropout({0.5f, 1}, x, dropped)), "dropout succeeds");
  fails(context.dropout({0.5f, 1}, x, y), "columns of x and y differ: 2 and 1");

  float moments[6], merged[6], sums[4];
  const Part part{0, 2};
  check(bool(context.batch_norm_moments(part, x, moments)) && bool(context.batch_norm_merge(0, 2, moments, merged)),
        "the moments of a part are merged");
  check(merged[0] == 2 && merged[1] == 3 && merged[4] == 2, "the means and the sum of squared deviations are right");
  fails(context.batch_norm_moments(part, x, sums),
        "elements of moments and of the moments of all blocks differ: 4 and 6");
  check(bool(context.column_sums(part, x, sums)) && sums[0] == 4 && sums[1] == 6, "the columns have sums");
  fails(context.column_sums(part, x, moments), "elements of sums and of all sums differ: 6 and 4");
  fails(context.softmax_cross_entropy(x, {labels, 2}, {}, {}, weights),
        "elements of losses and rows of x differ: 3 and 2");

  const int32_t label = 2;
  const Result<float> loss = context.softmax_cross_entropy(x, {&label, 1});
  fails(loss, "elements of labels and rows of x differ: 1 and 2");
  check(*loss == 0, "a failed call has an empty value");
  check(ends_the_program(loss), "the value of a failed call ends the program");
  return wrong != 0;
}
