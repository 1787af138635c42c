// Whether threads that were ready to run had to wait for a CPU, because another program used it.
#pragma once

namespace lanefold::bench {

// The seconds that the calling thread has waited for a CPU since it began.  all_threads: the sum over the threads of
// this process instead.  0 where the system does not tell.
double waited_seconds(bool all_threads);

} // namespace lanefold::bench
