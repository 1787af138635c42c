// Each microkernel of a plugin alone, on operands in L1 or L2: its multiply-adds per second, relative to the peak.
#include "suites.hpp"

#include "../method/machine.hpp"
#include "../microkernels/microkernels.hpp"
#include "../peers/library.hpp"

#include <lanefold/activation.h>

#include <cmath>
#include <map>

namespace lanefold::bench {
namespace {

constexpr int64_t depth = 128;    // k: a panel of 64 columns has 32 KB
constexpr int64_t iterations = 8; // in one call of the module, because some microkernels take only 0.1 us

// A module, and the functions that it exports.
class Module {
public:
  explicit Module(const std::string &isa)
      : library_({module_folder("microkernels") + "/microkernels-" + isa + ".so"}),
        count_(library_.find<MicrokernelCount>(microkernel_count_symbol)),
        describe_(library_.find<DescribeMicrokernel>(describe_microkernel_symbol)),
        call_(library_.find<CallMicrokernel>(call_microkernel_symbol)) {}
  int64_t count() const { return count_(); }
  Microkernel describe(int64_t index) const {
    Microkernel microkernel;
    describe_(index, &microkernel);
    return microkernel;
  }
  void call(int64_t index, const MicrokernelCall &call) const { call_(index, &call, iterations); }

private:
  const Library library_;
  MicrokernelCount *const count_;
  DescribeMicrokernel *const describe_;
  CallMicrokernel *const call_;
};

struct MicrokernelOperands {
  explicit MicrokernelOperands(const Microkernel &m)
      : microkernel(m), a(random_floats(m.rows * depth, 1)), b(random_floats(depth * m.columns, 2)),
        packed(static_cast<size_t>(256 * depth)), c(static_cast<size_t>(m.rows * m.columns)) {
    const int64_t columns = m.columns, width = m.panel_columns;
    const int64_t panels = width ? (columns + width - 1) / width : 0;
    stored_b = width ? Floats(static_cast<size_t>(panels * depth * width)) : b;
    for (int64_t p = 0; p < depth; ++p)
      for (int64_t j = 0; j < columns; ++j) {
        const int64_t to = m.b_transposed ? j * depth + p
                           : width        ? (j / width * depth + p) * width + j % width
                                          : p * columns + j;
        stored_b[static_cast<size_t>(to)] = b[static_cast<size_t>(p * columns + j)];
      }
    call = {depth, a.data(), stored_b.data(), packed.data(), c.data()};
  }

  // The chain must have the exact bits.  ELU may differ by a few roundings.
  std::string mismatch() const {
    Floats expected(c.size());
    for (int64_t i = 0; i < microkernel.rows; ++i)
      for (int64_t j = 0; j < microkernel.columns; ++j) {
        float x = 0;
        for (int64_t p = 0; p < depth; ++p)
          x = std::fma(a[static_cast<size_t>(i * depth + p)], b[static_cast<size_t>(p * microkernel.columns + j)], x);
        expected[static_cast<size_t>(i * microkernel.columns + j)] = x;
      }
    if (!microkernel.elu) return find_bit_mismatch("c", c, expected);
    Doubles activated = widened(expected);
    for (double &x : activated) x = activate(LF_ELU, 1, x);
    return find_mismatch("c", c, activated, 4);
  }

  Microkernel microkernel;
  Floats a, b, stored_b, packed, c;
  MicrokernelCall call;
};

CaseInstance make(const Setting &setting, const Module &module, int64_t index, const std::string &operation,
                  const std::string &size) {
  const auto operands = std::make_shared<MicrokernelOperands>(module.describe(index));
  CaseBuilder builder(setting, operands);
  const Shape shape{operands->microkernel.rows, operands->microkernel.columns, depth};
  const double flops = 2 * multiply_adds(shape) * static_cast<double>(iterations);
  builder.add(
      "microkernel", operation, size, {flops, 0, 0}, [=, &module] { module.call(index, operands->call); },
      verification({&operands->c}, [=] { return operands->mismatch(); }));
  builder.add_peak();
  return builder.take();
}

} // namespace

List list_of_microkernels(const std::string &isa) {
  static std::map<std::string, Module> modules;
  const Module &module = modules.try_emplace(isa, isa).first->second;
  List list;
  for (int64_t i = 0; i < module.count(); ++i) {
    const Microkernel m = module.describe(i);
    const std::string operation = std::string("microkernel/") + m.b_load + (m.elu ? "_elu" : "");
    const std::string size = "rows:" + std::to_string(m.rows) + "/vectors:" + std::to_string(m.vectors) +
                             "/tail:" + m.tail + "/k:" + std::to_string(depth);
    Case bench_case{operation,
                    size,
                    Extent::kernels,
                    {{operation + "-over-peak/" + size + suffix(1), Ratio::flops_share, "microkernel", "peak"}},
                    [=, &module](const Setting &setting) { return make(setting, module, i, operation, size); }};
    bench_case.placements = 1, bench_case.time_weight = 0.03;
    list.cases.push_back(bench_case);
  }
  return list;
}

} // namespace lanefold::bench
