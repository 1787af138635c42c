// Reads ELF (System V ABI, chapters 4 and 5).  The file may be anything: every offset is checked, and a table ends where
// the file does.
#include "trainer/conform/module_file.hpp"

#include <lanefold/plugin.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <elf.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>

namespace lanefold::trainer::conform {
namespace {

#if defined(__x86_64__)
constexpr uint16_t own_machine = EM_X86_64;
constexpr char machine_name[] = "x86-64";
#else
constexpr uint16_t own_machine = EM_AARCH64;
constexpr char machine_name[] = "AArch64";
#endif

class Reader {
public:
  explicit Reader(std::string bytes) : bytes_(std::move(bytes)) {}

  template <class T> std::optional<T> at(uint64_t offset) const {
    if (offset > bytes_.size() || bytes_.size() - offset < sizeof(T)) return std::nullopt;
    T value;
    std::memcpy(&value, bytes_.data() + offset, sizeof value);
    return value;
  }
  // The string that begins at this offset; it ends with a 0, or with the file.
  std::string text(uint64_t offset) const {
    constexpr size_t longest = 4096;
    if (offset >= bytes_.size()) return {};
    return {bytes_.data() + offset, strnlen(bytes_.data() + offset, std::min(longest, bytes_.size() - offset))};
  }
  bool is_zero(uint64_t offset, uint64_t size) const {
    for (uint64_t i = 0; i < size; ++i)
      if (offset + i >= bytes_.size() || bytes_[offset + i] != 0) return offset + i >= bytes_.size();
    return true;
  }

private:
  std::string bytes_;
};

// Finds what the loader would use: segments, the dynamic section, and the symbols of DT_SYMTAB.
class Module {
public:
  Module(const Reader &reader, ModuleFile &file) : reader_(reader), file_(file) {}

  void read() {
    const auto header = reader_.at<Elf64_Ehdr>(0);
    if (!header || std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0) return fail("it is not an ELF file");
    if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_machine != own_machine)
      return fail(std::string("it is not made for ") + machine_name);
    if (header->e_type != ET_DYN) return fail("it is not a shared module");
    header_ = *header;
    read_segments();
    read_dynamic();
    read_symbols();
  }

private:
  void fail(const std::string &problem) { file_.problem = problem; }

  void read_segments() {
    file_.has_executable_stack = true; // without PT_GNU_STACK the loader assumes so
    for (uint64_t i = 0; i < header_.e_phnum; ++i) {
      const auto segment = reader_.at<Elf64_Phdr>(header_.e_phoff + i * sizeof(Elf64_Phdr));
      if (!segment) return fail("it is cut short");
      if (segment->p_type == PT_GNU_STACK) file_.has_executable_stack = (segment->p_flags & PF_X) != 0;
      if (segment->p_type == PT_DYNAMIC) dynamic_ = *segment;
      if (segment->p_type != PT_LOAD) continue;
      loaded_.push_back(*segment);
      if ((segment->p_flags & PF_W) != 0 && (segment->p_flags & PF_X) != 0) file_.has_writable_code = true;
    }
  }

  // The offset in the file of an address in memory.
  std::optional<uint64_t> offset_of(uint64_t address) const {
    for (const Elf64_Phdr &segment : loaded_)
      if (address >= segment.p_vaddr && address - segment.p_vaddr < segment.p_filesz)
        return segment.p_offset + (address - segment.p_vaddr);
    return std::nullopt;
  }

  void read_dynamic() {
    std::vector<Elf64_Dyn> entries;
    for (uint64_t i = 0; i < dynamic_.p_filesz / sizeof(Elf64_Dyn); ++i) {
      const auto entry = reader_.at<Elf64_Dyn>(dynamic_.p_offset + i * sizeof(Elf64_Dyn));
      if (!entry || entry->d_tag == DT_NULL) break;
      entries.push_back(*entry);
      if (entry->d_tag == DT_RELA) relocations_ = offset_of(entry->d_un.d_ptr).value_or(0);
      if (entry->d_tag == DT_RELASZ) relocations_size_ = entry->d_un.d_val;
      if (entry->d_tag == DT_STRTAB) strings_ = offset_of(entry->d_un.d_ptr).value_or(0);
      if (entry->d_tag == DT_TEXTREL) file_.has_text_relocations = true;
      if (entry->d_tag == DT_FLAGS && (entry->d_un.d_val & DF_TEXTREL) != 0) file_.has_text_relocations = true;
      if (entry->d_tag == DT_FLAGS && (entry->d_un.d_val & DF_STATIC_TLS) != 0) file_.needs_static_tls = true;
    }
    for (const Elf64_Dyn &entry : entries) {
      const std::string text = reader_.text(strings_ + entry.d_un.d_val);
      if (entry.d_tag == DT_NEEDED) file_.libraries.push_back(text);
      if (entry.d_tag != DT_RPATH && entry.d_tag != DT_RUNPATH) continue;
      std::istringstream folders(text);
      for (std::string folder; std::getline(folders, folder, ':');) file_.search_path.push_back(folder);
      if (text.empty() || text.back() == ':') file_.search_path.emplace_back();
    }
  }

