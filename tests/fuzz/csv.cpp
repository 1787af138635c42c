// Feeds any bytes, as a file, to the reader of CSV files, and compares how they are cut with what libcsv does.
#include "fuzz.hpp"
#include "trainer/data/fields.hpp"
#include "trainer/data/table.hpp"

#include <fstream>
#include <unistd.h>

using namespace lanefold::trainer;

template <class Read> std::string all_values(const Read &read) {
  std::string all;
  const std::string problem =
      read([&](std::string_view value) { return all.append("<").append(value).append(">"), true; },
           [&] { return all += "|", true; });
  return all + problem;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const std::string path = "/tmp/lanefold-fuzz-" + std::to_string(getpid()) + ".csv";
  std::ofstream(path, std::ios::binary).write(reinterpret_cast<const char *>(data), static_cast<std::streamsize>(size));
  const std::string_view text(reinterpret_cast<const char *>(data), size);
  const std::string ours = all_values(
      [&](const auto &field, const auto &end_of_row) { return for_each_field(text, ',', field, end_of_row); });
  const std::string theirs = all_values([&](const auto &field, const auto &end_of_row) {
    QuotedRows rows(',', field, end_of_row);
    if (rows.parse(text)) rows.finish();
    return rows.problem();
  });
  if (ours != theirs) __builtin_trap();
  try {
    CsvOptions options;
    options.block_bytes = 1000;
    const Table table = read_csv(path, options);
    if (table.values.size() != static_cast<size_t>(table.rows) * table.columns.size()) __builtin_trap();
    for (int64_t row = 0; row < table.rows; ++row)
      for (size_t c = 0; c < table.columns.size(); ++c)
        if (table.columns[c].is_category && table.at(row, c) >= static_cast<float>(table.columns[c].words.size()))
          __builtin_trap();
  } catch (const DataError &error) {
    lanefold::test::check_message(error.what());
  }
  return 0;
}
