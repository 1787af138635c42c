// The messages that lf_last_error returns. They are kept for each thread and context without allocating memory, so that
// noting an error cannot fail.
#pragma once

#include <lanefold/status.h>

#include <cstddef>
#include <cstdint>

namespace lanefold::runtime {

constexpr std::size_t message_size = 512;

// A context is known by a serial number that is never used twice, because its address could be used again. 0 stands for
// the calls without a context.
constexpr uint64_t no_context = 0;

// Notes "call: text" (cut to message_size) for this thread and context, and returns status.
lf_status note_error(uint64_t serial, lf_status status, const char *call, const char *text) noexcept;

// Returns the message that was noted last for this thread and context, or "".
const char *last_error(uint64_t serial) noexcept;

} // namespace lanefold::runtime
