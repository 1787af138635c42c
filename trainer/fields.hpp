// The entries of option_table.inc, bound to the structs that hold their values: what reads and writes them.
#pragma once

#include "cli/object_reader.hpp"
#include "cli/option.hpp"

#include <string>
#include <vector>

namespace lanefold::trainer {

struct LayerDescription;
struct Optimizer;
struct Schedule;
struct TrainOptions;

struct Entry {
  std::string key;    // in JSON; "" if JSON does not hold it
  cli::Option option; // its target is the member; without a name, it is not on the command line
};

// Turns what follows the default in an entry of the table into an Entry, bound to the member of `object`.
#define LANEFOLD_ENTRY(object, member, key, option, value_, range_, help_, ...)                                        \
  Entry{key,                                                                                                           \
        {.names = option,                                                                                              \
         .value = value_,                                                                                              \
         .target = &(object).member,                                                                                   \
         .range = range_,                                                                                              \
         .help = help_ __VA_OPT__(, ) __VA_ARGS__}},

// Each keeps pointers into the struct.
std::vector<Entry> entries(LayerDescription &layer); // and of its initializer
std::vector<Entry> entries(Optimizer &optimizer);
std::vector<Entry> entries(Schedule &schedule);
std::vector<Entry> entries(TrainOptions &options); // without seed, optimizer and schedule
std::vector<Entry> generator_entries(TrainOptions &options);

// Adds a member to `object` for each entry that has a key.
void write(cli::Json &object, const std::vector<Entry> &entries);

// Reads the value of one key, or of each.  Throws JsonError if it is not there or not valid.
void read(cli::ObjectReader &object, const Entry &entry);
void read(cli::ObjectReader &object, const std::vector<Entry> &entries);

// Adds those that have a name to the options of a command, under `heading`.
void add(std::vector<cli::Option> &options, const std::vector<Entry> &entries, const std::string &heading);

// The value as a user would type it.  Equal texts are equal values.
std::string value_of(const Entry &entry);

} // namespace lanefold::trainer
