// Checks of structs: the table that a plugin fills, argument structs of newer libraries, and what it declines.
#include "trainer/conform/conform.hpp"

#include <lanefold/lanefold.h>

#include <cstddef>
#include <cstring>

namespace lanefold::trainer::conform {
namespace {

// A table of `size` bytes beside an inaccessible page.
struct GuardedTable {
  Memory memory;
  explicit GuardedTable(size_t size) : memory("the kernel table", size, Side::ends) {
    std::memset(memory.data(), 0, size);
    const auto stated = static_cast<uint32_t>(size);
    std::memcpy(memory.data(), &stated, sizeof stated);
  }
  lf_kernel_table *get() { return reinterpret_cast<lf_kernel_table *>(memory.data()); }
};

lf_status fill(Opened &module, GuardedTable &table) {
  Host host({.cpu_features = module.subject.cpu_features});
  const lf_status status = module.entry->fill(host.get(), table.get());
  host.finish();
  return status;
}

void table_keeps_its_size(Opened &module, Findings &findings) {
  // The table of an older library ends early, and that of a newer one has more slots, which are 0.
  constexpr size_t known = sizeof(lf_kernel_table);
  const size_t first_slot = offsetof(lf_kernel_table, packed_weights_size);
  for (const size_t size : {first_slot, known - sizeof(void *), known, known + 64}) {
    GuardedTable table(size);
    const std::string stated = " when the table has " + std::to_string(size) + " bytes";
    if (const lf_status status = fill(module, table); status != LF_OK)
      findings.add("fill returns " + std::string(lf_status_name(status)) + stated);
    uint32_t now;
    std::memcpy(&now, table.memory.data(), sizeof now);
    if (now != size) findings.add("fill changes struct_size" + stated);
    for (size_t i = known; i < size; ++i)
      if (table.memory.data()[i] != 0) return findings.add("fill writes slots that it does not know" + stated);
    if (std::memcmp(table.memory.data() + sizeof now, "\0\0\0", 4) != 0) findings.add("fill changes reserved" + stated);
  }
}

void fills_each_time(Opened &module, Findings &findings) {
  GuardedTable first(sizeof(lf_kernel_table)), second(sizeof(lf_kernel_table));
  if (fill(module, first) != LF_OK || fill(module, second) != LF_OK)
    return findings.add("fill fails; the library calls it once for each context");
  for (const GuardedTable *again : {&first, &second}) // the table of the subject is from the first call
    if (std::memcmp(&module.subject.table, again->memory.data(), sizeof(lf_kernel_table)) != 0)
      return findings.add("the second call of fill gives other operations than the first");
}

void offers_whole_packing(Opened &module, Findings &findings) {
  const lf_kernel_table &t = module.subject.table;
  const int parts = (t.packed_weights_size != nullptr) + (t.pack_weights != nullptr) + (t.unpack_weights != nullptr) +
                    (t.dense_infer != nullptr);
  if (parts != 0 && parts != 4)
    findings.add("it offers some of packed_weights_size, pack_weights, unpack_weights and dense_infer, but not all");
}

void offers_whole_parts(Opened &module, Findings &findings) {
  const lf_kernel_table &t = module.subject.table;
  const int parts = (t.batch_norm_moments != nullptr) + (t.batch_norm_merge != nullptr) + (t.column_sums != nullptr);
  if (parts != 0 && parts != 3)
    findings.add("it offers some of batch_norm_moments, batch_norm_merge and column_sums, but not all");
}

void serves_what_it_offers(Opened &module, Findings &findings) {
  if (module.subject.operations.empty()) findings.add("it offers no operation");
  for (const int32_t op : module.subject.operations) {
    bool serves = false;
    for (const Case &given : some_cases(op, Choice::many))
      serves = serves || !module.subject.serves(given) || call(module.subject, given).status != LF_UNSUPPORTED;
    if (!serves) findings.add(std::string("it offers ") + operation_name(op) + ", but declines every call of it");
  }
}

void declines_before_writing(Opened &module, Findings &findings) {
  CallOptions options;
  options.placement.nan = true; // a write of 0 shows, too
  for (const Case &given : cases_of(module.subject, Choice::many)) {
    const Outcome outcome = call(module.subject, given, options);
    if (outcome.status == LF_UNSUPPORTED && !outcome.outputs_untouched)
      findings.add("it writes, and then returns LF_UNSUPPORTED: " + given.text());
    if (findings.full()) return;
  }
}

void accepts_newer_structs(Opened &module, Findings &findings) {
  for (const Case &given : cases_of(module.subject, Choice::few)) {
    CallOptions options;
    const Outcome plain = call(module.subject, given, options);
    options.appended = 16;
    const std::string where = ", with structs that have 16 more bytes";
    const Outcome outcome = expect_right(module.subject, given, options, results, where, findings);
    if (plain.status == LF_OK && outcome.status == LF_UNSUPPORTED) findings.add("it declines: " + given.text() + where);
    if (findings.full()) return;
  }
}

// A newer library may know more activations, optimizers and losses.
void declines_unknown_codes(Opened &module, Findings &findings) {
  const std::pair<const char *, int32_t> counts[] = {
      {"activation", LF_ACTIVATION_COUNT}, {"optimizer", LF_OPTIMIZER_COUNT}, {"function", LF_LOSS_COUNT}};
  CallOptions options;
  options.placement.nan = true;
  for (const Case &known : cases_of(module.subject, Choice::few)) {
    for (const auto &[name, count] : counts) {
      if (known.numbers.count(name) == 0 || call(module.subject, known).status != LF_OK) continue;
      Case unknown = known;
      unknown.numbers[name] = count;
      if (!module.subject.serves(unknown)) continue; // the field is newer than this plugin
      const Outcome outcome = call(module.subject, unknown, options);
      const std::string where = ", with a code that this library does not know: " + unknown.text();
      if (outcome.status != LF_UNSUPPORTED)
        findings.add("it returns " + std::string(lf_status_name(outcome.status)) + " for " + name + where);
      else if (!outcome.outputs_untouched)
        findings.add("it writes, and then returns LF_UNSUPPORTED, for " + std::string(name) + where);
    }
    if (findings.full()) return;
  }
}

void explains_within_bounds(Opened &module, Findings &findings) {
  if (module.subject.table.explain == nullptr) return;
  CallOptions options;
  options.explains = true, options.placement.nan = true;
  for (const Case &given : cases_of(module.subject, Choice::few)) {
    const Outcome outcome = call(module.subject, given, options);
    if (outcome.status != LF_OK && outcome.status != LF_UNSUPPORTED)
      findings.add("explain returns " + std::string(lf_status_name(outcome.status)) + ": " + given.text());
    if (!outcome.outputs_untouched) findings.add("explain changes memory: " + given.text());
    if (!outcome.damage.empty()) findings.add(outcome.damage + ": " + given.text());
    if (!outcome.changed.empty()) findings.add("explain changes " + outcome.changed + ": " + given.text());
    if (findings.full()) return;
  }
}

} // namespace

std::vector<Check> struct_checks() {
  return {
      {"structs", "table-size", "fill writes only slots that it knows, within the size of the table.", Check::table,
       table_keeps_its_size},
      {"structs", "fill-again", "fill gives the same operations each time.", Check::table, fills_each_time},
      {"structs", "packing", "The plugin has all functions for packed weights, or none.", Check::table,
       offers_whole_packing},
      {"structs", "parts", "The plugin has all functions for a batch in parts, or none.", Check::table,
       offers_whole_parts},
      {"structs", "offers", "The plugin serves each operation that it offers.", Check::calls, serves_what_it_offers},
      {"structs", "declines", "A declined call writes nothing.", Check::calls, declines_before_writing},
      {"structs", "newer-structs", "The plugin accepts the larger structs of a newer library.", Check::calls,
       accepts_newer_structs},
      {"structs", "unknown-codes", "The plugin declines activations, optimizers and losses that it does not know.",
       Check::calls, declines_unknown_codes},
      {"structs", "explain", "explain writes one line that ends with 0, within the given size.", Check::calls,
       explains_within_bounds},
  };
}

} // namespace lanefold::trainer::conform
