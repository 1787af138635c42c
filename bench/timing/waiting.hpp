// Whether threads that were ready to run had to wait for a CPU, because another program used it.
#pragma once

namespace lanefold::bench {

// The seconds that the calling thread has waited since it began, or all threads of this process together.  0 where the
// system does not tell.
double waited_seconds(bool all_threads);

} // namespace lanefold::bench
