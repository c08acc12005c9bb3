/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ELFSYM_SCAN_H
#define ELFSYM_SCAN_H

/*
 * The functions among the symbols of a file, one after the other, in no particular order. Symbols and names are read
 * piece by piece, so that a file of any size takes the same memory.
 */

#include "internal.h"

/* A table of symbols, and its strings. */
struct scan_source {
        struct elfsym *elf;
        bool by_value; /* the places are values, not offsets in the file */
        uint64_t symbols, symbols_n;
        uint64_t names, names_size;
        bool sizeless; /* functions without a size count */
        bool cut;      /* there are more symbols or names than are read */
};

#define SCAN_SOURCES_MAX 2

/* @name is not NUL-terminated. */
typedef void (*scan_each_fn)(void *ctx, const ElfW(Sym) * symbol, const char *name, size_t len);

/*
 * Finds the tables of @source. @ret_debugdata becomes the ELF file in .gnu_debugdata, to be closed in any case; it is
 * untouched if there is none. ELFSYM_E_NOT_FOUND.
 */
int elfsym_locate_tables(struct elfsym *elf, enum elfsym_source source, struct elfsym **ret_debugdata,
                         struct scan_source sources[static SCAN_SOURCES_MAX], size_t *ret_n);

/* Calls @each for every function. An error if a part cannot be read. */
int elfsym_scan(struct scan_source *source, scan_each_fn each, void *ctx);

#endif
