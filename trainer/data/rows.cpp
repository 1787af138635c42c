// pread() neither moves a position that threads share, nor touches memory that a file backs.
#include "trainer/data/rows.hpp"

#include "trainer/data/schema.hpp"
#include "trainer/distributed/job.hpp"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <unistd.h>

namespace lanefold::trainer {

FileRows::FileRows(std::string path, const Layout &layout, std::vector<size_t> picks)
    : Rows(layout.count, picks.empty() ? layout.stride : static_cast<int64_t>(picks.size())), path_(std::move(path)),
      layout_(layout), picks_(std::move(picks)), file_(open(path_.c_str(), O_RDONLY | O_CLOEXEC)) {
  if (file_ < 0) throw DataError(path_ + ": cannot be read: " + std::strerror(errno));
}

FileRows::~FileRows() { close(file_); }

void FileRows::copy(int64_t index, float *to) const {
  thread_local std::vector<char> bytes;
  bytes.resize(static_cast<size_t>(layout_.stride) * layout_.bytes);
  const auto begin = static_cast<off_t>(layout_.begin + static_cast<uint64_t>(index) * bytes.size());
  for (size_t have = 0; have < bytes.size();) {
    const ssize_t got = pread(file_, bytes.data() + have, bytes.size() - have, begin + static_cast<off_t>(have));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw DataError(path_ + ": cannot be read: " + std::strerror(errno));
    if (got == 0) throw DataError(path_ + ": has become shorter while it was used");
    have += static_cast<size_t>(got);
  }
  const auto number = [&](size_t i) { return layout_.read(bytes.data() + i * layout_.bytes); };
  if (picks_.empty())
    for (size_t i = 0; i < static_cast<size_t>(layout_.stride); ++i) to[i] = number(i);
  else
    for (size_t i = 0; i < picks_.size(); ++i) to[i] = number(picks_[i]);
}

uint64_t most_loaded_bytes() {
  const long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
  const uint64_t memory =
      pages > 0 && size > 0 ? static_cast<uint64_t>(pages) * static_cast<uint64_t>(size) : UINT64_C(1) << 32;
  return memory / 4 / static_cast<uint64_t>(ranks_on_host());
}

void StoredRows::copy(int64_t index, float *to) const {
  std::memcpy(to, values_.data() + index * columns(), static_cast<size_t>(columns()) * sizeof(float));
}

} // namespace lanefold::trainer
