// Fills the argument struct of a case, and calls the plugin.  Argument structs lie at the end of a read-only page,
// right before an inaccessible one.
#include "trainer/conform/subject.hpp"
#include "trainer/conform/trampoline.hpp"

#include <lanefold/lanefold.hpp>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>

namespace lanefold::trainer::conform {
namespace {

void (*progress_note)(int32_t, const char *) = nullptr;
std::atomic<int64_t> tried{0}, served{0};

// A struct that a plugin may only read.
class Fixed {
public:
  template <class Struct>
  Fixed(Struct value, uint32_t appended) : memory_("its argument struct", sizeof value + appended, Side::ends) {
    value.struct_size += appended;
    std::memset(memory_.data(), 0, sizeof value + appended);
    std::memcpy(memory_.data(), &value, sizeof value);
    memory_.forbid_writes();
  }
  const void *get() const { return memory_.data(); }

private:
  Memory memory_;
};

class Calling {
public:
  Calling(const Subject &subject, const Case &given, const CallOptions &options)
      : table_(subject.table), cpu_features_(subject.cpu_features), case_(given), options_(options),
        arrays_(given, options.placement) {}

  // Returns NULL if the plugin does not pack the weights.
  std::unique_ptr<Memory> pack_alone() {
    std::unique_ptr<Memory> packed;
    if (pack(Fixed(weights_to_pack(), 0), packed) != LF_OK) return nullptr;
    packed->forbid_writes();
    return packed;
  }

  Outcome run() {
    if (progress_note != nullptr) progress_note(case_.op, case_.text().c_str());
    const auto sentinels = options_.watches_heap ? std::make_unique<HeapSentinels>() : nullptr;
    ++tried;
    const HostScope scope(*this, options_.host.threads);
    outcome_.status = dispatch();
    scope.end();
    if (sentinels && !sentinels->intact()) outcome_.damage = "it writes outside the blocks that it has allocated";
    outcome_.outputs_untouched = arrays_.untouched();
    if (outcome_.damage.empty()) outcome_.damage = arrays_.damage();
    if (outcome_.status == LF_OK) ++served;
    for (const Array &array : case_.arrays)
      if (array.is_written && outcome_.status == LF_OK) outcome_.results[array.name] = arrays_.values(array.name);
    return std::move(outcome_);
  }

private:
  // Makes a host for this operation alone.  Packing and use are two operations: they may be hours,
  // contexts and threads apart.
  class HostScope {
  public:
    HostScope(Calling &calling, int32_t threads) : calling_(calling), before_(calling.host_) {
      HostOptions options = calling.options_.host;
      options.threads = threads;
      options.cpu_features = calling.cpu_features_;
      options.changed_by_task = [&calling](const std::string &what) { calling.note_changes(what + " in a task"); };
      host_ = std::make_unique<Host>(options);
      calling.host_ = host_.get();
    }
    void end() const {
      Outcome &outcome = calling_.outcome_;
      if (outcome.message.empty()) outcome.message = host_->message();
      const std::string misuse = host_->finish();
      if (outcome.misuse.empty()) outcome.misuse = misuse;
      outcome.refused_scratch = outcome.refused_scratch || host_->refused_scratch();
      calling_.host_ = before_;
    }

  private:
    Calling &calling_;
    Host *const before_;
    std::unique_ptr<Host> host_;
  };

  float number(const char *name) const { return static_cast<float>(case_.number(name)); }
  int64_t rows(const char *name) const { return case_.array(name).rows; }
  int64_t columns(const char *name) const { return case_.array(name).columns; }
  int32_t code(const char *name) const { return static_cast<int32_t>(case_.number(name)); }
  bool flag(const char *name) const { return case_.number(name) != 0; }
  bool transposes() const { return flag("transpose_b"); }

  void note_changes(const std::string &what) {
    if (!what.empty() && outcome_.changed.empty()) outcome_.changed = what;
  }

  // The result of function(arguments...).
  template <class Result, class... Parameters, class... Given>
  Result invoke(Result (*function)(Parameters...), Given... given) {
    const uint64_t arguments[5] = {(uint64_t)given...}; // pointers and integers
    const Called called = call_and_compare(reinterpret_cast<void (*)()>(function), arguments);
    note_changes(called.changed);
    return static_cast<Result>(called.result);
  }

  // Calls a kernel, or explain in its place.
  template <class Args> lf_status operate(lf_status (*kernel)(const lf_host *, const Args *), const Args &args) {
    const Fixed fixed(args, options_.appended);
    if (options_.explains) return explain(case_.op, fixed);
    return invoke(kernel, host_->get(), fixed.get());
  }

