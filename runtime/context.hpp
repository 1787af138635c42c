// What the opaque lf_context holds. All of it is set when the context is made. Only the executor and the scratch memory
// change later, and they are thread-safe themselves.
#pragma once

#include "runtime/executor.hpp"
#include "runtime/plugin_loader.hpp"
#include "runtime/scratch.hpp"

#include <lanefold/context.h>

#include <cstdint>
#include <vector>

struct lf_context {
  lf_context(uint64_t own_serial, int32_t threads, const lf_executor &pool, const lanefold::runtime::Log &sink,
             uint64_t features)
      : serial(own_serial), executor(threads, pool), log(sink), cpu_features(features) {}

  const uint64_t serial;
  lanefold::runtime::Executor executor;
  lanefold::runtime::Scratch scratch;
  const lanefold::runtime::Log log;
  const uint64_t cpu_features;
  std::vector<lanefold::runtime::LoadedPlugin> chain; // asked for an operation in this order
};
