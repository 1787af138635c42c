// The arguments that describe a layer: activation, normalization, and the layers of lanefold/layers.py.
#pragma once

#include "call.hpp"

#include <deque>

namespace lanefold::python {

struct Activation {
  int32_t code;
  float alpha;
};

extern const char *const activation_words[];

// alpha is 0.01 for leaky-relu and 1 for the others, unless it is given.
Activation activation_of(const Arguments &given, size_t word, size_t alpha);
// The same from the attributes `activation` and `alpha` of a layer.
Activation activation_of(const char *call, const std::string &layer, const py::handle &object);

// What a call does with the arrays of a normalization (norm.h).
enum class Use { train, of_batch, infer, backward, backward_from_input, fold, merge, sums, everything };

// A lanefold.BatchNorm as a C struct.  It holds the arrays until the call has ended.
class BatchNorm {
public:
  BatchNorm(const char *call, const std::string &name, PyObject *object, int64_t n, Use use);

  const lf_batch_norm *get() const { return &norm_; }
  const std::deque<Memory> &arrays() const { return memories_; }
  // Where gradients of gamma and beta go after a step.
  float *gamma() const { return const_cast<float *>(norm_.gamma); }
  float *beta() const { return const_cast<float *>(norm_.beta); }

private:
  float *array(const char *attribute, Access access);

  const char *const call_;
  const std::string name_;
  const py::handle object_;
  const int64_t n_;
  std::deque<std::string> names_; // of the arrays in messages
  std::deque<py::object> arrays_;
  std::deque<Memory> memories_;
  lf_batch_norm norm_;
};

// Refuses a batch of one row: one sample has no variance.
void need_several_rows(const char *call, int64_t rows);

// A list of its own with at least one layer.
py::list layer_list(const char *call, const py::object &layers);

// An attribute of an object.  If it is missing, the error says what was `expected` in place of the object.
py::object attribute_of(const char *call, const std::string &owner, const py::handle &object, const char *attribute,
                        const char *expected);

} // namespace lanefold::python