  lf_status explain(int32_t op, const Fixed &args) {
    lf_status status = LF_OK;
    for (const size_t size : {size_t{1}, size_t{2}, size_t{16}, size_t{400}}) {
      Memory text("the text of explain", size, Side::ends);
      std::memset(text.data(), 0xFF, size);
      status = invoke(table_.explain, host_->get(), static_cast<intptr_t>(op), args.get(),
                      static_cast<void *>(text.data()), static_cast<uintptr_t>(size));
      const std::string where = "explain, for a text of " + std::to_string(size) + " bytes, ";
      if (!text.canaries_intact()) outcome_.damage = where + "writes outside it";
      else if (status == LF_OK && std::memchr(text.data(), 0, size) == nullptr)
        outcome_.damage = where + "does not end it with 0";
      else if (status == LF_OK && std::memchr(text.data(), '\n', size) != nullptr)
        outcome_.damage = where + "writes more than one line";
    }
    return status;
  }

  template <class Pointer> void put(const char *name, Pointer &pointer) {
    pointer = static_cast<Pointer>(arrays_.data(name));
  }
  template <class Pointer> void put(const char *name, Pointer &pointer, int64_t &stride) {
    put(name, pointer);
    stride = arrays_.stride(name);
  }
  template <class Args> void put_activation(Args &a) { a.activation = code("activation"), a.alpha = number("alpha"); }

  // The struct of the case's normalization; NULL if it has none.
  const lf_batch_norm *norm() {
    const auto has = [this](const char *name) { return case_.find(name) != nullptr; };
    if (!has("gamma") && !has("inv_std") && !has("running_mean")) return nullptr;
    auto n = args<lf_batch_norm>();
    n.flags = flag("unbiased") ? LF_UNBIASED_RUNNING_VAR : 0;
    n.eps = case_.numbers.count("eps") ? number("eps") : 1e-3f, n.momentum = number("momentum");
    put("gamma", n.gamma), put("beta", n.beta);
    put("running_mean", n.running_mean), put("running_var", n.running_var);
    put("mean", n.mean), put("inv_std", n.inv_std);
    norm_ = std::make_unique<Fixed>(n, options_.appended);
    return static_cast<const lf_batch_norm *>(norm_->get());
  }

  lf_status sgemm() {
    auto a = args<lf_sgemm_args>();
    a.flags = (flag("transpose_a") ? LF_TRANSPOSE_A : 0) | (transposes() ? LF_TRANSPOSE_B : 0);
    a.m = rows("c"), a.n = columns("c"), a.k = flag("transpose_a") ? rows("a") : columns("a");
    a.alpha = number("alpha"), a.beta = number("beta");
    put("a", a.a, a.lda), put("b", a.b, a.ldb), put("c", a.c, a.ldc);
    return operate(table_.sgemm, a);
  }

  lf_pack_weights_args weights_to_pack() {
    auto a = args<lf_pack_weights_args>();
    a.flags = transposes() ? LF_TRANSPOSE_B : 0;
    a.k = transposes() ? columns("w") : rows("w"), a.n = transposes() ? rows("w") : columns("w");
    put("w", a.w, a.ldw);
    return a;
  }

  // Packs w, and calls use(packed).  Only an update may then write to the packed weights.
  template <class Use> lf_status with_packed(bool updates, Use use) {
    if (options_.packed != nullptr) return use(options_.packed->data());
    const Fixed fixed(weights_to_pack(), options_.appended);
    std::unique_ptr<Memory> packed;
    if (const lf_status status = pack(fixed, packed); status != LF_OK) return status;
    if (options_.explains) { // nothing is packed for explain, which must not look at packed weights
      packed->forbid();
      return case_.op == LF_OP_PACK_WEIGHTS ? explain(case_.op, fixed) : use(packed->data());
    }
    if (!updates) packed->forbid_writes();
    const lf_status status = use(packed->data());
    note_writes_outside(*packed);
    return status;
  }

  lf_status pack(const Fixed &fixed, std::unique_ptr<Memory> &packed) {
    const uint64_t bytes = invoke(table_.packed_weights_size, fixed.get());
    if (bytes > uint64_t{1} << 32) return outcome_.message = "packed_weights_size returns more than 4 GB", LF_INTERNAL;
    packed = std::make_unique<Memory>("the packed weights", bytes, options_.placement.side, 64);
    if (options_.explains) return LF_OK;
    const HostScope scope(*this, options_.host.threads + 1);
    const lf_status status =
        invoke(table_.pack_weights, host_->get(), fixed.get(), static_cast<void *>(packed->data()));
    scope.end();
    note_writes_outside(*packed);
    return status;
  }

