/* A plugin of qemu's user mode that counts what runs between counted_call_begins() and counted_call_ends(): how often each
 * instruction of Lanefold and its plugin ran, the bytes that it read and wrote, and the cache lines of all.  It writes
 * them to the file `out=`, and neon.py says what each instruction is.
 *
 * Debian has no header of qemu's plugin interface.  The few functions below are the same from version 1 on; qemu refuses
 * a plugin whose version it does not know.  https://www.qemu.org/docs/master/devel/tcg-plugins.html */
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct qemu_info;
struct qemu_block;
struct qemu_instruction;
typedef uint64_t qemu_id;
typedef uint32_t qemu_memory_info;
extern void qemu_plugin_register_vcpu_tb_trans_cb(qemu_id id, void (*call)(qemu_id, struct qemu_block *));
extern size_t qemu_plugin_tb_n_insns(const struct qemu_block *block);
extern struct qemu_instruction *qemu_plugin_tb_get_insn(const struct qemu_block *block, size_t index);
extern void *qemu_plugin_insn_haddr(const struct qemu_instruction *instruction);
extern const char *qemu_plugin_insn_symbol(const struct qemu_instruction *instruction);
extern void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_instruction *instruction,
                                                   void (*call)(unsigned int, void *), int flags, void *data);
extern void qemu_plugin_register_vcpu_mem_cb(struct qemu_instruction *instruction,
                                             void (*call)(unsigned int, qemu_memory_info, uint64_t, void *), int flags,
                                             int accesses, void *data);
extern unsigned int qemu_plugin_mem_size_shift(qemu_memory_info info);
extern bool qemu_plugin_mem_is_store(qemu_memory_info info);

#ifndef QEMU_INTERFACE
#define QEMU_INTERFACE 1
#endif
#define EXPORTED __attribute__((visibility("default")))
EXPORTED int qemu_plugin_version = QEMU_INTERFACE;
enum { no_registers = 0, reads_and_writes = 3, line_bytes = 64, hash_bits = 22 };

enum owner { this_program, lanefold, other };

struct instruction {
  struct instruction *next;
  uint64_t address; /* of the host */
  enum owner owner;
  const char *symbol;
  char file[64];   /* its name, without the folder */
  uint64_t offset; /* in the file */
  uint64_t runs, bytes_read, bytes_written;
};

static FILE *out;
static struct instruction *all, *known[1 << hash_bits]; /* qemu may translate an instruction several times */
static uint64_t lines[1 << hash_bits], line_count, calls;
static bool counting, is_elsewhere;
static enum owner caller;

/* Which file lies at this address of the host: qemu maps the files of the program as they are. */
static void find_file(struct instruction *one, uint64_t address) {
  FILE *maps = fopen("/proc/self/maps", "r");
  char text[4096], path[2048];
  one->owner = other;
  while (maps != NULL && fgets(text, sizeof text, maps) != NULL) {
    uint64_t begin, end, offset;
    if (sscanf(text, "%" SCNx64 "-%" SCNx64 " %*s %" SCNx64 " %*s %*s %2047s", &begin, &end, &offset, path) != 4)
      continue;
    if (address < begin || address >= end) continue;
    const char *name = strrchr(path, '/') != NULL ? strrchr(path, '/') + 1 : path;
    snprintf(one->file, sizeof one->file, "%.63s", name);
    one->offset = address - begin + offset;
    if (strcmp(name, "counted-calls") == 0) one->owner = this_program;
    else if (strncmp(name, "liblanefold.so", 14) == 0 || strncmp(name, "lanefold-", 9) == 0) one->owner = lanefold;
    break;
  }
  if (maps != NULL) fclose(maps);
}

static uint64_t hash(uint64_t key) { return key * UINT64_C(0x9E3779B97F4A7C15) >> (64 - hash_bits); }
static uint64_t after(uint64_t place) { return (place + 1) % (1 << hash_bits); }

static void touch(uint64_t line) {
  uint64_t at = hash(line);
  while (lines[at] != 0 && lines[at] != line) at = after(at);
  if (lines[at] == line) return;
  lines[at] = line;
  if (++line_count > 1 << (hash_bits - 1)) {
    fprintf(stderr, "the call touches too many cache lines\n");
    exit(1);
  }
}

static void on_access(unsigned int cpu, qemu_memory_info info, uint64_t address, void *data) {
  (void)cpu;
  if (!counting) return;
  struct instruction *one = data;
  const uint64_t bytes = UINT64_C(1) << (qemu_plugin_mem_size_shift(info) & 15);
  *(qemu_plugin_mem_is_store(info) ? &one->bytes_written : &one->bytes_read) += bytes;
  for (uint64_t line = address / line_bytes; line <= (address + bytes - 1) / line_bytes; ++line) touch(line);
}

static void end_call(void) {
  fprintf(out, "call %" PRIu64 " %" PRIu64 "\n", calls, line_count);
  for (struct instruction *one = all; one != NULL; one = one->next) {
    if (one->runs > 0 && one->owner == lanefold)
      fprintf(out, "%s %" PRIx64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", one->file, one->offset, one->runs,
              one->bytes_read, one->bytes_written);
    one->runs = one->bytes_read = one->bytes_written = 0;
  }
  fflush(out);
  memset(lines, 0, sizeof lines);
  line_count = calls = 0;
}

static void on_instruction(unsigned int cpu, void *data) {
  (void)cpu;
  struct instruction *one = data;
  if (one->symbol != NULL) {
    if (counting && strcmp(one->symbol, "counted_call_ends") == 0) end_call();
    counting = strcmp(one->symbol, "counted_call_begins") == 0;
    caller = this_program;
  }
  if (!counting) return;
  ++one->runs;
  if (one->owner != other) caller = one->owner, is_elsewhere = false;
  else if (caller == lanefold && !is_elsewhere) is_elsewhere = true, ++calls;
}

static void on_translation(qemu_id id, struct qemu_block *block) {
  (void)id;
  for (size_t i = 0; i < qemu_plugin_tb_n_insns(block); ++i) {
    struct qemu_instruction *instruction = qemu_plugin_tb_get_insn(block, i);
    const uint64_t address = (uint64_t)qemu_plugin_insn_haddr(instruction);
    uint64_t at = hash(address);
    while (known[at] != NULL && known[at]->address != address) at = after(at);
    struct instruction *one = known[at];
    if (one == NULL) {
      one = known[at] = calloc(1, sizeof *one);
      if (one == NULL) abort();
      one->address = address;
      find_file(one, address);
      one->next = all, all = one;
      const char *symbol = qemu_plugin_insn_symbol(instruction);
      const bool begins = one->owner == this_program && symbol != NULL &&
                          (strcmp(symbol, "counted_call_begins") == 0 || strcmp(symbol, "counted_call_ends") == 0);
      one->symbol = begins ? symbol : NULL;
    }
    qemu_plugin_register_vcpu_insn_exec_cb(instruction, on_instruction, no_registers, one);
    if (one->owner == lanefold)
      qemu_plugin_register_vcpu_mem_cb(instruction, on_access, no_registers, reads_and_writes, one);
  }
}

EXPORTED int qemu_plugin_install(qemu_id id, const struct qemu_info *info, int count, char **arguments) {
  (void)info;
  if (count != 1 || strncmp(arguments[0], "out=", 4) != 0) return -1;
  out = fopen(arguments[0] + 4, "w");
  if (out == NULL) return -1;
  qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
  return 0;
}
