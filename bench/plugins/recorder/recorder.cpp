// A plugin that forwards every operation to another plugin.  It runs the tasks of each parallel loop one after the other
// on the calling thread, and logs their times: "op NANOSECONDS phase NANOSECONDS... phase NANOSECONDS...".  So a context
// for 128 threads shows its real tasks on a machine with two cores.  Only the benchmarks use it.
#include <lanefold/plugin.h>

#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include <dlfcn.h>

namespace {

using Clock = std::chrono::steady_clock;
double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

lf_kernel_table real;

// Records the tasks of one operation on one thread.
class Recording {
public:
  explicit Recording(const lf_host *host) : host_(*host), log_(host), outer_(current) {
    host_.parallel_for = run_tasks;
    current = this;
    begin_ = Clock::now();
  }
  ~Recording() {
    const double seconds = seconds_since(begin_);
    current = outer_;
    std::string line = "op " + std::to_string(seconds * 1e9);
    for (const std::vector<double> &phase : phases_) {
      line.append(" phase");
      for (const double task : phase) line.append(" ").append(std::to_string(task * 1e9));
    }
    log_->log(log_->self, LF_LOG_INFO, line.c_str());
  }
  Recording(const Recording &) = delete;
  const lf_host *host() const { return &host_; }

private:
  static void run_tasks(void *, int64_t count, lf_task task, void *arg) {
    std::vector<double> phase;
    for (int64_t i = 0; i < count; ++i) {
      const Clock::time_point begin = Clock::now();
      task(arg, i);
      phase.push_back(seconds_since(begin));
    }
    current->phases_.push_back(std::move(phase));
  }

  static thread_local Recording *current;
  lf_host host_;
  const lf_host *log_;
  Recording *outer_;
  Clock::time_point begin_;
  std::vector<std::vector<double>> phases_;
};
thread_local Recording *Recording::current = nullptr;

// Wraps the operation that a member of the kernel table points to.
template <auto Member> struct Recorded;
template <class... Args, lf_status (*lf_kernel_table::*Member)(const lf_host *, Args...)> struct Recorded<Member> {
  static lf_status run(const lf_host *host, Args... arguments) {
    const Recording recording(host);
    return (real.*Member)(recording.host(), arguments...);
  }
};

template <auto... Members> void record(lf_kernel_table &table) {
  ((table.*Members = real.*Members ? Recorded<Members>::run : nullptr), ...);
}

// The other plugin lies beside the library, and the library owns the functions of the host.
const lf_plugin_entry *real_entry(const lf_host *host) {
  Dl_info library;
  if (!dladdr(reinterpret_cast<void *>(host->acquire), &library)) return nullptr;
  std::string folder = library.dli_fname;
  folder.resize(folder.rfind('/') + 1);
  void *plugin = dlopen((folder + "lanefold/" LANEFOLD_RECORDED ".so").c_str(), RTLD_NOW | RTLD_LOCAL);
  return plugin ? static_cast<const lf_plugin_entry *>(dlsym(plugin, LF_PLUGIN_ENTRY_SYMBOL)) : nullptr;
}

lf_status fill(const lf_host *host, lf_kernel_table *table) {
  using T = lf_kernel_table;
  const lf_plugin_entry *entry = real_entry(host);
  if (!entry || table->struct_size < sizeof real)
    return host->fail(host->self, LF_UNUSABLE, LANEFOLD_RECORDED " is missing");
  real.struct_size = sizeof real;
  if (const lf_status status = entry->fill(host, &real)) return status;
  const uint32_t size = table->struct_size;
  *table = real;
  table->struct_size = size;
  record<&T::sgemm, &T::pack_weights, &T::dense_infer, &T::dense_forward, &T::dense_backward, &T::batch_norm_forward,
         &T::batch_norm_backward, &T::fold_batch_norm, &T::activation_forward, &T::activation_backward,
         &T::softmax_cross_entropy, &T::optimizer_step, &T::unpack_weights, &T::gather, &T::softmax,
         &T::elementwise_loss, &T::dropout, &T::batch_norm_moments, &T::batch_norm_merge, &T::column_sums>(*table);
  return LF_OK;
}

} // namespace

extern "C" const lf_plugin_entry lf_plugin_entry_v1 = {sizeof(lf_plugin_entry), -1,  LANEFOLD_NAME, "lanefold",
                                                       LANEFOLD_NEEDS,          fill};