  void note_writes_outside(const Memory &packed) {
    if (!packed.canaries_intact()) outcome_.damage = "it writes outside the packed weights";
  }

  lf_status unpack(void *packed, const char *to) {
    auto a = args<lf_unpack_weights_args>();
    a.k = rows(to), a.n = columns(to);
    put(to, a.w, a.ldw);
    const Fixed fixed(a, options_.appended);
    if (options_.explains) return explain(LF_OP_UNPACK_WEIGHTS, fixed);
    return invoke(table_.unpack_weights, host_->get(), fixed.get(), static_cast<const void *>(packed));
  }

  lf_status dense_infer() {
    return with_packed(false, [this](void *packed) {
      auto a = args<lf_dense_infer_args>();
      a.m = rows("y"), a.n = columns("y"), a.k = columns("x");
      put_activation(a), put("x", a.x, a.ldx), put("bias", a.bias), put("y", a.y, a.ldy);
      const Fixed fixed(a, options_.appended);
      if (options_.explains) return explain(LF_OP_DENSE_INFER, fixed);
      return invoke(table_.dense_infer, host_->get(), fixed.get(), static_cast<const void *>(packed));
    });
  }

  // A plugin receives its own packed weights, where the public struct has lf_packed_weights.
  lf_status dense_forward() {
    auto a = args<lf_dense_forward_args>();
    a.flags = flag("training") ? LF_TRAINING : 0;
    a.m = rows("y"), a.n = columns("y"), a.k = columns("x");
    put_activation(a), put("x", a.x, a.ldx), put("bias", a.bias);
    put("z", a.z, a.ldz), put("y", a.y, a.ldy);
    a.batch_norm = norm();
    if (!flag("packed")) return put("w", a.w, a.ldw), operate(table_.dense_forward, a);
    return with_packed(false, [this, &a](void *packed) {
      a.packed = static_cast<const lf_packed_weights *>(packed);
      return operate(table_.dense_forward, a);
    });
  }

  lf_status dense_backward() {
    auto a = args<lf_dense_backward_args>();
    a.m = rows("dy"), a.n = columns("dy"), a.k = columns("x");
    put_activation(a), put("x", a.x, a.ldx), put("w", a.w, a.ldw);
    put("z", a.z, a.ldz), put("y", a.y, a.ldy), put("dy", a.dy, a.lddy);
    put("dw", a.dw, a.lddw), put("dbias", a.dbias), put("dx", a.dx, a.lddx);
    put("dgamma", a.dgamma), put("dbeta", a.dbeta);
    a.batch_norm = norm(), a.learning_rate = number("learning_rate");
    if (!flag("packed")) return put("updated_w", a.updated_w), operate(table_.dense_backward, a);
    const bool updates = case_.find("updated_w") != nullptr;
    return with_packed(updates, [this, &a, updates](void *packed) {
      a.packed = static_cast<lf_packed_weights *>(packed), a.w = nullptr, a.ldw = 0;
      a.flags = updates ? LF_UPDATE_PACKED : 0;
      const lf_status status = operate(table_.dense_backward, a);
      return status == LF_OK && updates ? unpack(packed, "updated_w") : status;
    });
  }

  lf_status batch_norm_forward() {
    auto a = args<lf_batch_norm_forward_args>();
    a.flags = (flag("training") ? LF_TRAINING : 0) | (flag("of_batch") ? LF_BATCH_STATISTICS : 0);
    a.m = rows("x"), a.n = columns("x"), a.batch_norm = norm();
    put_activation(a), put("x", a.x, a.ldx), put("y", a.y, a.ldy);
    return operate(table_.batch_norm_forward, a);
  }

  lf_status batch_norm_backward() {
    auto a = args<lf_batch_norm_backward_args>();
    a.flags = flag("of_batch") ? LF_BATCH_STATISTICS : 0, a.batch_rows = case_.size("batch_rows");
    a.m = rows("x"), a.n = columns("x"), a.batch_norm = norm();
    put("x", a.x, a.ldx), put("dy", a.dy, a.lddy), put("dx", a.dx, a.lddx);
    put("dgamma", a.dgamma), put("dbeta", a.dbeta);
    return operate(table_.batch_norm_backward, a);
  }

