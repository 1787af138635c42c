// What stands behind the opaque lf_context. All of it is set when the context is made; only executor and scratch change
// later, and they lock for themselves.
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
  std::vector<lanefold::runtime::LoadedPlugin> chain; // operations are asked of the first, then of the next
};
