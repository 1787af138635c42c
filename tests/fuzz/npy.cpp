// Feeds any bytes, as a file, to the reader of NumPy's format.
#include "trainer/data/npy.hpp"
#include "fuzz.hpp"
#include "trainer/data/dataset.hpp"

#include <fstream>
#include <unistd.h>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const std::string path = "/tmp/lanefold-fuzz-" + std::to_string(getpid()) + ".npy";
  std::ofstream(path, std::ios::binary).write(reinterpret_cast<const char *>(data), static_cast<std::streamsize>(size));
  try {
    lanefold::trainer::NpyReader reader(path);
    std::vector<float> x;
    if (reader.rows() > 0) reader.read(reader.rows() - 1, 1, x);
    reader.read(0, reader.rows(), x);
  } catch (const lanefold::trainer::DataError &error) {
    lanefold::test::check_message(error.what());
  }
  return 0;
}