  // The rows of the part, and where they lie in the batch.
  template <class Args> void put_part(Args &a, const char *matrix) {
    a.m = rows(matrix), a.n = columns(matrix);
    a.first_row = case_.size("first_row"), a.batch_rows = case_.size("batch_rows");
  }

  lf_status batch_norm_moments() {
    auto a = args<lf_batch_norm_moments_args>();
    a.flags = flag("second_pass") ? LF_SECOND_PASS : 0;
    put_part(a, "x"), put("x", a.x, a.ldx), put("moments", a.moments);
    return operate(table_.batch_norm_moments, a);
  }

  lf_status batch_norm_merge() {
    auto a = args<lf_batch_norm_merge_args>();
    a.n = columns("merged") / 3, a.first_block = case_.size("first_block");
    a.blocks = columns("moments") / columns("merged"), a.batch_rows = case_.size("batch_rows");
    put("moments", a.moments), put("merged", a.merged), a.batch_norm = norm();
    return operate(table_.batch_norm_merge, a);
  }

  lf_status column_sums() {
    auto a = args<lf_column_sums_args>();
    put_part(a, "dy"), put("dy", a.dy, a.lddy), put("x", a.x, a.ldx), put("sums", a.sums), a.batch_norm = norm();
    return operate(table_.column_sums, a);
  }

  lf_status fold_batch_norm() {
    auto a = args<lf_fold_batch_norm_args>();
    a.k = rows("w"), a.n = columns("w"), a.batch_norm = norm(), a.largest_x = number("largest_x");
    put("w", a.w, a.ldw), put("bias", a.bias), put("folded_w", a.folded_w, a.ldfolded_w);
    put("folded_bias", a.folded_bias), put("error_bound", a.error_bound);
    return operate(table_.fold_batch_norm, a);
  }

  lf_status activation_forward() {
    auto a = args<lf_activation_forward_args>();
    a.m = rows("x"), a.n = columns("x");
    put_activation(a), put("x", a.x, a.ldx), put("y", a.y, a.ldy);
    return operate(table_.activation_forward, a);
  }

  lf_status activation_backward() {
    auto a = args<lf_activation_backward_args>();
    a.m = rows("dy"), a.n = columns("dy");
    put_activation(a), put("y", a.y, a.ldy), put("dy", a.dy, a.lddy), put("dx", a.dx, a.lddx);
    put("x", a.x, a.ldx);
    return operate(table_.activation_backward, a);
  }

  lf_status softmax() {
    auto a = args<lf_softmax_args>();
    a.flags = flag("logarithm") ? LF_LOGARITHM : 0, a.m = rows("x"), a.n = columns("x");
    put("x", a.x, a.ldx), put("y", a.y, a.ldy);
    return operate(table_.softmax, a);
  }

  template <class Args> void put_losses(Args &a) {
    a.batch_rows = case_.numbers.count("batch_rows") ? case_.size("batch_rows") : a.m; // as the library does
    put("losses", a.losses);
  }

  lf_status softmax_cross_entropy() {
    auto a = args<lf_softmax_cross_entropy_args>();
    a.m = rows("x"), a.n = columns("x");
    put("x", a.x, a.ldx), put("labels", a.labels), put("loss", a.loss), put("dx", a.dx, a.lddx);
    put("weights", a.weights), put_losses(a);
    return operate(table_.softmax_cross_entropy, a);
  }

  lf_status elementwise_loss() {
    auto a = args<lf_elementwise_loss_args>();
    a.function = code("function"), a.delta = number("delta"), a.m = rows("x"), a.n = columns("x");
    put("x", a.x, a.ldx), put("targets", a.targets, a.ldtargets), put("weights", a.weights);
    put("loss", a.loss), put("dx", a.dx, a.lddx), put_losses(a);
    return operate(table_.elementwise_loss, a);
  }

  lf_status dropout() {
    auto a = args<lf_dropout_args>();
    a.m = rows("x"), a.n = columns("x"), a.rate = number("rate"), a.first_row = case_.size("first_row");
    a.seed = static_cast<uint64_t>(case_.size("seed")), a.stream = static_cast<uint64_t>(case_.size("stream"));
    put("x", a.x, a.ldx), put("y", a.y, a.ldy);
    return operate(table_.dropout, a);
  }

  lf_status top_k_correct() {
    auto a = args<lf_top_k_correct_args>();
    a.m = rows("x"), a.n = columns("x"), a.k = case_.size("k");
    put("x", a.x, a.ldx), put("labels", a.labels), put("correct", a.correct);
    return operate(table_.top_k_correct, a);
  }

