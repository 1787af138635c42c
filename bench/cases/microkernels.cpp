// Each microkernel of a plugin alone, on operands in L1 or L2: its multiply-adds per second, relative to the peak.
#include "cases.hpp"

#include "../peers/library.hpp"
#include "../timing/machine.hpp"
#include "bench/plugins/microkernels/microkernels.hpp"

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
      : library_({module_folder("plugins/microkernels") + "/microkernels-" + isa + ".so"}),
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
  MicrokernelOperands(const Microkernel &m, Memory memory)
      : microkernel(m), a(memory.random(m.rows * depth, 1)), b(memory.random(depth * m.columns, 2)),
        packed(memory.floats(256 * depth)), c(memory.floats(m.rows * m.columns)) {
    const int64_t columns = m.columns, width = m.panel_columns;
    const int64_t panels = width ? (columns + width - 1) / width : 0;
    stored_b = width ? memory.floats(panels * depth * width) : b;
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

void make_microkernel(CaseBuilder &builder, const Module &module, int64_t index) {
  const auto operands = builder.keep<MicrokernelOperands>(module.describe(index), builder.memory);
  builder.add("lanefold", [=, &module] { module.call(index, operands->call); },
              {{&operands->c}, {}, [=] { return operands->mismatch(); }});
  builder.add_peak();
}

Case microkernel_case(const Module &module, int64_t index, const std::string &isa) {
  const Microkernel m = module.describe(index);
  const Shape shape{m.rows, m.columns, depth};
  Fields fields;
  fields.family = "microkernel", fields.op = "gemm", fields.form = m.b_load, fields.isa = isa, fields.threads = 1;
  fields.activation = m.elu ? activation_names[LF_ELU] : "";
  Case bench_case;
  bench_case.variants = {
      {"lanefold", shaped(fields, shape), {2 * multiply_adds(shape) * static_cast<double>(iterations), 0, 0}, ""}};
  bench_case.extent = Extent::kernels;
  bench_case.ratios = {{"of-peak", Ratio::flops_share, "lanefold", "peak"}};
  bench_case.make = [=, &module](CaseBuilder &builder) { make_microkernel(builder, module, index); };
  bench_case.time_weight = 0.03;
  return bench_case;
}

} // namespace

List list_of_microkernels(const std::string &isa) {
  static std::map<std::string, Module> modules;
  const Module &module = modules.try_emplace(isa, isa).first->second;
  List list;
  for (int64_t i = 0; i < module.count(); ++i) list.cases.push_back(microkernel_case(module, i, isa));
  return list;
}

} // namespace lanefold::bench
