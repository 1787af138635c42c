// The extension module lanefold._lanefold.
#include "call.hpp"
#include "families.hpp"

PYBIND11_MODULE(_lanefold, module) {
  using namespace lanefold::python;
  pybind11::options options;
  options.disable_function_signatures(); // the documentation begins with signatures of its own
  module.doc() = "The compiled part of lanefold.";
  import_numpy();
  result_types.find();
  define_arguments(module);
  define_context(module);
  define_executor(module);
  define_gemm(module);
  define_activation(module);
  define_norm(module);
  define_parts(module);
  define_dense(module);
  define_weights(module);
  define_network(module);
  define_model(module);
  define_loss(module);
  define_batch(module);
  define_optimizer(module);
  define_trainer(module);
  define_explain(module);
  define_random(module);
}
