// What the C entry points share: structs of any size, statuses and messages.
#pragma once

#include "model/model.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <new>
#include <string>

namespace lanefold::model {

// As much of the text as fits, ended by 0.
inline void put_text(const std::string &text, char *to, uint64_t size) {
  if (to == nullptr || size == 0) return;
  const size_t length = std::min<size_t>(text.size(), size - 1);
  std::memcpy(to, text.data(), length);
  to[length] = 0;
}

inline void check_flags(uint32_t given, uint32_t known) {
  if ((given & ~known) != 0) throw ModelError("flags has bits that this call does not know", LF_UNSUPPORTED);
}

template <class Body> lf_status without_exceptions(const Body &body) noexcept {
  try {
    body();
    return LF_OK;
  } catch (const ModelError &error) {
    return error.status;
  } catch (const std::bad_alloc &) {
    return LF_OUT_OF_MEMORY;
  } catch (...) {
    return LF_INTERNAL;
  }
}

// Puts the name of the file before the message of an error.
template <class Body> void in_file(const char *path, const Body &body) {
  try {
    body();
  } catch (const ModelError &error) {
    throw ModelError((path == nullptr ? "the model in memory" : std::string(path)) + ": " + error.what(), error.status);
  }
}

// Runs body(args) on a complete copy of the struct, and writes the message of an error where the struct says.
template <class Args, class Body> lf_status answer(const Args *given, const char *call, const Body &body) noexcept {
  if (given == nullptr || given->struct_size < 8) return LF_INVALID_ARGUMENT;
  Args args{};
  std::memcpy(&args, given, std::min<size_t>(given->struct_size, sizeof args));
  const auto say = [&args](const std::string &message) { put_text(message, args.message, args.message_size); };
  try {
    if (given->struct_size > sizeof args) {
      const char *bytes = reinterpret_cast<const char *>(given);
      if (std::any_of(bytes + sizeof args, bytes + given->struct_size, [](char byte) { return byte != 0; }))
        throw ModelError("args uses a field that this library does not know", LF_UNSUPPORTED);
    }
    body(args);
    return LF_OK;
  } catch (const ModelError &error) {
    say(error.what());
    return error.status;
  } catch (const std::bad_alloc &) {
    say(std::string(call) + ": out of memory");
    return LF_OUT_OF_MEMORY;
  } catch (const std::exception &error) {
    say(std::string(call) + ": " + error.what());
    return LF_INTERNAL;
  } catch (...) {
    return LF_INTERNAL;
  }
}

} // namespace lanefold::model
