// Each family of operations adds its functions and classes to the module.
#pragma once

#include <pybind11/pybind11.h>

namespace lanefold::python {

void define_gemm(pybind11::module_ &module);
void define_activation(pybind11::module_ &module);
void define_norm(pybind11::module_ &module);
void define_parts(pybind11::module_ &module);
void define_dense(pybind11::module_ &module);
void define_weights(pybind11::module_ &module);
void define_network(pybind11::module_ &module);
void define_model(pybind11::module_ &module);
void define_loss(pybind11::module_ &module);
void define_batch(pybind11::module_ &module);
void define_optimizer(pybind11::module_ &module);
void define_trainer(pybind11::module_ &module);
void define_explain(pybind11::module_ &module);
void define_random(pybind11::module_ &module);

} // namespace lanefold::python
