// Guard pages, canaries, and the handler that names the array beside the page that was hit.
#include "trainer/conform/memory.hpp"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <new>
#include <sys/mman.h>
#include <unistd.h>

namespace lanefold::trainer::conform {
namespace {

constexpr uint32_t canary = 0xFFC0ABABu; // a NaN, which spoils every result that is computed from it

struct Region {
  const unsigned char *begin, *data, *end; // with both inaccessible pages
  size_t bytes;
  const char *name;
  const char *use; // what an access to the data itself would mean
};
constexpr size_t most_regions = 256;
Region regions[most_regions]; // a signal handler reads them
void (*report_fault)(const char *) = nullptr;

void handle(int signal, siginfo_t *info, void *) {
  if (info->si_code <= 0) { // somebody sent it
    std::signal(signal, SIG_DFL);
    raise(signal);
    return;
  }
  const auto *address = static_cast<const unsigned char *>(info->si_addr);
  for (const Region &region : regions) {
    if (region.name == nullptr || address < region.begin || address >= region.end) continue;
    char text[200];
    const bool before = address < region.data, behind = address >= region.data + region.bytes;
    std::snprintf(text, sizeof text, "%s %s",
                  before   ? "it accesses memory before the start of"
                  : behind ? "it accesses memory past the end of"
                           : region.use,
                  region.name);
    report_fault(text);
    _exit(0);
  }
  // Somewhere else: the default action ends the process.
  struct sigaction action = {};
  action.sa_handler = SIG_DFL;
  sigaction(signal, &action, nullptr);
}

// Keeps unused mappings for the next Memory of the same size, because mmap and munmap take most of a call's time.  What
// was forbidden stays forbidden until then, and the oldest mapping is taken first, so that late accesses are noticed.
struct Pool {
  struct Map {
    unsigned char *begin;
    bool is_open;
  };
  std::mutex mutex;
  std::multimap<size_t, Map> maps;
};
Pool &pool() {
  static Pool *kept = new Pool; // a plugin may call exit() while a thread uses it
  return *kept;
}

// Canaries repeat from the first accessible byte on.  These bytes begin `distance` bytes after it.
void fill_with_canaries(unsigned char *begin, size_t bytes, size_t distance) {
  for (size_t i = 0; i < std::min(bytes, sizeof canary); ++i)
    begin[i] = reinterpret_cast<const unsigned char *>(&canary)[(distance + i) % sizeof canary];
  for (size_t done = sizeof canary; done < bytes; done *= 2)
    std::memcpy(begin + done, begin, std::min(done, bytes - done));
}

bool are_canaries(const unsigned char *begin, size_t bytes, size_t distance) {
  unsigned char first[sizeof canary];
  const size_t period = std::min(bytes, sizeof first);
  fill_with_canaries(first, period, distance);
  return std::memcmp(begin, first, period) == 0 && std::memcmp(begin, begin + period, bytes - period) == 0;
}

void add_region(const Region &added) {
  for (Region &region : regions)
    if (region.name == nullptr) {
      region = added;
      return;
    }
}

// Rows far apart lie above a program and its heap, and below what the kernel maps by itself.
constexpr uintptr_t first_address = uintptr_t{1} << 36, end_of_addresses = uintptr_t{1} << 46;

// The first address from `begin` on where so many bytes lie in no region.
uintptr_t past_regions(uintptr_t begin, size_t bytes) {
  for (bool moved = true; moved;) {
    moved = false;
    for (const Region &region : regions) {
      const auto first = reinterpret_cast<uintptr_t>(region.begin), end = reinterpret_cast<uintptr_t>(region.end);
      if (region.name == nullptr || first >= begin + bytes || end <= begin) continue;
      begin = end, moved = true;
    }
  }
  return begin;
}

void remove_region(const unsigned char *begin) {
  for (Region &region : regions)
    if (region.begin == begin) region = {};
}

size_t page_size() { return static_cast<size_t>(sysconf(_SC_PAGESIZE)); }
size_t whole_pages(size_t bytes) { return (bytes + page_size() - 1) / page_size() * page_size(); }

} // namespace

Memory::Memory(std::string name, size_t bytes, Side side, size_t alignment) : name_(std::move(name)), bytes_(bytes) {
  const size_t page = page_size();
  accessible_ = whole_pages(bytes);
  mapped_ = accessible_ + 2 * page;
  const std::lock_guard lock(pool().mutex);
  const auto kept = pool().maps.find(mapped_);
  Pool::Map map = {nullptr, accessible_ == 0};
  if (kept != pool().maps.end()) {
    map = kept->second;
    pool().maps.erase(kept);
  } else {
    void *made = mmap(nullptr, mapped_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (made == MAP_FAILED) throw std::bad_alloc();
    map.begin = static_cast<unsigned char *>(made);
  }
  map_ = map.begin, inside_ = map_ + page;
  if (!map.is_open && mprotect(inside_, accessible_, PROT_READ | PROT_WRITE) != 0) throw std::bad_alloc();
  data_ = side == Side::begins ? inside_ : inside_ + (accessible_ - bytes) / alignment * alignment;
  fill_with_canaries(inside_, accessible_, 0);
  add_region({map_, data_, map_ + mapped_, bytes, name_.c_str(), "it accesses"});
}

Memory::~Memory() {
  const std::lock_guard lock(pool().mutex);
  remove_region(map_);
  pool().maps.insert({mapped_, {map_, is_open_}});
}

void Memory::protect(int access, const char *use) {
  const std::lock_guard lock(pool().mutex);
  is_open_ = false;
  for (Region &region : regions)
    if (region.begin == map_) region.use = use;
  mprotect(inside_, accessible_, access);
}

void Memory::forbid_writes() { protect(PROT_READ, "it writes to"); }
void Memory::forbid() { protect(PROT_NONE, "it still uses"); }

bool Memory::canaries_between(const unsigned char *begin, const unsigned char *end) const {
  return are_canaries(begin, static_cast<size_t>(end - begin), static_cast<size_t>(begin - inside_));
}

bool Memory::canaries_intact() const {
  return canaries_between(inside_, data_) && canaries_between(data_ + bytes_, inside_ + accessible_);
}

RowsApart::RowsApart(std::string name, int64_t rows, size_t bytes, size_t stride, Side side)
    : name_(std::move(name)), rows_(rows), bytes_(bytes), stride_(stride), page_(page_size()),
      accessible_(whole_pages(bytes)), mapped_(2 * page_ + static_cast<size_t>(rows - 1) * stride + accessible_) {
  const std::lock_guard lock(pool().mutex);
  uintptr_t begin = first_address;
  while (!map_rows(begin = past_regions(begin, mapped_)))
    if ((begin += first_address) + mapped_ > end_of_addresses) throw NoAddresses();
  data_ = page_of(0) + (side == Side::begins ? 0 : accessible_ - bytes);
  add_region({map_, data_, map_ + mapped_, mapped_ - 2 * page_ - accessible_ + bytes, name_.c_str(),
              "it writes between the rows of"});
}

RowsApart::~RowsApart() {
  const std::lock_guard lock(pool().mutex);
  remove_region(map_);
  unmap_rows(rows_);
}

// Maps each row by itself, with a page before it and one after it that can only be read.  One mapping of all that lies
// between the rows would cost an emulator memory for each page.  Returns false if something else lies there.
bool RowsApart::map_rows(uintptr_t begin) {
  map_ = reinterpret_cast<unsigned char *>(begin);
  for (int64_t row = 0; row < rows_; ++row) {
    unsigned char *const from = begin_of_row(row), *const to = page_of(row) + accessible_ + page_;
    constexpr int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE;
    void *const made = mmap(from, static_cast<size_t>(to - from), PROT_READ, flags, -1, 0);
    if (made != MAP_FAILED && made != from) munmap(made, static_cast<size_t>(to - from)); // by an old kernel
    if (made != from || mprotect(page_of(row), accessible_, PROT_READ | PROT_WRITE) != 0) {
      unmap_rows(made == from ? row + 1 : row);
      return false;
    }
    fill_with_canaries(page_of(row), accessible_, 0);
  }
  return true;
}

void RowsApart::unmap_rows(int64_t count) {
  for (int64_t row = 0; row < count; ++row) {
    unsigned char *const from = begin_of_row(row);
    munmap(from, static_cast<size_t>(page_of(row) + accessible_ + page_ - from));
  }
}

// The page before the row, or the end of the row before.
unsigned char *RowsApart::begin_of_row(int64_t row) const {
  unsigned char *const before = page_of(row) - page_;
  return row == 0 ? before : std::max(before, page_of(row - 1) + accessible_ + page_);
}

bool RowsApart::canaries_intact() const {
  const auto before = static_cast<size_t>(data_ - page_of(0));
  for (int64_t row = 0; row < rows_; ++row)
    if (!are_canaries(page_of(row), before, 0) ||
        !are_canaries(page_of(row) + before + bytes_, accessible_ - before - bytes_, before + bytes_))
      return false;
  return true;
}

void report_faults(void (*report)(const char *message)) {
  report_fault = report;
  static unsigned char stack[1 << 16];
  stack_t own = {};
  own.ss_sp = stack, own.ss_size = sizeof stack;
  sigaltstack(&own, nullptr);
  struct sigaction action = {};
  action.sa_sigaction = handle;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigaction(SIGSEGV, &action, nullptr);
  sigaction(SIGBUS, &action, nullptr);
}

void report_forbidden_call() {
  struct sigaction action = {};
  action.sa_handler = [](int) {
    report_fault("it starts a thread or a process");
    _exit(0);
  };
  action.sa_flags = SA_ONSTACK;
  sigaction(SIGSYS, &action, nullptr);
}

namespace {

// The word before a block, where glibc keeps the block's size.  Its low three bits, which may change with the block's
// neighbours, are left out.
uint64_t word_before(const unsigned char *data) {
  uint64_t word;
  std::memcpy(&word, data - sizeof word, sizeof word);
  return word & ~uint64_t{7};
}

} // namespace

HeapSentinels::HeapSentinels() {
  constexpr size_t step = 16, largest = 1024; // as the allocator rounds small sizes
  constexpr int holes_of_size = 6;            // of which conform itself takes some during the call
  std::vector<void *> holes;
  blocks_.reserve(2 * (holes_of_size + 1) * largest / step), holes.reserve((holes_of_size + 1) * largest / step);
  const auto keep = [this](size_t bytes, size_t alignment) {
    auto *data =
        static_cast<unsigned char *>(alignment > step ? std::aligned_alloc(alignment, bytes) : std::malloc(bytes));
    if (data == nullptr) throw std::bad_alloc();
    std::memset(data, 0x6B, bytes);
    blocks_.push_back({data, bytes, word_before(data)});
  };
  for (size_t bytes = 8; bytes < largest; bytes += step)
    for (int hole = 0; hole < holes_of_size; ++hole) {
      keep(bytes, 1);
      holes.push_back(std::malloc(bytes));
      keep(bytes, 1);
    }
  for (size_t bytes = 64; bytes <= largest; bytes += 64) { // as code for SIMD allocates
    keep(bytes, 64);
    holes.push_back(std::aligned_alloc(64, bytes));
    keep(bytes, 64);
  }
  for (void *hole : holes) std::free(hole);
}

HeapSentinels::~HeapSentinels() {
  if (!intact()) return;
  for (const Block &block : blocks_) std::free(block.data);
}

bool HeapSentinels::intact() const {
  return std::all_of(blocks_.begin(), blocks_.end(), [](const Block &block) {
    return word_before(block.data) == block.before &&
           std::all_of(block.data, block.data + block.bytes, [](unsigned char byte) { return byte == 0x6B; });
  });
}

size_t size_of(Element element) {
  switch (element) {
  case Element::uint8: return 1;
  case Element::int64: return 8;
  default: return 4;
  }
}

namespace {

// Calls with(T()), where T is the type of the element.
template <class With> void with_type(Element element, With with) {
  switch (element) {
  case Element::float32: return with(float());
  case Element::int32: return with(int32_t());
  case Element::uint32: return with(uint32_t());
  case Element::uint8: return with(uint8_t());
  case Element::int64: return with(int64_t());
  }
}

// A row may have any alignment.
void store_row(unsigned char *at, Element element, const double *values, int64_t count) {
  with_type(element, [=](auto type) {
    for (int64_t j = 0; j < count; ++j) {
      type = static_cast<decltype(type)>(values[j]);
      std::memcpy(at + static_cast<size_t>(j) * sizeof type, &type, sizeof type);
    }
  });
}

void load_row(const unsigned char *at, Element element, double *values, int64_t count) {
  with_type(element, [=](auto type) {
    for (int64_t j = 0; j < count; ++j) {
      std::memcpy(&type, at + static_cast<size_t>(j) * sizeof type, sizeof type);
      values[j] = static_cast<double>(type);
    }
  });
}

} // namespace

unsigned char *Arrays::Placed::element(int64_t i, int64_t j) const {
  return data + (i * stride + j) * static_cast<int64_t>(size_of(array->element));
}

Arrays::Arrays(const Case &given, const Placement &placement) : placement_(placement) {
  for (const Array &array : given.arrays) {
    const bool apart = placement.apart > 0 && array.rows > 1 && array.columns > 0;
    Placed placed{&array, apart ? placement.apart : array.columns + (array.rows > 1 ? placement.gap : 0),
                  placement.side == Side::begins && !apart ? placement.shift : 0, nullptr, nullptr};
    const size_t size = size_of(array.element);
    if (array.in_place_of.empty() && apart) {
      placed.rows = std::make_unique<RowsApart>(array.name, array.rows, static_cast<size_t>(array.columns) * size,
                                                static_cast<size_t>(placed.stride) * size, placement.side);
      placed.data = placed.rows->data();
    } else if (array.in_place_of.empty()) {
      const int64_t span = array.rows == 0 || array.columns == 0 ? 0 : (array.rows - 1) * placed.stride + array.columns;
      placed.memory =
          std::make_unique<Memory>(array.name, static_cast<size_t>(span + placed.shift) * size, placement.side);
      placed.data = placed.memory->data() + static_cast<size_t>(placed.shift) * size;
    }
    for (int64_t i = 0; placed.data != nullptr && i < array.rows; ++i) set_row(placed, placed.element(i, 0), i);
    placed_.push_back(std::move(placed));
  }
}

void Arrays::set_row(const Placed &placed, unsigned char *row, int64_t i) const {
  const Array &array = *placed.array;
  if (!array.values.empty()) return store_row(row, array.element, &array.values[i * array.columns], array.columns);
  std::memset(row,
              !placement_.nan                     ? 0
              : array.element == Element::float32 ? 0xFF
                                                  : 0x55,
              static_cast<size_t>(array.columns) * size_of(array.element));
}

const Arrays::Placed *Arrays::find(const std::string &name) const {
  for (const Placed &placed : placed_)
    if (placed.array->name == name)
      return placed.array->in_place_of.empty() ? &placed : find(placed.array->in_place_of);
  return nullptr;
}

void *Arrays::data(const std::string &name) {
  const Placed *placed = find(name);
  return placed == nullptr ? nullptr : placed->data;
}

int64_t Arrays::stride(const std::string &name) const {
  const Placed *placed = find(name);
  return placed == nullptr ? 0 : placed->stride;
}

std::vector<double> Arrays::values(const std::string &name) const {
  const Placed &placed = *find(name);
  const int64_t rows = placed.array->rows, columns = placed.array->columns;
  std::vector<double> values(static_cast<size_t>(rows * columns));
  for (int64_t i = 0; i < rows; ++i)
    load_row(placed.element(i, 0), placed.array->element, values.data() + i * columns, columns);
  return values;
}

bool Arrays::rows_intact(const Placed &placed) const {
  std::vector<unsigned char> before(static_cast<size_t>(placed.array->columns) * size_of(placed.array->element));
  for (int64_t i = 0; i < placed.array->rows; ++i) {
    set_row(placed, before.data(), i);
    if (std::memcmp(before.data(), placed.element(i, 0), before.size()) != 0) return false;
  }
  return true;
}

// Whether nothing has changed ahead of the first row and between rows.
bool Arrays::gaps_intact(const Placed &placed) const {
  if (placed.rows) return true; // a write there ends the process
  const unsigned char *begin = placed.memory->data();
  for (int64_t i = 0; i < placed.array->rows && placed.array->columns > 0; ++i) {
    if (!placed.memory->canaries_between(begin, placed.element(i, 0))) return false;
    begin = placed.element(i, placed.array->columns);
  }
  return true;
}

std::string Arrays::damage() const {
  for (const Placed &placed : placed_) {
    const std::string &name = placed.array->name;
    if (!placed.array->in_place_of.empty()) continue;
    if (!(placed.rows ? placed.rows->canaries_intact() : placed.memory->canaries_intact()))
      return "it writes outside " + name;
    if (!gaps_intact(placed)) return "it writes between the rows of " + name;
    bool is_output = placed.array->is_written;
    for (const Placed &other : placed_) is_output = is_output || other.array->in_place_of == name;
    if (!is_output && !rows_intact(placed)) return "it changes " + name + ", which is an input";
  }
  return "";
}

bool Arrays::untouched() const {
  return std::all_of(placed_.begin(), placed_.end(), [this](const Placed &placed) {
    return !placed.array->in_place_of.empty() || (rows_intact(placed) && gaps_intact(placed));
  });
}

} // namespace lanefold::trainer::conform
