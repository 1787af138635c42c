// Repeated fields, which come packed or one by one.
#include "model/onnx/message.hpp"

namespace lanefold::model::onnx {

void throw_damaged(const std::string &where) {
  throw ModelError("is neither a safetensors file nor an ONNX file, or is damaged" +
                   (where.empty() ? "" : ": " + where));
}

void Message::append_integers(std::vector<int64_t> &integers) {
  if (!is_packed()) {
    integers.push_back(integer());
    return;
  }
  for (const int64_t integer : reader_.get_packed_int64()) integers.push_back(integer);
}

void Message::append_reals(std::vector<float> &reals) {
  if (!is_packed()) {
    reals.push_back(real());
    return;
  }
  for (const float real : reader_.get_packed_float()) reals.push_back(real);
}

} // namespace lanefold::model::onnx
