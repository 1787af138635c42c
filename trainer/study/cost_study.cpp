// Study 5: what activations and batch normalization cost.
#include "trainer/study/costs.hpp"
#include "trainer/study/study.hpp"

namespace lanefold::trainer::study {

cli::Json costs(const Setting &setting) {
  constexpr int64_t batch_size = 200;
  setting.note("steps and predictions, interleaved");
  const std::vector<Costs> measured = measure_costs(setting.context, batch_size,
                                                    {{"dense", false, LF_IDENTITY},
                                                     {"+ReLU", false, LF_RELU},
                                                     {"+ELU", false, LF_ELU},
                                                     {"+BN", true, LF_IDENTITY},
                                                     {"+BN+ReLU", true, LF_RELU},
                                                     {"+BN+ELU", true, LF_ELU}},
                                                    setting.interrupted);
  if (setting.interrupted()) throw Interrupted();
  cli::Json cases = cli::Json::array();
  for (const Costs &c : measured)
    cases.push_back({{"network", c.of.network},
                     {"step_microseconds", 1e6 * c.step},
                     {"training_unfused_nanoseconds", 1e9 * c.training_unfused},
                     {"training_fused_nanoseconds", 1e9 * c.training_fused},
                     {"prediction_unfused_nanoseconds", 1e9 * c.inference_unfused},
                     {"prediction_fused_nanoseconds", 1e9 * c.inference_fused},
                     {"prediction_folded_nanoseconds", 1e9 * c.inference_folded},
                     {"single_prediction_folded_microseconds", 1e6 * c.single}});
  return {{"network", "784-300-100-10"},
          {"batch_size", batch_size},
          {"threads", setting.context.threads()},
          {"cases", cases}};
}

} // namespace lanefold::trainer::study
