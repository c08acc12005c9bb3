/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ELFSYM_H
#define ELFSYM_H

/*
 * elfsym: what an ELF file says about itself: its symbols, its sections, and the addresses at which it was loaded.
 * Files belong to targets and may be forged, so every offset and count is checked against the file before use.
 *
 * Errors: 0 success, negative -errno, positive elfsym_error. Only one thread at a time may use a struct elfsym.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum elfsym_error {
        ELFSYM_E_NOT_ELF = 1, /* not an ELF program or library, or damaged beyond reading */
        ELFSYM_E_FOREIGN,     /* its class, byte order or machine is not this host's */
        ELFSYM_E_NOT_FOUND,   /* no such symbol or section */
        ELFSYM_E_RANGE,       /* an address or length is outside the file's segments */
        /* Only of unwind.h: */
        ELFSYM_E_DAMAGED,          /* a table, or a stack, that no compiler makes */
        ELFSYM_E_END,              /* the frame has no caller: the stack ends here */
        ELFSYM_E_UNKNOWN_REGISTER, /* the caller's place depends on a register whose value is not known */
};

struct elfsym;

/* Opens an ELF file. @fd is not consumed and must stay open until elfsym_close(). */
int elfsym_open_fd(int fd, struct elfsym **ret);

/*
 * Reads @len bytes at @addr of an image in memory into @buf: 0 or negative errno.
 */
typedef int (*elfsym_read_fn)(void *ctx, uint64_t addr, void *buf, size_t len);

/*
 * Opens the image of an ELF file as mapped at @base, the address of file offset 0. It serves for files that cannot be
 * opened (deleted files, the vDSO). Only what is loaded can be seen: .dynsym through PT_DYNAMIC, not sections.
 */
int elfsym_open_image(elfsym_read_fn read, void *ctx, uint64_t base, struct elfsym **ret);

/* Accepts NULL. */
void elfsym_close(struct elfsym *elf);

struct elfsym_symbol {
        uint64_t value; /* as in the file; the address is this plus elfsym_load_bias() */
        uint64_t size;  /* bytes, 0 if not given */
};

/*
 * Finds a defined symbol by name. Searches .dynsym first (it stays in stripped files), then .symtab. Works without
 * section headers, through PT_DYNAMIC. .symtab is copied at the first name that .dynsym lacks, up to 16 MiB of it and
 * up to 16 MiB of its strings. The copy is kept until elfsym_close().
 */
int elfsym_symbol(struct elfsym *elf, const char *name, struct elfsym_symbol *ret);

struct elfsym_section {
        uint64_t addr; /* as in the file */
        uint64_t size;
};
int elfsym_section(struct elfsym *elf, const char *name, struct elfsym_section *ret);

/*
 * The load bias: what must be added to a value of the file to get its address. @map_start is the start of the mapping
 * that holds file offset 0. The bias is 0 for ET_EXEC.
 */
uint64_t elfsym_load_bias(const struct elfsym *elf, uint64_t map_start);

/*
 * Reads initialised data at file address @value (before relocation), such as the constant Py_Version. ELFSYM_E_RANGE if
 * no segment holds all of it. For an image it reads what is in memory now.
 */
int elfsym_read(struct elfsym *elf, uint64_t value, void *buf, size_t len);

#include "functions.h"
#include "unwind.h"

#endif
