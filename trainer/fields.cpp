// Each struct's entries, and the forms that are derived from them.
#include "trainer/fields.hpp"

#include "trainer/network/description.hpp"
#include "trainer/training/training.hpp"

namespace lanefold::trainer {

using cli::above, cli::not_empty, cli::number, cli::one_of, cli::whole;

std::vector<Entry> entries(LayerDescription &layer) {
  return {
#define LAYER_FIELD(type, member, initial, ...) LANEFOLD_ENTRY(layer, member, __VA_ARGS__)
#define INITIALIZER_FIELD(type, member, initial, ...) LANEFOLD_ENTRY(layer.init, member, __VA_ARGS__)
#include "trainer/option_table.inc"
#undef LAYER_FIELD
#undef INITIALIZER_FIELD
  };
}

std::vector<Entry> entries(Optimizer &optimizer) {
  return {
#define OPTIMIZER_FIELD(type, member, initial, ...) LANEFOLD_ENTRY(optimizer, member, __VA_ARGS__)
#include "trainer/option_table.inc"
#undef OPTIMIZER_FIELD
  };
}

std::vector<Entry> entries(Schedule &schedule) {
  return {
#define SCHEDULE_FIELD(type, member, initial, ...) LANEFOLD_ENTRY(schedule, member, __VA_ARGS__)
#include "trainer/option_table.inc"
#undef SCHEDULE_FIELD
  };
}

std::vector<Entry> entries(TrainOptions &options) {
  return {
#define TRAINING_FIELD(type, member, initial, ...) LANEFOLD_ENTRY(options, member, __VA_ARGS__)
#include "trainer/option_table.inc"
#undef TRAINING_FIELD
  };
}

std::vector<Entry> generator_entries(TrainOptions &options) {
  return {
#define GENERATOR_FIELD(type, member, initial, ...) LANEFOLD_ENTRY(options, member, __VA_ARGS__)
#include "trainer/option_table.inc"
#undef GENERATOR_FIELD
  };
}

namespace {

cli::Json json_of(const cli::Option &option) {
  const cli::Target &target = option.target;
  switch (target.type()) {
  case cli::Target::Type::whole: return target.as<int64_t>();
  case cli::Target::Type::natural: return target.as<uint64_t>();
  case cli::Target::Type::number: return cli::shortest(target.as<float>());
  default: return text_of(target, option.range);
  }
}

} // namespace

void write(cli::Json &object, const std::vector<Entry> &entries) {
  for (const Entry &entry : entries)
    if (!entry.key.empty()) object[entry.key] = json_of(entry.option);
}

void read(cli::ObjectReader &object, const Entry &entry) {
  const cli::Option &option = entry.option;
  switch (option.target.type()) {
  case cli::Target::Type::whole:
    option.target.as<int64_t>() = object.whole(entry.key, option.range.least, option.range.most);
    return;
  case cli::Target::Type::natural:
    option.target.as<uint64_t>() =
        static_cast<uint64_t>(object.whole(entry.key, option.range.least, option.range.most));
    return;
  case cli::Target::Type::number: option.target.as<float>() = object.number(entry.key, option.range); return;
  default: assign(option.target, option.range, object.word(entry.key, *option.range.words));
  }
}

void read(cli::ObjectReader &object, const std::vector<Entry> &entries) {
  for (const Entry &entry : entries)
    if (!entry.key.empty()) read(object, entry);
}

void add(std::vector<cli::Option> &options, const std::vector<Entry> &entries, const std::string &heading) {
  for (const Entry &entry : entries) {
    if (entry.option.names.empty()) continue;
    options.push_back(entry.option);
    options.back().heading = heading;
  }
}

std::string value_of(const Entry &entry) { return text_of(entry.option.target, entry.option.range); }

} // namespace lanefold::trainer