  lf_status optimizer_step() {
    auto a = args<lf_optimizer_step_args>();
    a.optimizer = code("optimizer"), a.n = columns("w"), a.step = case_.size("step");
    a.learning_rate = number("learning_rate"), a.momentum = number("momentum"), a.beta2 = number("beta2");
    a.eps = number("eps"), a.weight_decay = number("weight_decay");
    put("w", a.w), put("g", a.g), put("m", a.m), put("v", a.v);
    return operate(table_.optimizer_step, a);
  }

  lf_status gather() {
    auto a = args<lf_gather_args>();
    a.m = rows("y"), a.n = columns("y"), a.count = rows("x"), a.divisor = number("divisor");
    put("x", a.x, a.ldx), put("rows", a.rows), put("y", a.y, a.ldy);
    return operate(table_.gather, a);
  }

  lf_status dispatch() {
    switch (case_.op) {
    case LF_OP_SGEMM: return sgemm();
    case LF_OP_PACK_WEIGHTS:
    case LF_OP_UNPACK_WEIGHTS: return with_packed(false, [this](void *packed) { return unpack(packed, "unpacked"); });
    case LF_OP_DENSE_INFER: return dense_infer();
    case LF_OP_DENSE_FORWARD: return dense_forward();
    case LF_OP_DENSE_BACKWARD: return dense_backward();
    case LF_OP_BATCH_NORM_FORWARD: return batch_norm_forward();
    case LF_OP_BATCH_NORM_BACKWARD: return batch_norm_backward();
    case LF_OP_FOLD_BATCH_NORM: return fold_batch_norm();
    case LF_OP_ACTIVATION_FORWARD: return activation_forward();
    case LF_OP_ACTIVATION_BACKWARD: return activation_backward();
    case LF_OP_SOFTMAX_CROSS_ENTROPY: return softmax_cross_entropy();
    case LF_OP_TOP_K_CORRECT: return top_k_correct();
    case LF_OP_OPTIMIZER_STEP: return optimizer_step();
    case LF_OP_SOFTMAX: return softmax();
    case LF_OP_ELEMENTWISE_LOSS: return elementwise_loss();
    case LF_OP_DROPOUT: return dropout();
    case LF_OP_BATCH_NORM_MOMENTS: return batch_norm_moments();
    case LF_OP_BATCH_NORM_MERGE: return batch_norm_merge();
    case LF_OP_COLUMN_SUMS: return column_sums();
    default: return gather();
    }
  }

  const lf_kernel_table &table_;
  const uint64_t cpu_features_;
  const Case &case_;
  const CallOptions &options_;
  Arrays arrays_;
  Host *host_ = nullptr;
  std::unique_ptr<Fixed> norm_;
  Outcome outcome_;
};

} // namespace

int64_t tried_calls() { return tried; }
int64_t served_calls() { return served; }

void set_progress_note(void (*note)(int32_t op, const char *text)) { progress_note = note; }

bool same_bits(double one, double other) {
  if (std::isnan(one) || std::isnan(other)) return std::isnan(one) && std::isnan(other);
  return std::memcmp(&one, &other, sizeof one) == 0;
}

bool Subject::serves(const Case &given) const {
  if (std::find(operations.begin(), operations.end(), given.op) == operations.end()) return false;
  // The library asks for what is newer than an operation only if the plugin offers a newer operation (plugin.h).
  const bool is_norm = given.op == LF_OP_BATCH_NORM_FORWARD || given.op == LF_OP_BATCH_NORM_BACKWARD;
  const bool is_new_norm = given.number("of_batch") != 0 || given.number("activation") != LF_IDENTITY;
  if (is_norm && is_new_norm && table.batch_norm_moments == nullptr) return false;
  const bool is_new_loss = given.find("weights") || given.find("losses") || given.numbers.count("batch_rows") != 0;
  if (given.op == LF_OP_SOFTMAX_CROSS_ENTROPY && is_new_loss && table.elementwise_loss == nullptr) return false;
  return given.number("packed") == 0 || table.pack_weights != nullptr;
}

Outcome call(const Subject &subject, const Case &given, const CallOptions &options) {
  return Calling(subject, given, options).run();
}

std::unique_ptr<Memory> pack(const Subject &subject, const Case &given) {
  return Calling(subject, given, {}).pack_alone();
}

} // namespace lanefold::trainer::conform
