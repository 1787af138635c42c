// Bad arguments of losses, optimizers, contexts and lf_explain.  A call gives the right status and a message that names
// the argument, and writes nothing.
#include "faults.hpp"

using namespace lanefold::test;

TEST_CASE("softmax finds bad arguments") {
  using Args = lf_softmax_args;
  const auto prepare = [](Good<Args> &g) {
    g.args.m = 4, g.args.n = 3;
    g.args.x = g.memory.operand(0), g.args.ldx = 3;
    g.args.y = g.memory.operand(1), g.args.ldy = 3;
  };
  check_faults<Args>(lf_softmax, prepare,
                     {
                         {"flags has unknown bits", LF_UNSUPPORTED, [](auto &g) { g.args.flags = LF_TRAINING; }},
                         {"m is -1", LF_INVALID_ARGUMENT, [](auto &g) { g.args.m = -1; }},
                         {"x is NULL", LF_INVALID_ARGUMENT, [](auto &g) { g.args.x = nullptr; }},
                         {"ldx is 2", LF_INVALID_ARGUMENT, [](auto &g) { g.args.ldx = 2; }},
                         {"y is NULL", LF_INVALID_ARGUMENT, [](auto &g) { g.args.y = nullptr; }},
                         {"y overlaps x", LF_INVALID_ARGUMENT, [](auto &g) { g.args.y = g.memory.operand(0) + 3; }},
                     });
}

TEST_CASE("losses find bad arguments") {
  using Softmax = lf_softmax_cross_entropy_args;
  const auto prepare_softmax = [](Good<Softmax> &g) {
    g.args.m = 4, g.args.n = 3;
    g.args.x = g.memory.operand(0), g.args.ldx = 3;
    g.args.labels = g.memory.labels;
    g.args.loss = g.memory.operand(1);
    g.args.dx = g.memory.operand(2), g.args.lddx = 3;
  };
  check_faults<Softmax>(
      lf_softmax_cross_entropy, prepare_softmax,
      {
          {"m is 0", LF_INVALID_ARGUMENT, [](auto &g) { g.args.m = 0; }},
          {"n is 0", LF_INVALID_ARGUMENT, [](auto &g) { g.args.n = 0; }},
          {"x is NULL", LF_INVALID_ARGUMENT, [](auto &g) { g.args.x = nullptr; }},
          {"labels is NULL", LF_INVALID_ARGUMENT, [](auto &g) { g.args.labels = nullptr; }},
          {"loss is NULL", LF_INVALID_ARGUMENT, [](auto &g) { g.args.loss = nullptr; }},
          {"labels[2] is 3", LF_INVALID_ARGUMENT, [](auto &g) { g.memory.labels[2] = 3; }},
          {"labels[3] is -1", LF_INVALID_ARGUMENT, [](auto &g) { g.memory.labels[3] = -1; }},
          {"lddx is 2", LF_INVALID_ARGUMENT, [](auto &g) { g.args.lddx = 2; }},
          {"dx overlaps loss", LF_INVALID_ARGUMENT, [](auto &g) { g.args.dx = g.args.loss - 3; }},
          {"weights is not aligned to 4", LF_INVALID_ARGUMENT,
           [](auto &g) { g.args.weights = misaligned(g.memory.operand(4)); }},
          {"dx overlaps weights", LF_INVALID_ARGUMENT, [](auto &g) { g.args.weights = g.memory.operand(2) + 5; }},
          {"loss overlaps weights", LF_INVALID_ARGUMENT, [](auto &g) { g.args.weights = g.memory.operand(1) - 3; }},
          {"loss overlaps labels", LF_INVALID_ARGUMENT,
           [](auto &g) { g.args.loss = reinterpret_cast<float *>(g.memory.labels + 1); }},
      });
  using TopK = lf_top_k_correct_args;
  const auto prepare_top_k = [](Good<TopK> &g) {
    g.args.m = 4, g.args.n = 3, g.args.k = 2;
    g.args.x = g.memory.operand(0), g.args.ldx = 3;
    g.args.labels = g.memory.labels;
    g.args.correct = &g.memory.correct;
  };
  check_faults<TopK>(lf_top_k_correct, prepare_top_k,
                     {
                         {"k is 0", LF_INVALID_ARGUMENT, [](auto &g) { g.args.k = 0; }},
                         {"k is 4, but must be in 1..n", LF_INVALID_ARGUMENT, [](auto &g) { g.args.k = 4; }},
                         {"correct is NULL", LF_INVALID_ARGUMENT, [](auto &g) { g.args.correct = nullptr; }},
                         {"correct is not aligned to 8", LF_INVALID_ARGUMENT,
                          [](auto &g) { g.args.correct = reinterpret_cast<int64_t *>(g.memory.labels + 1); }},
                         {"labels[0] is 9", LF_INVALID_ARGUMENT, [](auto &g) { g.memory.labels[0] = 9; }},
                     });
}

