// Faults of arguments.  Each operation has one good call, and a list of faults, of which a test makes one at a time.
#pragma once

#include <doctest/doctest.h>

#include <lanefold/lanefold.hpp>

#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

namespace lanefold::test {

inline constexpr int64_t huge = int64_t{1} << 61;
inline const float not_a_number = std::numeric_limits<float>::quiet_NaN();
inline const float infinity = std::numeric_limits<float>::infinity();

// The memory of one call: 16 floats for each operand.  It holds a pattern that an error must leave unchanged.
struct Memory {
  Memory() {
    for (std::size_t i = 0; i < 16 * 16; ++i) floats[i] = 1 + 0.001f * static_cast<float>(i);
  }
  float *operand(int i) { return floats + 16 * i; }
  float floats[16 * 16];
  int32_t labels[4] = {0, 1, 2, 0};
  int64_t correct = -7;
};

// A good call with m = 4, n = 3, k = 2, and its nested struct.
template <class Args> struct Good {
  Memory memory;
  Args args = lanefold::args<Args>();
  lf_batch_norm norm = lanefold::args<lf_batch_norm>();
};

template <class Args> struct Fault {
  const char *named; // part of the message
  lf_status status;
  void (*make)(Good<Args> &);
};

template <class Args> using Call = lf_status (*)(lf_context *, const Args *);

// Checks that a call with one fault ends with this status and a message that names the fault, and writes nothing.
void check_found(lf_context *context, lf_status status, lf_status expected, const char *named, bool nothing_written);
// Checks that the last call ended with LF_INVALID_ARGUMENT because this argument is NULL.
void check_null(lf_context *context, lf_status status, const char *named);

// Makes one fault at a time in a good call, and checks that the call finds it.
template <class Args>
void check_faults(Call<Args> call, void (*prepare)(Good<Args> &), const std::vector<Fault<Args>> &faults) {
  const lanefold::Context context;
  std::vector<Fault<Args>> all = {
      {"struct_size is 4", LF_INVALID_ARGUMENT, [](auto &g) { g.args.struct_size = 4; }},
      {"struct_size is 4294967295", LF_INVALID_ARGUMENT, [](auto &g) { g.args.struct_size = UINT32_MAX; }},
      {"flags", LF_UNSUPPORTED, [](auto &g) { g.args.flags |= 1u << 31; }},
  };
  all.insert(all.end(), faults.begin(), faults.end());
  for (const Fault<Args> &fault : all) {
    Good<Args> good;
    prepare(good);
    fault.make(good);
    Memory before;
    std::memcpy(&before, &good.memory, sizeof before);
    const lf_status status = call(context.get(), &good.args);
    check_found(context.get(), status, fault.status, fault.named,
                std::memcmp(&before, &good.memory, sizeof before) == 0);
  }
  check_null(context.get(), call(context.get(), nullptr), "args");
  Good<Args> good;
  check_null(nullptr, call(nullptr, &good.args), "context");
}

inline float *misaligned(const float *pointer) {
  return reinterpret_cast<float *>(reinterpret_cast<uintptr_t>(pointer) + 2);
}

inline void prepare_norm(lf_batch_norm &norm, Memory &memory) {
  norm.eps = 1e-3f;
  norm.momentum = 0.9f;
  norm.gamma = memory.operand(8);
  norm.beta = memory.operand(9);
  norm.running_mean = memory.operand(10);
  norm.running_var = memory.operand(11);
  norm.mean = memory.operand(12);
  norm.inv_std = memory.operand(13);
}

// Faults of the batch normalization of any call.
template <class Args> std::vector<Fault<Args>> with_norm_faults(std::vector<Fault<Args>> faults) {
  const std::vector<Fault<Args>> more = {
      {"batch_norm.struct_size", LF_INVALID_ARGUMENT, [](auto &g) { g.norm.struct_size = 0; }},
      {"batch_norm.flags", LF_UNSUPPORTED, [](auto &g) { g.norm.flags = LF_TRANSPOSE_B; }},
      {"batch_norm.eps is 0", LF_INVALID_ARGUMENT, [](auto &g) { g.norm.eps = 0; }},
      {"batch_norm.eps is -1", LF_INVALID_ARGUMENT, [](auto &g) { g.norm.eps = -1; }},
      {"batch_norm.eps", LF_INVALID_ARGUMENT, [](auto &g) { g.norm.eps = not_a_number; }},
      {"batch_norm.eps", LF_INVALID_ARGUMENT, [](auto &g) { g.norm.eps = infinity; }},
      {"batch_norm.gamma", LF_INVALID_ARGUMENT, [](auto &g) { g.norm.gamma = nullptr; }},
      {"batch_norm.gamma", LF_INVALID_ARGUMENT, [](auto &g) { g.norm.gamma = misaligned(g.norm.gamma); }},
  };
  faults.insert(faults.end(), more.begin(), more.end());
  return faults;
}

template <class Args> std::vector<Fault<Args>> with_training_faults(std::vector<Fault<Args>> faults) {
  const std::vector<Fault<Args>> more = {
      {"batch_norm.momentum", LF_INVALID_ARGUMENT, [](auto &g) { g.norm.momentum = 1.5f; }},
      {"batch_norm.momentum", LF_INVALID_ARGUMENT, [](auto &g) { g.norm.momentum = -0.1f; }},
      {"batch_norm.momentum", LF_INVALID_ARGUMENT, [](auto &g) { g.norm.momentum = not_a_number; }},
      {"batch_norm.beta", LF_INVALID_ARGUMENT, [](auto &g) { g.norm.beta = nullptr; }},
      {"batch_norm.running_var is NULL", LF_INVALID_ARGUMENT, [](auto &g) { g.norm.running_var = nullptr; }},
      {"batch_norm.running_mean is NULL", LF_INVALID_ARGUMENT, [](auto &g) { g.norm.running_mean = nullptr; }},
      {"batch_norm.inv_std is NULL", LF_INVALID_ARGUMENT, [](auto &g) { g.norm.inv_std = nullptr; }},
      {"batch_norm.mean is NULL", LF_INVALID_ARGUMENT, [](auto &g) { g.norm.mean = nullptr; }},
      {"batch_norm.inv_std overlaps", LF_INVALID_ARGUMENT, [](auto &g) { g.norm.inv_std = g.norm.mean + 1; }},
      {"batch_norm.running_mean overlaps batch_norm.gamma", LF_INVALID_ARGUMENT,
       [](auto &g) { g.norm.running_mean = const_cast<float *>(g.norm.gamma); }},
      {"batch_norm.running_var", LF_INVALID_ARGUMENT,
       [](auto &g) {
         g.args.flags = 0; // inference needs the running statistics
         g.norm.running_var = nullptr;
       }},
      {"variance of one sample", LF_INVALID_ARGUMENT, [](auto &g) { g.args.m = 1; }},
  };
  faults.insert(faults.end(), more.begin(), more.end());
  return with_norm_faults(faults);
}

template <class Args> std::vector<Fault<Args>> with_activation_faults(std::vector<Fault<Args>> faults) {
  const std::vector<Fault<Args>> more = {
      {"activation is 14, but must be one of: LF_IDENTITY", LF_UNSUPPORTED, [](auto &g) { g.args.activation = 14; }},
      {"activation is -1", LF_UNSUPPORTED, [](auto &g) { g.args.activation = -1; }},
      {"alpha is -0.5", LF_INVALID_ARGUMENT, [](auto &g) { g.args.alpha = -0.5f; }},
      {"alpha", LF_INVALID_ARGUMENT, [](auto &g) { g.args.alpha = not_a_number; }},
      {"alpha", LF_INVALID_ARGUMENT,
       [](auto &g) {
         g.args.activation = LF_LEAKY_RELU;
         g.args.alpha = infinity;
       }},
  };
  faults.insert(faults.end(), more.begin(), more.end());
  return faults;
}

} // namespace lanefold::test
