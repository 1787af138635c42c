// Feeds any bytes to the ONNX reader.  Whatever they are, it throws a ModelError of one line, or gives a model that can
// be written and read again.
#include "model/onnx/onnx.hpp"
#include "fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  using namespace lanefold::model;
  std::string written;
  try {
    const Model model = read_onnx(reinterpret_cast<const std::byte *>(data), size, nullptr, "");
    written = write_onnx(model);
  } catch (const ModelError &error) {
    lanefold::test::check_message(error.what());
    return 0;
  }
  const auto owner = std::make_shared<const std::string>(std::move(written));
  read_onnx(reinterpret_cast<const std::byte *>(owner->data()), owner->size(), owner, "");
  return 0;
}