TEST_CASE("elementwise losses find bad arguments") {
  using Args = lf_elementwise_loss_args;
  const auto prepare = [](Good<Args> &g) {
    g.args.function = LF_HUBER_ERROR, g.args.delta = 1;
    g.args.m = 4, g.args.n = 3;
    g.args.x = g.memory.operand(0), g.args.ldx = 3;
    g.args.targets = g.memory.operand(1), g.args.ldtargets = 3;
    g.args.weights = g.memory.operand(2);
    g.args.loss = g.memory.operand(3);
    g.args.dx = g.memory.operand(4), g.args.lddx = 3;
  };
  check_faults<Args>(
      lf_elementwise_loss, prepare,
      {
          {"m is 0", LF_INVALID_ARGUMENT, [](auto &g) { g.args.m = 0; }},
          {"m is -1", LF_INVALID_ARGUMENT, [](auto &g) { g.args.m = -1; }},
          {"n is 0", LF_INVALID_ARGUMENT, [](auto &g) { g.args.n = 0; }},
          {"n is 2305843009213693952", LF_INVALID_ARGUMENT, [](auto &g) { g.args.n = huge; }},
          {"x is too large", LF_INVALID_ARGUMENT,
           [](auto &g) { g.args.m = int64_t{1} << 40, g.args.ldx = int64_t{1} << 40; }},
          {"function is 4, but must be one of: LF_SQUARED_ERROR 0", LF_UNSUPPORTED,
           [](auto &g) { g.args.function = LF_LOSS_COUNT; }},
          {"function is -1", LF_UNSUPPORTED, [](auto &g) { g.args.function = -1; }},
          {"delta is 0, but must be more than 0 and finite", LF_INVALID_ARGUMENT, [](auto &g) { g.args.delta = 0; }},
          {"delta is -1", LF_INVALID_ARGUMENT, [](auto &g) { g.args.delta = -1; }},
          {"delta is inf", LF_INVALID_ARGUMENT, [](auto &g) { g.args.delta = infinity; }},
          {"delta", LF_INVALID_ARGUMENT, [](auto &g) { g.args.delta = not_a_number; }},
          {"x is NULL", LF_INVALID_ARGUMENT, [](auto &g) { g.args.x = nullptr; }},
          {"ldx is 2", LF_INVALID_ARGUMENT, [](auto &g) { g.args.ldx = 2; }},
          {"targets is NULL", LF_INVALID_ARGUMENT, [](auto &g) { g.args.targets = nullptr; }},
          {"targets is not aligned to 4", LF_INVALID_ARGUMENT,
           [](auto &g) { g.args.targets = misaligned(g.args.targets); }},
          {"ldtargets is 2", LF_INVALID_ARGUMENT, [](auto &g) { g.args.ldtargets = 2; }},
          {"weights is not aligned to 4", LF_INVALID_ARGUMENT,
           [](auto &g) { g.args.weights = misaligned(g.args.weights); }},
          {"loss is NULL", LF_INVALID_ARGUMENT, [](auto &g) { g.args.loss = nullptr; }},
          {"loss overlaps x", LF_INVALID_ARGUMENT, [](auto &g) { g.args.loss = g.memory.operand(0) + 11; }},
          {"loss overlaps weights", LF_INVALID_ARGUMENT, [](auto &g) { g.args.loss = g.memory.operand(2); }},
          {"lddx is 2", LF_INVALID_ARGUMENT, [](auto &g) { g.args.lddx = 2; }},
          {"dx overlaps x", LF_INVALID_ARGUMENT, [](auto &g) { g.args.dx = g.memory.operand(0) + 3; }},
          {"dx overlaps x", LF_INVALID_ARGUMENT, [](auto &g) { g.args.dx = g.memory.operand(0), g.args.lddx = 4; }},
          {"dx overlaps targets", LF_INVALID_ARGUMENT, [](auto &g) { g.args.dx = g.memory.operand(1); }},
          {"dx overlaps weights", LF_INVALID_ARGUMENT, [](auto &g) { g.args.dx = g.memory.operand(2) + 3; }},
          {"dx overlaps loss", LF_INVALID_ARGUMENT, [](auto &g) { g.args.dx = g.memory.operand(3) - 3; }},
      });
}

