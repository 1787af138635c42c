// Feeds any bytes to the reader of network descriptions.
#include "model/description.hpp"
#include "fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  using namespace lanefold::model;
  try {
    read_network_form(std::string(reinterpret_cast<const char *>(data), size));
  } catch (const ModelError &error) {
    lanefold::test::check_message(error.what());
  }
  return 0;
}
