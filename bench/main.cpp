// The benchmarks of Lanefold, on Google Benchmark and with its flags: every suite on every plugin that can run here,
// with one thread and with all.  Answers 1 if a case was skipped because its result was wrong.
#include "suites.hpp"

#include <cstdio>

int main(int argc, char **argv) {
  using namespace lanefold::bench;
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  try {
    char cpu[256];
    if (lf_describe_cpu(cpu, sizeof cpu, nullptr) == LF_OK) benchmark::AddCustomContext("cpu", cpu);
    benchmark::AddCustomContext("lanefold", std::to_string(lf_version()));
    const std::vector<Subject> subjects = make_subjects();
    add_peak(subjects);
    add_gemm(subjects);
    add_dense(subjects);
    add_activation(subjects);
    add_norm(subjects);
    add_batch(subjects);
    add_step(subjects);
  } catch (const lanefold::Error &error) {
    std::fprintf(stderr, "lanefold-bench: %s\n", error.what());
    return 2;
  }
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  if (failures() == 0) return 0;
  std::fprintf(stderr, "lanefold-bench: %d runs failed their verification\n", failures());
  return 1;
}
