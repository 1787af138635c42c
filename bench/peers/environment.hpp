// The environment variables of peers.  A user's own settings must not make a peer slow, because Lanefold would then beat
// the setting and not the peer.
#pragma once

#include <string>

namespace lanefold::bench {

// Removes the variables that change the kernels, threads or memory of a peer, and sets those that restrict peers to an
// instruction set and a number of threads.  Each library reads them once, when it is opened or first called.
void prepare_environment(const std::string &isa, int threads);

// True if the library with this path was loaded before the first call of prepare_environment, for example by LD_PRELOAD.
// It has then read the variables of the user.
bool was_loaded_before(const std::string &path);

} // namespace lanefold::bench
