// Feeds any bytes to the reader of safetensors, and what it gives to the readers of Lanefold's own files and of a
// state_dict.
#include "fuzz.hpp"
#include "model/own_format.hpp"
#include "model/state_dict.hpp"

#include <algorithm>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  using namespace lanefold::model;
  // A fuzzer seldom guesses the length of the header, so it is set to end after the first }}}.
  std::string bytes(reinterpret_cast<const char *>(data), size);
  if (size > 8 && data[0] % 4 != 0) {
    const uint64_t length = std::min<uint64_t>(size - 8, bytes.find("}}}", 8) + 3 - 8);
    bytes.replace(0, 8, reinterpret_cast<const char *>(&length), 8);
  }
  Content content;
  content.data = reinterpret_cast<const std::byte *>(bytes.data()), content.size = bytes.size();
  static const NetworkForm form = read_network_form(
      R"({"layers": [{"units": 3, "batch_norm": "on"}, {"units": 2, "batch_norm": "off"}]})", usual_of_pytorch());
  try {
    TensorFile file = read_safetensors(content);
    const Model model = is_own_format(file) ? read_own_format(file, true) : read_state_dict(file, form, true);
    check(model);
    std::vector<Tensor> kept;
    write_own_format(model, kept);
  } catch (const ModelError &error) {
    lanefold::test::check_message(error.what());
  }
  return 0;
}