TEST_CASE("only the Huber error reads delta") {
  const lanefold::Context context(1);
  const float x[] = {1, 2};
  for (int32_t code = 0; code < LF_LOSS_COUNT; ++code) {
    float loss = 0;
    auto args = lanefold::args<lf_elementwise_loss_args>();
    args.function = code, args.delta = not_a_number, args.m = 1, args.n = 2;
    args.x = x, args.ldx = 2, args.targets = x, args.ldtargets = 2, args.loss = &loss;
    CHECK(lf_elementwise_loss(context.get(), &args) == (code == LF_HUBER_ERROR ? LF_INVALID_ARGUMENT : LF_OK));
    CHECK(loss == loss);
  }
}

TEST_CASE("dropout finds bad arguments") {
  using Args = lf_dropout_args;
  const auto prepare = [](Good<Args> &g) {
    g.args.m = 4, g.args.n = 3, g.args.rate = 0.5f, g.args.first_row = 9;
    g.args.x = g.memory.operand(0), g.args.ldx = 3;
    g.args.y = g.memory.operand(1), g.args.ldy = 3;
  };
  constexpr const char *rows = "first_row is 4294967293, but must be at least 0 and at most 2^32 - m";
  check_faults<Args>(
      lf_dropout, prepare,
      {
          {"reserved", LF_UNSUPPORTED, [](auto &g) { g.args.reserved = 1; }},
          {"m is -1", LF_INVALID_ARGUMENT, [](auto &g) { g.args.m = -1; }},
          {"m is -9223372036854775808", LF_INVALID_ARGUMENT,
           [](auto &g) { g.args.m = std::numeric_limits<int64_t>::min(); }},
          {"n is -1", LF_INVALID_ARGUMENT, [](auto &g) { g.args.n = -1; }},
          {"rate is 1, but must be at least 0 and less than 1", LF_INVALID_ARGUMENT, [](auto &g) { g.args.rate = 1; }},
          {"rate is -0.1", LF_INVALID_ARGUMENT, [](auto &g) { g.args.rate = -0.1f; }},
          {"rate", LF_INVALID_ARGUMENT, [](auto &g) { g.args.rate = not_a_number; }},
          {"first_row is -1", LF_INVALID_ARGUMENT, [](auto &g) { g.args.first_row = -1; }},
          {rows, LF_INVALID_ARGUMENT, [](auto &g) { g.args.first_row = (int64_t{1} << 32) - 3; }},
          {"first_row is 9223372036854775807", LF_INVALID_ARGUMENT,
           [](auto &g) { g.args.first_row = std::numeric_limits<int64_t>::max(); }},
          {"first_row is 0", LF_INVALID_ARGUMENT,
           [](auto &g) { g.args.m = (int64_t{1} << 32) + 1, g.args.first_row = 0; }},
          {"x is NULL", LF_INVALID_ARGUMENT, [](auto &g) { g.args.x = nullptr; }},
          {"ldx is 2", LF_INVALID_ARGUMENT, [](auto &g) { g.args.ldx = 2; }},
          {"y is NULL", LF_INVALID_ARGUMENT, [](auto &g) { g.args.y = nullptr; }},
          {"ldy is 2", LF_INVALID_ARGUMENT, [](auto &g) { g.args.ldy = 2; }},
          {"y is not aligned to 4", LF_INVALID_ARGUMENT, [](auto &g) { g.args.y = misaligned(g.args.y); }},
          {"y overlaps x", LF_INVALID_ARGUMENT, [](auto &g) { g.args.y = g.memory.operand(0) + 3; }},
          {"y overlaps x", LF_INVALID_ARGUMENT, [](auto &g) { g.args.y = g.memory.operand(0), g.args.ldy = 4; }},
      });
  const lanefold::Context context(1);
  Good<Args> last;
  prepare(last);
  last.args.first_row = (int64_t{1} << 32) - 4;
  CHECK(lf_dropout(context.get(), &last.args) == LF_OK);
}

