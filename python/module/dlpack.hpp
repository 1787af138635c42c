// The structs of DLPack (https://dmlc.github.io/dlpack), versions 0 and 1, by which libraries lend each other arrays.
#pragma once

#include <cstdint>

namespace lanefold::python::dlpack {

// The devices whose memory the CPU can read and write directly.  NumPy takes the same ones.
inline constexpr int32_t cpu = 1, cuda_host = 3, rocm_host = 11, cuda_managed = 13;
inline constexpr uint64_t read_only = 1, is_copied = 2;
inline constexpr uint8_t signed_integer = 0, unsigned_integer = 1, floating_point = 2;

struct Device {
  int32_t type, id;
};

struct DataType {
  uint8_t code, bits;
  uint16_t lanes;
};

struct Tensor {
  void *data;
  Device device;
  int32_t dimensions;
  DataType type;
  int64_t *shape;
  int64_t *strides; // in elements; NULL: row-major without gaps
  uint64_t byte_offset;
};

struct Managed {
  Tensor tensor;
  void *context;
  void (*deleter)(Managed *self);
};

struct ManagedVersioned {
  uint32_t major, minor;
  void *context;
  void (*deleter)(ManagedVersioned *self);
  uint64_t flags;
  Tensor tensor;
};

} // namespace lanefold::python::dlpack
