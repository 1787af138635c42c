// What the opaque lf_packed_weights holds: the copy, and the plugin that can read it, whatever plugin the context of a
// call has.  Plugins are never unloaded.
#pragma once

#include "runtime/call.hpp"

#include <lanefold/dense.h>

#include <cstdlib>
#include <memory>

struct lf_packed_weights {
  int64_t n, k;
  lanefold::runtime::LoadedPlugin plugin;
  struct Free {
    void operator()(void *memory) const { std::free(memory); }
  };
  std::unique_ptr<void, Free> data; // with the alignment of scratch memory
};

namespace lanefold::runtime {

// Packs checked arguments for the first plugin of the chain that can.
lf_status pack_weights(lf_context &context, const char *call, const lf_pack_weights_args &args,
                       std::unique_ptr<lf_packed_weights> &packed);

} // namespace lanefold::runtime
