/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_ELFWRITER_H
#define TESTS_ELFWRITER_H

/*
 * Writes small, valid ELF files of this host's kind: one segment of headers,
 * notes and dynamic symbols, one of data, and, if asked for, sections.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum elfwriter_hash {
        ELFWRITER_GNU_HASH,
        ELFWRITER_SYSV_HASH,
        ELFWRITER_NO_HASH,
};

struct elfwriter_symbol {
        const char *name; /* NULL ends a list */
        uint64_t value;
        uint64_t size;
        bool undefined;
};

struct elfwriter {
        uint16_t type; /* ET_DYN, ET_EXEC */
        uint64_t base; /* value of file offset 0 */
        enum elfwriter_hash hash;
        bool sections; /* .dynsym .dynstr .symtab .strtab .data .shstrtab */
        const struct elfwriter_symbol *dynsym;
        const struct elfwriter_symbol *symtab; /* may be NULL; only with sections */
        const char *needed[4];                 /* up to the first NULL */
        const char *data;                      /* a string for the data segment */
};

/* What was written, and where the tests find some of it again. */
struct elfwriter_file {
        char *bytes; /* to be freed */
        size_t len;
        size_t headers_len;    /* of the ELF and program headers */
        size_t dynamic_offset; /* file offset of PT_DYNAMIC */
        size_t dynamic_n;
        size_t hash_offset;
        uint64_t data_value; /* where elfwriter.data is, as a value */
        uint64_t values_end; /* end of the last segment in memory */
        size_t data_offset;  /* start of the second segment */
        uint64_t data_moved; /* its value less its offset */
        size_t loaded_len;   /* file bytes that segments hold */
};

/* The data segment lies this much further on in memory than in the file. */
#define ELFWRITER_GAP 0x10000

void elfwriter_write(const struct elfwriter *spec, struct elfwriter_file *ret);

/*
 * The same as the dynamic linker maps it at @base, from there to values_end:
 * with @relocated, the pointers of PT_DYNAMIC are addresses, as glibc leaves them.
 */
char *elfwriter_load(const struct elfwriter_file *file, uint64_t bias, bool relocated, size_t *ret_len);

#endif