  // The section of dynamic symbols has their number, which the dynamic section has only in its hash tables.
  void read_symbols() {
    for (uint64_t i = 0; i < header_.e_shnum; ++i) {
      const auto section = reader_.at<Elf64_Shdr>(header_.e_shoff + i * sizeof(Elf64_Shdr));
      if (!section) return fail("it is cut short");
      if (section->sh_type != SHT_DYNSYM) continue;
      for (uint64_t s = 0; s < section->sh_size / sizeof(Elf64_Sym); ++s)
        if (const auto symbol = reader_.at<Elf64_Sym>(section->sh_offset + s * sizeof(Elf64_Sym))) read_symbol(*symbol);
        else break;
      return;
    }
    fail("it has no table of dynamic symbols");
  }

  void read_symbol(const Elf64_Sym &symbol) {
    if (symbol.st_shndx == SHN_UNDEF || ELF64_ST_BIND(symbol.st_info) == STB_LOCAL || symbol.st_name == 0) return;
    const std::string name = reader_.text(strings_ + symbol.st_name);
    if (symbol.st_shndx == SHN_ABS && symbol.st_size == 0) return; // the name of a symbol version
    file_.exports.push_back(name);
    if (name != LF_PLUGIN_ENTRY_SYMBOL) return;
    file_.entry_is_data = ELF64_ST_TYPE(symbol.st_info) == STT_OBJECT && symbol.st_size >= sizeof(lf_plugin_entry);
    file_.entry_is_constant = has_bytes(symbol.st_value, sizeof(uint32_t));
    for (const size_t field :
         {offsetof(lf_plugin_entry, name), offsetof(lf_plugin_entry, vendor), offsetof(lf_plugin_entry, fill)})
      if (!has_bytes(symbol.st_value + field, sizeof(void *)) && !is_relocated(symbol.st_value + field))
        file_.entry_is_constant = false;
  }

  // Whether the file has anything but zeros for this address.
  bool has_bytes(uint64_t address, uint64_t size) const {
    const auto offset = offset_of(address);
    return offset && !reader_.is_zero(*offset, size);
  }
  // Whether the loader fills this address by itself.
  bool is_relocated(uint64_t address) {
    for (uint64_t i = 0; i < relocations_size_ / sizeof(Elf64_Rela); ++i) {
      const auto relocation = reader_.at<Elf64_Rela>(relocations_ + i * sizeof(Elf64_Rela));
      if (!relocation || relocation->r_offset == address) return relocation.has_value();
    }
    return false;
  }

  const Reader &reader_;
  ModuleFile &file_;
  Elf64_Ehdr header_ = {};
  Elf64_Phdr dynamic_ = {};
  std::vector<Elf64_Phdr> loaded_;
  uint64_t strings_ = 0, relocations_ = 0, relocations_size_ = 0;
};

} // namespace

ModuleFile read_module_file(const std::string &path) {
  ModuleFile file;
  constexpr uintmax_t most = uintmax_t{1} << 30;
  std::error_code error;
  std::ifstream stream(path, std::ios::binary);
  if (!stream || !std::filesystem::is_regular_file(path, error) || std::filesystem::file_size(path, error) > most) {
    file.problem = "it cannot be read, or is larger than 1 GB";
    return file;
  }
  const Reader reader({std::istreambuf_iterator<char>(stream), {}});
  Module(reader, file).read();
  return file;
}

ManifestText read_manifest_beside(const std::string &module) {
  ManifestText manifest;
  const std::string ending = ".so";
  if (module.size() <= ending.size() || module.substr(module.size() - ending.size()) != ending) {
    manifest.problem = "the name of the module does not end with .so";
    return manifest;
  }
  const std::string path = module.substr(0, module.size() - ending.size()) + ".manifest";
  std::error_code error;
  std::ifstream stream;
  if (std::filesystem::is_regular_file(path, error)) stream.open(path);
  if (!stream.is_open()) {
    manifest.problem =
        path + " cannot be read; write it with the lines name, vendor, priority and needs, as the entry has them";
    return manifest;
  }
  std::string text(4096, '\0'); // as much as the library reads
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(stream.gcount()));
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string key;
    words >> key;
    if (key == "needs")
      for (std::string word; words >> word;) manifest.needs.push_back(word);
    else if (key == "name") words >> manifest.name;
    else if (key == "vendor") words >> manifest.vendor;
    else if (key == "priority") words >> manifest.priority;
  }
  return manifest;
}

} // namespace lanefold::trainer::conform
