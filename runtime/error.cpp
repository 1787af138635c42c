// Each thread has a small table of messages. When it is full, the message that was written first makes room.
#include "runtime/error.hpp"

#include <lanefold/status.h>

#include <cstdio>

namespace lanefold::runtime {
namespace {

struct Slot {
  uint64_t serial;
  uint64_t written; // 0: never
  char text[message_size];
};

constexpr int slot_count = 8;
constinit thread_local Slot slots[slot_count] = {};
constinit thread_local uint64_t writes = 0;

Slot *find(uint64_t serial) {
  for (Slot &slot : slots)
    if (slot.written != 0 && slot.serial == serial) return &slot;
  return nullptr;
}

Slot *oldest() {
  Slot *found = &slots[0];
  for (Slot &slot : slots)
    if (slot.written < found->written) found = &slot;
  return found;
}

} // namespace

lf_status note_error(uint64_t serial, lf_status status, const char *call, const char *text) noexcept {
  Slot *slot = find(serial);
  if (slot == nullptr) slot = oldest();
  slot->serial = serial;
  slot->written = ++writes;
  std::snprintf(slot->text, message_size, "%s: %s", call, text);
  return status;
}

const char *last_error(uint64_t serial) noexcept {
  const Slot *slot = find(serial);
  return slot == nullptr ? "" : slot->text;
}

} // namespace lanefold::runtime

const char *lf_status_name(lf_status status) {
  switch (status) {
  case LF_OK: return "LF_OK";
  case LF_INVALID_ARGUMENT: return "LF_INVALID_ARGUMENT";
  case LF_UNSUPPORTED: return "LF_UNSUPPORTED";
  case LF_OUT_OF_MEMORY: return "LF_OUT_OF_MEMORY";
  case LF_NOT_FOUND: return "LF_NOT_FOUND";
  case LF_UNUSABLE: return "LF_UNUSABLE";
  case LF_INTERNAL: return "LF_INTERNAL";
  default: return "unknown status";
  }
}

int32_t lf_version(void) { return LF_VERSION_MAJOR * 10000 + LF_VERSION_MINOR * 100 + LF_VERSION_PATCH; }
