// SHA-256, in hexadecimal.
#pragma once

#include <sha256.h>

#include <string>
#include <vector>

namespace lanefold::trainer {

class Sha256 {
public:
  Sha256() { SHA256Init(&state_); }
  void add(const void *bytes, size_t count) { SHA256Update(&state_, static_cast<const uint8_t *>(bytes), count); }
  template <class T> void add(const std::vector<T> &values) { add(values.data(), values.size() * sizeof(T)); }
  std::string hex() {
    char text[SHA256_DIGEST_STRING_LENGTH];
    return SHA256End(&state_, text);
  }

private:
  SHA256_CTX state_;
};

} // namespace lanefold::trainer
