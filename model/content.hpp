// The bytes of a file: mapped, read from a pipe, or lent by the caller.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace lanefold::model {

struct Content {
  std::string folder; // where the file lies; "" if the bytes have no file
  const std::byte *data = nullptr;
  uint64_t size = 0;
  std::shared_ptr<const void> owner; // keeps the bytes
};

// Throws ModelError.
Content open_content(const std::string &path);

} // namespace lanefold::model
