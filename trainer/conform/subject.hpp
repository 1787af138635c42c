// The plugin that is tested, and one call of one of its operations.
#pragma once

#include "trainer/conform/host.hpp"

#include <lanefold/plugin.h>

#include <functional>
#include <string>
#include <vector>

namespace lanefold::trainer::conform {

struct Subject {
  std::string changed_by_fill; // registers and floating-point state
  lf_kernel_table table;
  uint64_t cpu_features;
  std::vector<int32_t> operations; // that it offers, and that have not hung

  // Whether the library would ask it for this case, which may need packed weights, or newer fields and flags.
  bool serves(const Case &given) const;
};

// Tells conform what the plugin is about to do, before each call, so that a finding can name a call that crashes or
// hangs.
void set_progress_note(void (*note)(int32_t op, const char *text));

struct CallOptions {
  HostOptions host;
  Placement placement;
  uint32_t appended = 0;     // bytes that a newer library has appended to the argument struct
  bool watches_heap = false; // whether writes outside heap blocks count as damage
  bool explains = false;     // calls explain in place of the operation
  Memory *packed = nullptr;  // weights that pack() has packed; NULL: the call packs its own
};

// How many calls this process has made, and how many of them the plugin has served.
int64_t tried_calls();
int64_t served_calls();

struct Outcome {
  lf_status status = LF_OK;
  std::string message;                                // of the plugin
  std::map<std::string, std::vector<double>> results; // of each array that is written
  std::string damage;                                 // done to memory
  std::string misuse;                                 // of the host
  std::string changed;                                // registers and floating-point state
  bool outputs_untouched = false, refused_scratch = false;
};

// Whether both have the same bits.  All NaNs count as the same.
bool same_bits(double one, double other);

Outcome call(const Subject &subject, const Case &given, const CallOptions &options = {});

// Packs the weights of the case, for calls that read them.  Returns NULL if the plugin does not pack them.
std::unique_ptr<Memory> pack(const Subject &subject, const Case &given);

} // namespace lanefold::trainer::conform