TEST_CASE("optimizers find bad arguments") {
  using Args = lf_optimizer_step_args;
  const auto prepare = [](Good<Args> &g) {
    g.args.n = 5;
    g.args.optimizer = LF_ADAM;
    g.args.w = g.memory.operand(0), g.args.g = g.memory.operand(1);
    g.args.m = g.memory.operand(2), g.args.v = g.memory.operand(3);
    g.args.learning_rate = 0.1f, g.args.momentum = 0.9f, g.args.beta2 = 0.999f, g.args.eps = 1e-8f;
    g.args.step = 1;
  };
  check_faults<Args>(
      lf_optimizer_step, prepare,
      {
          {"optimizer is 4, but must be one of: LF_SGD", LF_UNSUPPORTED, [](auto &g) { g.args.optimizer = 4; }},
          {"weight_decay is -1", LF_INVALID_ARGUMENT, [](auto &g) { g.args.weight_decay = -1; }},
          {"weight_decay", LF_INVALID_ARGUMENT, [](auto &g) { g.args.weight_decay = not_a_number; }},
          {"weight_decay", LF_INVALID_ARGUMENT, [](auto &g) { g.args.learning_rate = g.args.weight_decay = 1e30f; }},
          {"n is -1", LF_INVALID_ARGUMENT, [](auto &g) { g.args.n = -1; }},
          {"learning_rate is -0.1", LF_INVALID_ARGUMENT, [](auto &g) { g.args.learning_rate = -0.1f; }},
          {"learning_rate", LF_INVALID_ARGUMENT, [](auto &g) { g.args.learning_rate = not_a_number; }},
          {"momentum is 1", LF_INVALID_ARGUMENT, [](auto &g) { g.args.momentum = 1; }},
          {"beta2", LF_INVALID_ARGUMENT, [](auto &g) { g.args.beta2 = -1; }},
          {"eps is 0", LF_INVALID_ARGUMENT, [](auto &g) { g.args.eps = 0; }},
          {"step is 0", LF_INVALID_ARGUMENT, [](auto &g) { g.args.step = 0; }},
          {"w is NULL", LF_INVALID_ARGUMENT, [](auto &g) { g.args.w = nullptr; }},
          {"g is NULL", LF_INVALID_ARGUMENT, [](auto &g) { g.args.g = nullptr; }},
          {"m is NULL", LF_INVALID_ARGUMENT, [](auto &g) { g.args.m = nullptr; }},
          {"v is NULL", LF_INVALID_ARGUMENT, [](auto &g) { g.args.v = nullptr; }},
          {"v overlaps m", LF_INVALID_ARGUMENT, [](auto &g) { g.args.v = g.args.m + 4; }},
          {"w overlaps g", LF_INVALID_ARGUMENT, [](auto &g) { g.args.g = g.args.w; }},
      });
}

