// Text of a file in messages and names.
#include "model/onnx/proto.hpp"

namespace lanefold::model::onnx {

namespace {

// The bytes of the UTF-8 character at the beginning; 0: there is none.
size_t character_size(std::string_view text) {
  const auto byte = [text](size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead < 0xc0 || lead > 0xf4) return 0;
  const size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  unsigned code = lead & (0x7fu >> size);
  for (size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
    code = code << 6 | (byte(i) & 0x3f);
  }
  constexpr unsigned least[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool is_surrogate = code >= 0xd800 && code < 0xe000;
  return code < least[size] || code > 0x10ffff || is_surrogate ? 0 : size;
}

} // namespace

std::string readable(std::string_view text, size_t most) {
  std::string result;
  for (size_t i = 0; i < text.size();) {
    if (i >= most) return result + "...";
    const size_t size = character_size(text.substr(i));
    const bool is_control = static_cast<unsigned char>(text[i]) < 32 || text[i] == 127;
    if (size == 0 || is_control) result += '?';
    else result += text.substr(i, size);
    i += size == 0 ? 1 : size;
  }
  return result;
}

std::string in_quotes(std::string_view text) {
  std::string result = readable(text);
  for (char &c : result)
    if (c == '"') c = '?';
  return "\"" + result + "\"";
}

std::string place_of(const Node &node) {
  const std::string domain = node.domain.empty() ? "" : readable(node.domain) + ".";
  const std::string kind = " (" + domain + readable(node.operation) + ")";
  if (!node.name.empty()) return "node " + in_quotes(node.name) + kind;
  return "node " + std::to_string(node.index) + kind + ", which makes " + in_quotes(node.outputs.front());
}

void refuse(const Node &node, const std::string &message, lf_status status) {
  throw ModelError(place_of(node) + ": " + message, status);
}

} // namespace lanefold::model::onnx
