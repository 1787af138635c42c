// Copies arrays to and from shared memory, and asks Python to compute on them.
#include "python_operation.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <utility>

#include <sys/mman.h>
#include <unistd.h>

namespace lanefold::bench {
namespace {

// Places each array at a multiple of 64 bytes, as child.py does too.  Returns the total size.
size_t place(std::vector<SharedArray> &arrays) {
  size_t end = 0;
  for (SharedArray &array : arrays) {
    array.offset = end;
    end += (array.bytes() + 63) / 64 * 64;
  }
  return end;
}

double number_of(const std::string &text) {
  char *end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (text.empty() || *end) throw std::runtime_error("Python replied with \"" + text + "\" instead of a number");
  return value;
}

} // namespace

size_t SharedArray::bytes() const {
  size_t bytes = sizeof(float);
  for (const int64_t size : sizes) bytes *= static_cast<size_t>(size);
  return bytes;
}

SharedMemory::SharedMemory(size_t bytes) : bytes_(std::max<size_t>(bytes, 1)) {
  file_ = memfd_create("arrays", MFD_CLOEXEC);
  memory_ = MAP_FAILED;
  if (file_ >= 0 && ftruncate(file_, static_cast<off_t>(bytes_)) == 0)
    memory_ = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, file_, 0);
  if (memory_ != MAP_FAILED) return;
  const int error = errno;
  if (file_ >= 0) close(file_);
  throw std::runtime_error(std::string("cannot create shared memory: ") + std::strerror(error));
}

SharedMemory::~SharedMemory() {
  munmap(memory_, bytes_);
  close(file_);
}

std::string SharedMemory::path() const { return "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(file_); }

PythonOperation::PythonOperation(std::shared_ptr<PythonChild> child, int number, const std::string &operation,
                                 std::vector<SharedArray> arrays, const std::string &values, float *loss)
    : child_(std::move(child)), number_(std::to_string(number)), arrays_(std::move(arrays)), memory_(place(arrays_)),
      loss_(loss) {
  std::string request = "make " + number_ + " " + operation + " " + memory_.path();
  for (const SharedArray &array : arrays_) {
    request.append(" ").append(array.name);
    for (size_t i = 0; i < array.sizes.size(); ++i)
      request.append(i == 0 ? ":" : ",").append(std::to_string(array.sizes[i]));
  }
  copy_to_child(Use::constant);
  copy_to_child(Use::input);
  child_->ask(request + values);
}

PythonOperation::~PythonOperation() {
  try {
    child_->ask("drop " + number_);
  } catch (const std::exception &) { // the child has ended
  }
}

void PythonOperation::run() const {
  copy_to_child(Use::input);
  const std::string loss = child_->ask("run " + number_);
  for (const SharedArray &array : arrays_)
    if (array.use == Use::output) std::memcpy(const_cast<void *>(array.data), memory_.at(array.offset), array.bytes());
  if (loss_) *loss_ = static_cast<float>(number_of(loss));
}

TimedCalls PythonOperation::time_calls(int64_t iterations) const {
  copy_to_child(Use::input);
  const std::string reply = child_->ask("time " + number_ + " " + std::to_string(iterations));
  const size_t space = reply.find(' ');
  return {number_of(reply.substr(0, space)), number_of(space == std::string::npos ? "" : reply.substr(space + 1))};
}

void PythonOperation::copy_to_child(Use use) const {
  for (const SharedArray &array : arrays_)
    if (array.use == use) std::memcpy(memory_.at(array.offset), array.data, array.bytes());
}

} // namespace lanefold::bench
