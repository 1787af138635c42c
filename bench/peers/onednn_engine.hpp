// The part of the C interface of oneDNN that dense layers need, without its headers, for versions 2 and 3.  Numbers and
// names are those of its documentation.
#pragma once

#include "library.hpp"

#include <cstdint>
#include <memory>

namespace lanefold::bench::onednn {

using Handle = std::shared_ptr<void>; // owns an object of oneDNN

// The layout of an array, or "any" if the primitive chooses it.  It is empty where the array is absent.
struct Layout {
  std::shared_ptr<const void> description;
};

// An array in a layout, in memory of the caller or of its own.
struct Array {
  Layout layout;
  Handle memory;
  float *data = nullptr;
  std::shared_ptr<float[]> storage; // if the array owns its memory
};

// DNNL_ARG_...
enum Name {
  src = 1,
  src_1 = 2,
  dst = 17,
  weights = 33,
  bias = 41,
  mean = 49,
  variance = 50,
  scale = 51,
  shift = 52,
  diff_src = 129,
  diff_dst = 145,
  diff_weights = 161,
  diff_bias = 169,
  diff_scale = 255,
  diff_shift = 256,
};

// The layouts that a primitive has chosen: dnnl_query_..._md.
enum Query { src_layout = 129, diff_src_layout, weights_layout, diff_weights_layout, dst_layout };

enum class Images { one, many }; // one image of m pixels, or m images of one pixel

enum class Pass { training = 64, inference = 96 }; // dnnl_forward_...

// An operation on layouts, ready to run.
struct Primitive {
  Handle description, primitive;
};

// A primitive with its arrays.
struct Binding {
  Name name;
  Array array;
};
struct Call {
  struct Argument { // dnnl_exec_arg_t
    int name;
    void *memory;
  };
  Primitive primitive;
  std::vector<Array> arrays;
  std::vector<Argument> arguments;
};

class Engine {
public:
  explicit Engine(Library library);
  std::string version() const;
  std::string kernels() const; // the instruction set that it compiles its kernels for

  Layout rows(int64_t m, int64_t n) const; // row-major
  Layout vector(int64_t n) const;
  // A row-major m x n matrix as images with n channels.  Which way oneDNN normalizes faster depends on m and n.
  Layout images(int64_t m, int64_t n, Images way) const;
  Layout columns(int64_t n, int64_t k) const; // n x k, stored as k x n
  Layout any(int64_t m, int64_t n) const;     // the primitive chooses
  Layout chosen(const Primitive &primitive, Query query) const;
  int64_t size(const Layout &layout) const; // in floats, padding included
  bool same(const Layout &a, const Layout &b) const;
  Array array(const Layout &layout) const; // filled with zeros
  Array array(const Layout &layout, const float *data) const;

  // dst[m][n] = src[m][k] weights[k][n]
  Primitive matrix_product(const Layout &src, const Layout &weights, const Layout &dst) const;
  // dst[m][n] = activation(src[m][k] weights[n][k]^T + bias[n]), and its gradients.
  Primitive inner_product(Pass pass, const Layout &src, const Layout &weights, const Layout &bias, const Layout &dst,
                          int32_t activation) const;
  Primitive inner_product_data(const Layout &diff_src, const Layout &weights, const Layout &diff_dst,
                               const Primitive &forward) const;
  Primitive inner_product_weights(const Layout &src, const Layout &diff_weights, const Layout &diff_bias,
                                  const Layout &diff_dst, const Primitive &forward) const;
  // LF_RELU, or LF_ELU with alpha 1.  The derivative is computed from dst.
  Primitive activation(Pass pass, int32_t activation, const Layout &layout) const;
  Primitive activation_gradient(int32_t activation, const Layout &layout, const Primitive &forward) const;
  // Normalizes columns, with scale and shift.  In inference, mean and variance are inputs.
  Primitive batch_norm(Pass pass, const Layout &layout, float eps) const;
  Primitive batch_norm_gradient(const Layout &layout, float eps, const Primitive &forward) const;
  // The shift argument of batch_norm_gradient: version 2 requires it, version 3 rejects it.
  Array read_by_gradient(const Array &shift) const { return major_ == 2 ? shift : Array{}; }
  Primitive reorder(const Layout &from, const Layout &to) const;
  Primitive sum(const Layout &layout) const; // dst = src + src_1; dst may equal src

  Call call(const Primitive &primitive, const std::vector<Binding> &bindings) const;
  void run(const std::vector<Call> &calls) const;

  const Library &library() const { return library_; }

private:
  template <class... Arguments>
  Primitive make(const std::string &operation, const Primitive *forward, const void *attributes,
                 Arguments... arguments) const;
  Primitive finish(const Handle &description) const;
  Primitive without_sse(const Primitive &primitive) const;
  Handle own(void *object, const char *kind) const;
  Layout described(int dimensions, const int64_t *sizes, const int64_t *strides) const;
  Handle followed_by(int32_t activation) const;
  int algorithm(int32_t activation) const;
  unsigned norm_flags() const;

  const Library library_;
  int major_ = 0;
  void *engine_ = nullptr, *stream_ = nullptr; // never destroyed
  int (*execute_)(void *, void *, int, const Call::Argument *) = nullptr;
  int (*wait_)(void *) = nullptr;
};

} // namespace lanefold::bench::onednn