TEST_CASE("gathering finds bad arguments") {
  using Args = lf_gather_args;
  const auto prepare = [](Good<Args> &g) {
    static const uint32_t rows[] = {6, 0, 6};
    g.args.m = 3, g.args.n = 4, g.args.count = 7, g.args.divisor = 255;
    g.args.x = reinterpret_cast<const uint8_t *>(g.memory.operand(0)), g.args.ldx = 5;
    g.args.rows = rows;
    g.args.y = g.memory.operand(1), g.args.ldy = 4;
  };
  static const uint32_t far[] = {6, 7, 0};
  check_faults<Args>(lf_gather, prepare,
                     {
                         {"flags", LF_UNSUPPORTED, [](auto &g) { g.args.flags = 1; }},
                         {"reserved", LF_UNSUPPORTED, [](auto &g) { g.args.reserved = 1; }},
                         {"m is -1", LF_INVALID_ARGUMENT, [](auto &g) { g.args.m = -1; }},
                         {"n is -1", LF_INVALID_ARGUMENT, [](auto &g) { g.args.n = -1; }},
                         {"count is -1", LF_INVALID_ARGUMENT, [](auto &g) { g.args.count = -1; }},
                         {"divisor is 0", LF_INVALID_ARGUMENT, [](auto &g) { g.args.divisor = 0; }},
                         {"divisor is 65537", LF_INVALID_ARGUMENT, [](auto &g) { g.args.divisor = 65537; }},
                         {"divisor", LF_INVALID_ARGUMENT, [](auto &g) { g.args.divisor = not_a_number; }},
                         {"x is NULL", LF_INVALID_ARGUMENT, [](auto &g) { g.args.x = nullptr; }},
                         {"y is NULL", LF_INVALID_ARGUMENT, [](auto &g) { g.args.y = nullptr; }},
                         {"ldx is 3", LF_INVALID_ARGUMENT, [](auto &g) { g.args.ldx = 3; }},
                         {"ldy is 3", LF_INVALID_ARGUMENT, [](auto &g) { g.args.ldy = 3; }},
                         {"rows[1] is 7, but must be below count, which is 7", LF_INVALID_ARGUMENT,
                          [](auto &g) { g.args.rows = far; }},
                         {"rows[0] is 6", LF_INVALID_ARGUMENT, [](auto &g) { g.args.count = 0; }},
                         {"m is 8", LF_INVALID_ARGUMENT, [](auto &g) { g.args.m = 8, g.args.rows = nullptr; }},
                         {"y overlaps x", LF_INVALID_ARGUMENT,
                          [](auto &g) { g.args.x = reinterpret_cast<const uint8_t *>(g.args.y) + 3; }},
                     });
}

