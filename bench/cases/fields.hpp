// What is measured, as data: the fields that describe an operation, its shape and its conditions.  Files of results have
// them, filters select by them, and the name of a benchmark follows from them.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace lanefold::bench {

using Json = nlohmann::ordered_json;

// A field that does not apply is empty, 0 or false.
struct Fields {
  std::string family;     // the operations that belong together: "gemm", "dense", "activation"...
  std::string op;         // what is computed: "gemm", "dense", "batch_norm", "infer", "step"...
  std::string transpose;  // "nn", "tn", "nt" or "tt": which operands of a product are transposed
  std::string pass;       // "forward", "training", "inference" or "backward"
  std::string form;       // how: "unfused", "fused", "folded", "packed", "alone"...
  bool bn = false;        // with batch normalization
  std::string activation; // "elu"; empty for the identity
  bool cold = false;      // with cold caches
  std::string set;        // "random": a random shape.  "geometric-mean" or "share": a number for many cases
  std::string isa;
  int64_t m = 0, n = 0, k = 0;
  std::string level; // of memory that holds the data: "L1"...
  int64_t threads = 0;
  std::string peer; // empty for Lanefold itself

  bool operator==(const Fields &) const = default;
};

// A field by its name in files and filters.
struct Field {
  const char *name;
  std::variant<std::string Fields::*, int64_t Fields::*, bool Fields::*> member;
};
const std::vector<Field> &all_fields();

// "gemm/nn/packed/isa:avx512/m:200/n:300/k:784/threads:1/peer:onednn"
std::string name_of(const Fields &fields);

// Adds the fields that apply to an object.
void add_fields(Json &object, const Fields &fields);
// Reads the fields of an object, each of the right type.
Fields fields_of(const Json &object);

} // namespace lanefold::bench
