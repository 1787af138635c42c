// Ranks that are threads of one process, for tests.
#pragma once

#include "trainer/distributed/ranks.hpp"

#include <functional>

namespace lanefold::trainer {

// Runs body(ranks) on `count` threads, which are the ranks.  Rethrows what the first rank that failed has thrown; the others
// then end with RankError.
void run_on_threads(int count, const std::function<void(Ranks &)> &body);

} // namespace lanefold::trainer
