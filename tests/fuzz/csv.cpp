// Feeds any bytes, as a file, to the reader of CSV files.
#include "fuzz.hpp"
#include "trainer/data/table.hpp"

#include <fstream>
#include <unistd.h>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const std::string path = "/tmp/lanefold-fuzz-" + std::to_string(getpid()) + ".csv";
  std::ofstream(path, std::ios::binary).write(reinterpret_cast<const char *>(data), static_cast<std::streamsize>(size));
  try {
    lanefold::trainer::CsvOptions options;
    options.block_bytes = 1000;
    const lanefold::trainer::Table table = lanefold::trainer::read_csv(path, options);
    if (table.values.size() != static_cast<size_t>(table.rows) * table.columns.size()) __builtin_trap();
    for (int64_t row = 0; row < table.rows; ++row)
      for (size_t c = 0; c < table.columns.size(); ++c)
        if (table.columns[c].is_category && table.at(row, c) >= static_cast<float>(table.columns[c].words.size()))
          __builtin_trap();
  } catch (const lanefold::trainer::DataError &error) {
    lanefold::test::check_message(error.what());
  }
  return 0;
}