TEST_CASE("contexts find bad options") {
  struct Fault {
    const char *named;
    lf_status status;
    void (*make)(lf_context_options &, lf_executor &);
  };
  const std::vector<Fault> faults = {
      {"options.struct_size", LF_INVALID_ARGUMENT, [](auto &o, auto &) { o.struct_size = 1; }},
      {"flags", LF_UNSUPPORTED, [](auto &o, auto &) { o.flags = 1; }},
      {"reserved", LF_UNSUPPORTED, [](auto &o, auto &) { o.reserved = 1; }},
      {"threads is -1", LF_INVALID_ARGUMENT, [](auto &o, auto &) { o.threads = -1; }},
      {"threads is 3, but executor.threads is 2", LF_INVALID_ARGUMENT, [](auto &o, auto &) { o.threads = 3; }},
      {"executor.struct_size", LF_INVALID_ARGUMENT, [](auto &, auto &e) { e.struct_size = 0; }},
      {"executor.threads is 0", LF_INVALID_ARGUMENT, [](auto &, auto &e) { e.threads = 0; }},
      {"executor.parallel_for is NULL", LF_INVALID_ARGUMENT, [](auto &, auto &e) { e.parallel_for = nullptr; }},
      {"isa is 'warp'", LF_NOT_FOUND, [](auto &o, auto &) { o.isa = "warp"; }},
  };
  for (const Fault &fault : faults) {
    auto options = lanefold::args<lf_context_options>();
    auto executor = lanefold::args<lf_executor>();
    executor.threads = 2;
    executor.parallel_for = [](void *, int64_t count, lf_task task, void *arg) {
      for (int64_t i = 0; i < count; ++i) task(arg, i);
    };
    options.executor = &executor;
    fault.make(options, executor);
    auto *context = reinterpret_cast<lf_context *>(&options);
    CAPTURE(fault.named);
    CHECK(lf_context_create(&options, &context) == fault.status);
    CHECK(context == nullptr);
    CHECK(std::string(lf_last_error(nullptr)).find(fault.named) != std::string::npos);
    CHECK(lf_enumerate_plugins(
              &options, [](void *, const lf_plugin_candidate *) {}, nullptr) == fault.status);
  }
  CHECK(lf_context_create(nullptr, nullptr) == LF_INVALID_ARGUMENT);
  CHECK(lf_enumerate_plugins(nullptr, nullptr, nullptr) == LF_INVALID_ARGUMENT);
  CHECK(std::string(lf_last_error(nullptr)) == "lf_enumerate_plugins: visit is NULL");
  lf_context_destroy(nullptr);
  CHECK(lf_context_threads(nullptr) == 0);
}

TEST_CASE("lf_explain finds bad sizes, flags and codes, and ignores pointers") {
  const lanefold::Context context;
  auto args = lanefold::args<lf_dense_forward_args>();
  args.m = 4, args.n = 3, args.k = 2;
  args.alpha = not_a_number;
  args.activation = LF_ELU;
  char text[200] = "";
  const auto status = [&] { return lf_explain(context.get(), LF_OP_DENSE_FORWARD, &args, text, sizeof text, nullptr); };
  CHECK(status() == LF_OK);
  CHECK(std::string(text).starts_with(context.isa()));
  uint64_t needed = 0;
  CHECK(lf_explain(context.get(), LF_OP_DENSE_FORWARD, &args, nullptr, 0, &needed) == LF_OK);
  CHECK(needed == std::strlen(text) + 1);
  CHECK(lf_explain(context.get(), LF_OP_DENSE_FORWARD, &args, nullptr, 1, nullptr) == LF_INVALID_ARGUMENT);
  args.activation = 99;
  CHECK(status() == LF_UNSUPPORTED);
  args.activation = LF_ELU;
  args.m = huge;
  CHECK(status() == LF_INVALID_ARGUMENT);
  CHECK(lf_explain(context.get(), -1, &args, text, sizeof text, nullptr) == LF_UNSUPPORTED);
  CHECK(lf_explain(context.get(), LF_OP_SGEMM, nullptr, text, sizeof text, nullptr) == LF_INVALID_ARGUMENT);
}

TEST_CASE("lf_explain describes losses and dropout, and names the operations that there are") {
  const lanefold::Context context(1);
  char text[300] = "";
  const auto status = [&](int32_t op, const void *args) {
    return lf_explain(context.get(), op, args, text, sizeof text, nullptr);
  };
  auto loss = lanefold::args<lf_elementwise_loss_args>();
  loss.m = 200, loss.n = 10, loss.function = LF_HUBER_ERROR; // delta is a value, not a size
  CHECK(status(LF_OP_ELEMENTWISE_LOSS, &loss) == LF_OK);
  CHECK(std::string(text).find("row by row") != std::string::npos);
  loss.function = LF_LOSS_COUNT;
  CHECK(status(LF_OP_ELEMENTWISE_LOSS, &loss) == LF_UNSUPPORTED);
  auto dropout = lanefold::args<lf_dropout_args>();
  dropout.m = 200, dropout.n = 300, dropout.rate = 2;
  CHECK(status(LF_OP_DROPOUT, &dropout) == LF_OK);
  CHECK(std::string(text).find("row by row") != std::string::npos);
  dropout.n = -1;
  CHECK(status(LF_OP_DROPOUT, &dropout) == LF_INVALID_ARGUMENT);
  CHECK(status(LF_OP_COUNT, &dropout) == LF_UNSUPPORTED);
  CHECK(std::string(lf_last_error(context.get())) ==
        "lf_explain: op is 21, but must be from LF_OP_SGEMM (0) to LF_OP_COLUMN_SUMS (20)");
}

