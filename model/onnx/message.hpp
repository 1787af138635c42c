// Reads a protobuf message, and checks that each field has the wire type that ONNX's schema gives it.
#pragma once

#include "model/model.hpp"

#include <protozero/pbf_reader.hpp>

#include <string_view>
#include <vector>

namespace lanefold::model::onnx {

[[noreturn]] void throw_damaged(const std::string &where);

class Message {
public:
  explicit Message(std::string_view bytes) : reader_(bytes.data(), bytes.size()) {}

  // The number of the next field; 0 at the end.  Each field is then read or skipped.
  uint32_t next() { return reader_.next() ? reader_.tag() : 0; }
  void skip() { reader_.skip(); }

  int64_t integer() {
    expect(protozero::pbf_wire_type::varint);
    return reader_.get_int64();
  }
  float real() {
    expect(protozero::pbf_wire_type::fixed32);
    return reader_.get_float();
  }
  double long_real() {
    expect(protozero::pbf_wire_type::fixed64);
    return reader_.get_double();
  }
  std::string_view bytes() {
    expect(protozero::pbf_wire_type::length_delimited);
    const protozero::data_view view = reader_.get_view();
    return {view.data(), view.size()};
  }
  bool is_packed() const { return reader_.wire_type() == protozero::pbf_wire_type::length_delimited; }

  // A repeated field may be packed into one record, or have a record for each element.
  void append_integers(std::vector<int64_t> &integers);
  void append_reals(std::vector<float> &reals);

private:
  void expect(protozero::pbf_wire_type type) const {
    if (reader_.wire_type() != type) throw_damaged("a field has the wrong type");
  }
  protozero::pbf_reader reader_;
};

} // namespace lanefold::model::onnx
