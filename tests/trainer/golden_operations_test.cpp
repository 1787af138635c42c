// Every operation of the kernel table gives the hash of the golden list, on the plugin that LANEFOLD_ISA names.
// `golden-operations-tests -ns -tc=print*` prints the list.
#include "support/matrix.hpp"
#include "trainer/training/golden_operations.hpp"

#include <cstdio>
#include <set>
#include <string>

using namespace lanefold::test;
using namespace lanefold::trainer;

TEST_CASE("every operation gives its golden hash, on any number of threads") {
  for (const int threads : {1, 2, 3}) {
    const lanefold::Context on = context(threads);
    for (const GoldenOperation &operation : golden_operations()) {
      CAPTURE(threads);
      CAPTURE(operation.name);
      CHECK(operation.run(on) == operation.promise);
    }
  }
}

TEST_CASE("the list has every operation but pack_weights, newer activations, weighted losses, and calls on parts") {
  std::set<std::string> names;
  for (const GoldenOperation &operation : golden_operations()) names.insert(operation.name);
  CHECK(names.size() == golden_operations().size());
  CHECK(names.size() == LF_OP_COUNT + 2); // pack_weights shows in two others
}

TEST_CASE("print the list" * doctest::skip()) {
  for (const GoldenOperation &operation : golden_operations())
    std::printf("{\"%s\", \"%s\", %s},\n", operation.name, operation.run(context()).c_str(), operation.name);
}
