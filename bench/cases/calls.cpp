// What a call costs over its kernel, in nanoseconds: the smallest problems, through the library and by the plugin's own
// functions.  And what a context costs.
#include "cases.hpp"

#include "../peers/library.hpp"

#include <lanefold/plugin.h>

namespace lanefold::bench {
namespace {

// The plugin of an instruction set, and a host without threads, as the library lends it to a call on one thread.
class Kernels {
public:
  explicit Kernels(const std::string &path)
      : module_({path}), entry_(module_.find<const lf_plugin_entry>(LF_PLUGIN_ENTRY_SYMBOL)) {
    host_ = {sizeof host_, 1, entry_->needs, this, run_in_turn, acquire, release, fail, log};
    table_.struct_size = sizeof table_;
    if (entry_->fill(&host_, &table_) != LF_OK) throw std::runtime_error(path + " offers no operations");
  }
  const lf_kernel_table &table() const { return table_; }
  const lf_host *host() const { return &host_; }

private:
  static void run_in_turn(void *, int64_t count, lf_task task, void *arg) {
    for (int64_t i = 0; i < count; ++i) task(arg, i);
  }
  static void *acquire(void *self, uint64_t) { return static_cast<Kernels *>(self)->scratch_; }
  static void release(void *, void *) {}
  static lf_status fail(void *, lf_status status, const char *) { return status; }
  static void log(void *, int32_t, const char *) {}

  const Library module_;
  const lf_plugin_entry *entry_;
  lf_host host_{};
  lf_kernel_table table_{};
  alignas(64) char scratch_[1 << 16]; // the problems are small
};

// The file of the plugin that a context uses; "built in" for portable.
std::string plugin_path(const std::string &isa) {
  std::string path = "built in";
  auto options = args<lf_context_options>();
  options.isa = isa.c_str();
  const auto visit = [](void *self, const lf_plugin_candidate *candidate) {
    if (candidate->taken != 0) *static_cast<std::string *>(self) = candidate->path;
  };
  lf_enumerate_plugins(&options, visit, &path);
  return path;
}

// One row, one column, and a sum of one product.
struct SmallestProblems {
  SmallestProblems(const std::string &path, const Context &on) : kernels(path), context(on) {
    sgemm.m = sgemm.n = sgemm.k = sgemm.lda = sgemm.ldb = sgemm.ldc = 1;
    sgemm.alpha = 1, sgemm.a = &x, sgemm.b = &w, sgemm.c = &y;
    activation.m = activation.n = activation.ldx = activation.ldy = 1;
    activation.activation = LF_ELU, activation.alpha = 1, activation.x = &x, activation.y = &y;
    forward.m = forward.n = forward.k = forward.ldx = forward.ldw = forward.ldy = 1;
    forward.activation = LF_ELU, forward.alpha = 1, forward.x = &x, forward.w = &w, forward.y = &y;
  }
  Kernels kernels;
  const Context &context;
  float x = 2, w = 3, y = 0;
  lf_sgemm_args sgemm = args<lf_sgemm_args>();
  lf_activation_forward_args activation = args<lf_activation_forward_args>();
  lf_dense_forward_args forward = args<lf_dense_forward_args>();
};

using Run = std::function<void(SmallestProblems &)>;

Fields call_fields(const std::string &op, const std::string &form) {
  Fields fields;
  fields.family = "call", fields.op = op, fields.form = form;
  return fields;
}

void add_call(List &list, const std::string &isa, const std::string &op, const Run &call, const Run &kernel) {
  const std::string path = plugin_path(isa);
  if (path == "built in") return;
  constexpr Work work{0, 0, 1};
  Case bench_case;
  for (const char *form : {"library", "kernel"}) {
    bench_case.variants.push_back({form, call_fields(op, form), work, ""});
    bench_case.variants.back().fields.m = bench_case.variants.back().fields.n = 1;
  }
  bench_case.extent = Extent::gates;
  bench_case.ratios = {{"excess-ns", Ratio::excess, "library", "kernel", Sense::at_most, 30, 1e9}};
  bench_case.make = [=](CaseBuilder &builder) {
    const auto problems = builder.keep<SmallestProblems>(path, *builder.setting.context);
    builder.add("library", [=] { call(*problems); });
    builder.add("kernel", [=] { kernel(*problems); });
  };
  list.cases.push_back(bench_case);
}

// A context after the first one of the process.
void add_context(List &list) {
  Case bench_case;
  bench_case.variants = {{"lanefold", call_fields("create_context", ""), {0, 0, 1}, ""}};
  bench_case.extent = Extent::gates;
  bench_case.ratios = {{"microseconds", Ratio::time, "lanefold", "", Sense::at_most, 200, 1e6}};
  bench_case.make = [](CaseBuilder &builder) {
    builder.add("lanefold", [isa = builder.setting.isa] { make_context(isa, 1); });
  };
  list.cases.push_back(bench_case);
}

} // namespace

void add_calls(List &list, const std::string &isa) {
  add_context(list);
  add_call(
      list, isa, "gemm", [](SmallestProblems &p) { p.context.sgemm(p.sgemm); },
      [](SmallestProblems &p) { p.kernels.table().sgemm(p.kernels.host(), &p.sgemm); });
  add_call(
      list, isa, "activation", [](SmallestProblems &p) { p.context.activation_forward(p.activation); },
      [](SmallestProblems &p) { p.kernels.table().activation_forward(p.kernels.host(), &p.activation); });
  add_call(
      list, isa, "dense", [](SmallestProblems &p) { p.context.dense_forward(p.forward); },
      [](SmallestProblems &p) { p.kernels.table().dense_forward(p.kernels.host(), &p.forward); });
}

} // namespace lanefold::bench
