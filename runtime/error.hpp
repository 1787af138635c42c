// The messages behind lf_last_error: kept for each thread and context, without allocating, so that noting
// an error cannot fail.
#pragma once

#include <lanefold/status.h>

#include <cstddef>
#include <cstdint>

namespace lanefold::runtime {

constexpr std::size_t message_size = 512;

// Contexts are told apart by a serial number that is never used twice; a pointer could be. 0: calls without a context.
constexpr uint64_t no_context = 0;

// Notes "call: text" (cut to message_size) for this thread and context, and returns status.
lf_status note_error(uint64_t serial, lf_status status, const char *call, const char *text) noexcept;

// What was noted last for this thread and context, or "".
const char *last_error(uint64_t serial) noexcept;

} // namespace lanefold::runtime
