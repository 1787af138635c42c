// Feeds archives of arrays to their reader: any bytes, or two files of NumPy's format that a whole archive holds.
#include "fuzz.hpp"
#include "trainer/data/arrays.hpp"

#include <cstdio>
#include <fstream>

#include <unistd.h>
#include <zip.h>

namespace {

void write_archive(const std::string &path, const uint8_t *data, size_t size) {
  std::remove(path.c_str());
  int code = 0;
  zip_t *archive = zip_open(path.c_str(), ZIP_CREATE, &code);
  if (archive == nullptr) __builtin_trap();
  const size_t first = size < 2 ? 0 : std::min<size_t>(size - 2, static_cast<size_t>(data[0]) << 8 | data[1]);
  const uint8_t *const parts = data + std::min<size_t>(size, 2);
  const auto add = [&](const char *name, const uint8_t *bytes, size_t count) {
    const zip_int64_t at = zip_file_add(archive, name, zip_source_buffer(archive, bytes, count, 0), 0);
    zip_set_file_compression(archive, static_cast<zip_uint64_t>(at), ZIP_CM_STORE, 0);
  };
  add("x.npy", parts, first);
  add("y.npy", parts + first, size < 2 ? 0 : size - 2 - first);
  if (zip_close(archive) != 0) __builtin_trap();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  using namespace lanefold::trainer;
  static const std::string path = "/tmp/lanefold-fuzz-" + std::to_string(getpid()) + ".npz";
  if (size > 0 && data[0] == 'P')
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char *>(data), static_cast<std::streamsize>(size));
  else write_archive(path, data, size);
  for (const std::optional<Task> task : {std::optional<Task>(), std::optional(Task::regression)}) try {
      if (read_unlabelled_npz(path)) continue;
      const Dataset made = read_npz(path, task);
      const Samples &train = made.train;
      if (train.outputs != (made.schema.is_regression() ? made.schema.outputs() : 0)) __builtin_trap();
      for (const int32_t label : train.labels)
        if (label < 0 || label >= made.classes()) __builtin_trap();
    } catch (const DataError &error) {
      lanefold::test::check_message(error.what());
    }
  return 0;
}