TEST_CASE("lf_explain describes the operations on parts of a batch, and finds bad sizes") {
  const lanefold::Context context(1);
  char text[300] = "";
  const auto status = [&](int32_t op, const void *args) {
    return lf_explain(context.get(), op, args, text, sizeof text, nullptr);
  };
  const auto says = [&](const char *words) { return std::string(text).find(words) != std::string::npos; };
  auto moments = lanefold::args<lf_batch_norm_moments_args>();
  moments.m = 200, moments.n = 10, moments.batch_rows = 700, moments.first_row = 500;
  CHECK(status(LF_OP_BATCH_NORM_MOMENTS, &moments) == LF_OK);
  CHECK(says("blocks of 256 rows"));
  moments.first_row = 501;
  CHECK(status(LF_OP_BATCH_NORM_MOMENTS, &moments) == LF_INVALID_ARGUMENT);
  moments.m = 0;
  CHECK(status(LF_OP_BATCH_NORM_MOMENTS, &moments) == LF_OK);
  CHECK(says("nothing to do"));
  auto merge = lanefold::args<lf_batch_norm_merge_args>();
  merge.n = 10, merge.blocks = 3, merge.batch_rows = 700;
  CHECK(status(LF_OP_BATCH_NORM_MERGE, &merge) == LF_OK);
  CHECK(says("blocks of 256 rows"));
  merge.blocks = 4;
  CHECK(status(LF_OP_BATCH_NORM_MERGE, &merge) == LF_INVALID_ARGUMENT);
  auto sums = lanefold::args<lf_column_sums_args>();
  sums.m = 200, sums.n = 10, sums.batch_rows = 200;
  CHECK(status(LF_OP_COLUMN_SUMS, &sums) == LF_OK);
  CHECK(says("blocks of 256 rows"));
  sums.flags = LF_SECOND_PASS;
  CHECK(status(LF_OP_COLUMN_SUMS, &sums) == LF_UNSUPPORTED);
}

TEST_CASE("lf_explain says whether a product takes the small path") {
  const lanefold::Context context(1);
  const auto explained = [&](int32_t op, const void *args) {
    char text[300] = "";
    CHECK(lf_explain(context.get(), op, args, text, sizeof text, nullptr) == LF_OK);
    return std::string(text);
  };
  const auto contains = [](const std::string &text, const char *part) { return text.find(part) != std::string::npos; };
  auto infer = lanefold::args<lf_dense_infer_args>();
  infer.m = 1, infer.n = 10, infer.k = 100, infer.activation = LF_ELU, infer.alpha = 1;
  CHECK(contains(explained(LF_OP_DENSE_INFER, &infer), "small product, then the activation in cache: "));
  CHECK(contains(explained(LF_OP_DENSE_INFER, &infer), "B packed before"));
  infer.m = 1000, infer.n = 300, infer.k = 784;
  CHECK_FALSE(contains(explained(LF_OP_DENSE_INFER, &infer), "small"));
  CHECK(contains(explained(LF_OP_DENSE_INFER, &infer), "product, then the activation in cache: "));
  auto product = lanefold::args<lf_sgemm_args>();
  product.m = product.n = product.k = 8, product.lda = product.ldb = product.ldc = 1000, product.alpha = 1;
  CHECK(contains(explained(LF_OP_SGEMM, &product), "small product: "));
  product.m = product.n = product.k = 500;
  CHECK_FALSE(contains(explained(LF_OP_SGEMM, &product), "small"));
}
