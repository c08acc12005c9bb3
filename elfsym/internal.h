/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ELFSYM_INTERNAL_H
#define ELFSYM_INTERNAL_H

/*
 * What the files of elfsym share. They read from two address spaces: offsets in the file (elfsym_read_at) and values,
 * the addresses that the file speaks of (elfsym_read). The PT_LOAD segments translate values to offsets or memory.
 */

#include "elfsym.h"

#include <gelf.h>
#include <link.h>

/* A symbol table and its strings, copied from the sections of a file. */
struct symbol_table {
        ElfW(Sym) * symbols; /* NULL: none, or not loaded yet */
        size_t n;
        char *names; /* ends with a NUL */
        size_t names_size;
        bool tried;
};

struct elfsym {
        int fd;     /* of a file; -1 for images and files in memory */
        char *file; /* of a file in memory, which is owned */
        size_t file_len;
        elfsym_read_fn read; /* of an image; NULL for files */
        void *ctx;
        uint64_t base; /* of an image: the address of file offset 0 */
        uint64_t bias; /* of an image: see elfsym_load_bias() */

        void *headers; /* private copy of the ELF header, the program headers and the section headers */
        Elf *elf;      /* libelf's view of @headers */
        size_t segments_n;
        size_t sections_n; /* 0: no section headers */
        GElf_Ehdr ehdr;
        uint64_t first_value; /* value of file offset 0 */

        ElfW(Dyn) * dynamic; /* up to DT_NULL; NULL if there is none */
        size_t dynamic_n;

        struct symbol_table dynsym; /* from sections, for files without a hash table */
        struct symbol_table symtab;
};

/* Reads exactly @len bytes at a file offset. ELFSYM_E_RANGE if the file ends before. */
int elfsym_read_at(const struct elfsym *elf, uint64_t offset, void *buf, size_t len);

/* Finds the next segment of @type from number *@i on. *@i is then one past it. */
bool elfsym_next_segment(const struct elfsym *elf, uint32_t type, size_t *i, GElf_Phdr *ret);

/* Loads PT_DYNAMIC. A file without it is no error. */
int elfsym_load_dynamic(struct elfsym *elf);

/* Finds a symbol through PT_DYNAMIC's hash tables. *@ret_hashed says whether there is a hash table. */
int elfsym_dynamic_symbol(struct elfsym *elf, const char *name, struct elfsym_symbol *ret, bool *ret_hashed);

/* Whether elfsym gives this symbol out: it is defined, and has an address. */
bool elfsym_is_defined(const ElfW(Sym) * symbol);

/* Opens a file whose bytes are in memory. @bytes is allocated, and consumed in any case. */
int elfsym_open_bytes(char *bytes, size_t len, struct elfsym **ret);

/* Opens the file that is packed in .gnu_debugdata. ELFSYM_E_NOT_FOUND if there is none that can be read. */
int elfsym_open_debugdata(struct elfsym *elf, struct elfsym **ret);

/* Finds .dynsym and its strings through PT_DYNAMIC. All are values. ELFSYM_E_NOT_FOUND. */
int elfsym_dynamic_symbols(struct elfsym *elf, uint64_t *ret_symbols, uint64_t *ret_n, uint64_t *ret_names,
                           uint64_t *ret_names_size);

/* The header of section number @i; false if there is none. */
bool elfsym_get_header(const struct elfsym *elf, size_t i, GElf_Shdr *ret);

/* Finds the section of a name. @name ends with a NUL. ELFSYM_E_NOT_FOUND. */
int elfsym_section_of_name(const struct elfsym *elf, const char *name, GElf_Shdr *ret);

/* Finds the first symbol table of section type @type, and its strings. ELFSYM_E_NOT_FOUND. */
int elfsym_section_of_type(const struct elfsym *elf, uint32_t type, GElf_Shdr *ret, GElf_Shdr *ret_strings);

/*
 * Copies the symbol table of section type @type, and its strings. ELFSYM_E_NOT_FOUND if there is none, or none can be
 * read.
 */
int elfsym_load_symbols(const struct elfsym *elf, uint32_t type, struct symbol_table *ret);

#endif
