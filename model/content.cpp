// Maps regular files, and reads everything else to its end.
#include "model/content.hpp"

#include "model/model.hpp"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <vector>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace lanefold::model {
namespace {

constexpr uint64_t most_from_pipe = uint64_t{1} << 32; // bytes

class Descriptor {
public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) close(number_);
  }
  Descriptor(const Descriptor &) = delete;
  Descriptor &operator=(const Descriptor &) = delete;
  int get() const { return number_; }

private:
  const int number_;
};

[[noreturn]] void fail_with(int error) {
  throw ModelError(error == ENOENT ? "no such file" : std::string("cannot be read: ") + std::strerror(error));
}

Content read_to_end(int file) {
  const auto bytes = std::make_shared<std::vector<std::byte>>();
  std::byte part[1 << 16];
  for (;;) {
    const ssize_t count = read(file, part, sizeof part);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail_with(errno);
    if (count == 0) break;
    bytes->insert(bytes->end(), part, part + count);
    if (bytes->size() > most_from_pipe)
      throw ModelError("gives more than 4 GiB, the limit for what is not a regular file");
  }
  return {"", bytes->data(), bytes->size(), bytes};
}

} // namespace

Content open_content(const std::string &path) {
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat state {};
  if (file.get() < 0 || fstat(file.get(), &state) != 0) fail_with(errno);
  if (S_ISDIR(state.st_mode)) throw ModelError("is a folder; expected a file");
  if (S_ISCHR(state.st_mode) || S_ISBLK(state.st_mode)) throw ModelError("is a device; expected a file");
  if (!S_ISREG(state.st_mode)) return read_to_end(file.get());
  Content content;
  const std::string folder = std::filesystem::path(path).parent_path().string();
  content.folder = folder.empty() ? std::string(".") : folder;
  content.size = static_cast<uint64_t>(state.st_size);
  if (content.size == 0) throw ModelError("is empty");
  void *address = mmap(nullptr, content.size, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (address == MAP_FAILED) fail_with(errno);
  content.data = static_cast<const std::byte *>(address);
  content.owner = std::shared_ptr<const void>(address, [size = content.size](void *mapped) { munmap(mapped, size); });
  return content;
}

} // namespace lanefold::model
