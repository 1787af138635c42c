// lf_explain says what a call would do, in the words of the plugin that would do it.
#include "runtime/call.hpp"
#include "runtime/operations.hpp"

#include <string>

namespace lanefold::runtime {
namespace {

constexpr std::size_t longest_line = 1024;

std::string line_about(const LoadedPlugin &plugin, const lf_host &host, const char *words) {
  return plugin.name + ", " + std::to_string(host.threads) + (host.threads == 1 ? " thread: " : " threads: ") + words;
}

// A request to explain one operation. Only its number says which struct args points to.
struct Question {
  Check &check;
  lf_context &context;
  int32_t op;
  const void *args;
  std::string &line;
};

// Explains any operation. `kernel` is its slot in the table, and Rest are its parameters after host and args.
template <class Args, class... Rest>
lf_status explain(const Question &question,
                  lf_status (*lf_kernel_table::*kernel)(const lf_host *, const Args *, Rest...)) {
  Args args = question.check.read("args", static_cast<const Args *>(question.args));
  const bool has_work = check_arguments(question.check, args);
  if (!question.check.ok()) return question.check.status();
  return ask_chain(question.context, "lf_explain", [&](const LoadedPlugin &plugin, const lf_host *host) {
    if (plugin.table.*kernel == nullptr) return LF_UNSUPPORTED;
    char words[longest_line] = "the plugin gives no details";
    lf_status status = LF_OK;
    if (!has_work) std::snprintf(words, sizeof words, "nothing to do, because the problem is empty");
    else if (plugin.table.explain != nullptr)
      status = plugin.table.explain(host, question.op, &args, words, sizeof words);
    if (status == LF_OK) question.line = line_about(plugin, *host, words);
    return status;
  });
}

lf_status answer(const Question &question) {
  using Table = lf_kernel_table;
  switch (question.op) {
  case LF_OP_SGEMM: return explain(question, &Table::sgemm);
  case LF_OP_PACK_WEIGHTS: return explain(question, &Table::pack_weights);
  case LF_OP_UNPACK_WEIGHTS: return explain(question, &Table::unpack_weights);
  case LF_OP_DENSE_INFER: return explain(question, &Table::dense_infer);
  case LF_OP_DENSE_FORWARD: return explain(question, &Table::dense_forward);
  case LF_OP_DENSE_BACKWARD: return explain(question, &Table::dense_backward);
  case LF_OP_BATCH_NORM_FORWARD: return explain(question, &Table::batch_norm_forward);
  case LF_OP_BATCH_NORM_BACKWARD: return explain(question, &Table::batch_norm_backward);
  case LF_OP_FOLD_BATCH_NORM: return explain(question, &Table::fold_batch_norm);
  case LF_OP_ACTIVATION_FORWARD: return explain(question, &Table::activation_forward);
  case LF_OP_ACTIVATION_BACKWARD: return explain(question, &Table::activation_backward);
  case LF_OP_SOFTMAX_CROSS_ENTROPY: return explain(question, &Table::softmax_cross_entropy);
  case LF_OP_TOP_K_CORRECT: return explain(question, &Table::top_k_correct);
  case LF_OP_OPTIMIZER_STEP: return explain(question, &Table::optimizer_step);
  case LF_OP_GATHER: return explain(question, &Table::gather);
  case LF_OP_SOFTMAX: return explain(question, &Table::softmax);
  case LF_OP_ELEMENTWISE_LOSS: return explain(question, &Table::elementwise_loss);
  case LF_OP_DROPOUT: return explain(question, &Table::dropout);
  case LF_OP_BATCH_NORM_MOMENTS: return explain(question, &Table::batch_norm_moments);
  case LF_OP_BATCH_NORM_MERGE: return explain(question, &Table::batch_norm_merge);
  case LF_OP_COLUMN_SUMS: return explain(question, &Table::column_sums);
  default:
    return question.check.fail(LF_UNSUPPORTED, "op is %d, but must be from LF_OP_SGEMM (0) to LF_OP_COLUMN_SUMS (20)",
                               question.op);
  }
}

} // namespace
} // namespace lanefold::runtime

using namespace lanefold::runtime;

lf_status lf_explain(lf_context *context, int32_t op, const void *args, char *text, uint64_t size, uint64_t *needed) {
  return guarded(context, "lf_explain", [=](Check &check) {
    check.look_at_sizes_only();
    std::string line;
    const lf_status status = answer({check, *context, op, args, line});
    if (status == LF_OK) check.write_text(line, text, size, needed);
    return status == LF_OK ? check.status() : status;
  });
}
