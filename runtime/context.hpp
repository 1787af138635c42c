// What the opaque lf_context holds. All of it is set when the context is made. Only the executor, the scratch memory and
// the stand-ins of the chosen plugin change later, and they are thread-safe themselves.
#pragma once

#include "runtime/chain.hpp"
#include "runtime/executor.hpp"
#include "runtime/log.hpp"
#include "runtime/scratch.hpp"

#include <lanefold/context.h>

#include <cstdint>
#include <optional>
#include <string>

struct lf_context {
  lf_context(uint64_t own_serial, int32_t threads, const lf_executor &pool, const lanefold::runtime::Log &sink,
             uint64_t features)
      : serial(own_serial), executor(threads, pool), log(sink), cpu_features(features) {}

  const uint64_t serial;
  lanefold::runtime::Executor executor;
  lanefold::runtime::Scratch scratch;
  const lanefold::runtime::Log log;
  const uint64_t cpu_features;
  std::optional<lanefold::runtime::Chain> chain; // has a value once the context is complete
  std::string reason;                            // why its plugin was chosen
};
