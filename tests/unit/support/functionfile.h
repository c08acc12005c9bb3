/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_FUNCTIONFILE_H
#define TESTS_FUNCTIONFILE_H

/* Writes ELF files of this host's kind that have symbols of functions, a build-id, and .gnu_debugdata. */

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct functionfile_symbol {
        const char *name; /* NULL ends a list */
        uint64_t value, size;
        unsigned char info; /* 0: a global function */
        uint16_t section;   /* 0: FUNCTIONFILE_CODE */
        bool local_label;   /* a local symbol without a type, whose info is 0 */
};

enum { FUNCTIONFILE_CODE = 1, FUNCTIONFILE_NOTE, FUNCTIONFILE_TABLE };

#define FUNCTIONFILE_LOCAL ELF64_ST_INFO(STB_LOCAL, STT_FUNC)
#define FUNCTIONFILE_WEAK ELF64_ST_INFO(STB_WEAK, STT_FUNC)

struct functionfile {
        const struct functionfile_symbol *symtab, *dynsym; /* may be NULL */
        const char *build_id;                              /* bytes, up to a NUL; may be NULL */
        const void *debugdata;                             /* may be NULL */
        size_t debugdata_len;
};

/* The bytes are to be freed. */
char *functionfile_write(const struct functionfile *spec, size_t *ret_len);

/* Packs bytes as xz does, as .gnu_debugdata is. To be freed. */
char *functionfile_pack(const char *bytes, size_t len, size_t *ret_len);

/* The same as functionfile_write(), in a file in memory. */
int functionfile_open(const struct functionfile *spec);

#endif
