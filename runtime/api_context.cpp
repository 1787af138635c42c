// The calls that make, describe and destroy a context.
#include "runtime/call.hpp"
#include "runtime/options.hpp"

#include <atomic>
#include <memory>

using namespace lanefold::runtime;

namespace {

// All that contexts share: a counter, so that no two of them have the same number.
constinit std::atomic<uint64_t> last_serial{no_context};

std::unique_ptr<lf_context> make_context(const Settings &settings) {
  return std::make_unique<lf_context>(last_serial.fetch_add(1, std::memory_order_relaxed) + 1, settings.threads,
                                      settings.executor, settings.request.log, settings.request.cpu.enabled);
}

void show(const Candidate &candidate, lf_plugin_visitor visit, void *self) {
  const lf_plugin_candidate shown = {
      sizeof shown,
      candidate.taken,
      candidate.judgement == Judgement::usable,
      candidate.manifest.priority,
      candidate.manifest.name.c_str(),
      candidate.manifest.vendor.c_str(),
      candidate.path.c_str(),
      candidate.manifest.needs_text.c_str(),
      candidate.reason.c_str(),
  };
  visit(self, &shown);
}

} // namespace

lf_status lf_context_create(const lf_context_options *options, lf_context **context) {
  if (context != nullptr) *context = nullptr;
  return guarded(no_context, "lf_context_create", [=](Check &check) {
    check.present("context", context);
    const Settings settings = read_options(check, options);
    if (!check.ok()) return check.status();
    auto made = make_context(settings);
    Call call(*made, "lf_context_create");
    Selection selection = select(settings.request, *call.host(), Extent::chosen);
    if (selection.status != LF_OK) return check.fail(selection.status, "%s", selection.message.c_str());
    std::vector<std::string> warnings = settings.warnings;
    warnings.insert(warnings.end(), selection.warnings.begin(), selection.warnings.end());
    if (selection.is_told()) warnings.push_back(selection.shortfall);
    made->log.warn(warnings);
    made->reason = selection.taken()->reason;
    made->chain.emplace(std::move(*selection.chosen), selection.stand_ins(), made->log);
    *context = made.release();
    return LF_OK;
  });
}

void lf_context_destroy(lf_context *context) { delete context; }

const char *lf_last_error(const lf_context *context) {
  return last_error(context == nullptr ? no_context : context->serial);
}

const char *lf_context_isa(const lf_context *context) {
  return context == nullptr ? "" : context->chain->chosen().name.c_str();
}

const char *lf_context_isa_reason(const lf_context *context) {
  return context == nullptr ? "" : context->reason.c_str();
}

int32_t lf_context_threads(const lf_context *context) { return context == nullptr ? 0 : context->executor.threads(); }

lf_status lf_enumerate_plugins(const lf_context_options *options, lf_plugin_visitor visit, void *self) {
  return guarded(no_context, "lf_enumerate_plugins", [=](Check &check) {
    if (visit == nullptr) check.fail(LF_INVALID_ARGUMENT, "visit is NULL");
    const Settings settings = read_options(check, options);
    if (!check.ok()) return check.status();
    const auto made = make_context(settings);
    Call call(*made, "lf_enumerate_plugins");
    const Selection selection = select(settings.request, *call.host(), Extent::everything);
    for (const Candidate &candidate : selection.candidates) show(candidate, visit, self);
    if (selection.status != LF_OK) check.fail(selection.status, "%s", selection.message.c_str());
    return check.status();
  });
}

lf_status lf_describe_cpu(char *text, uint64_t size, uint64_t *needed) {
  return guarded(no_context, "lf_describe_cpu", [=](Check &check) {
    check.write_text(cpu_name() + ": " + feature_names(detect_features().enabled), text, size, needed);
    return check.status();
  });
}
