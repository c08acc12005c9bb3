/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What only section headers show: sections by name, and the full symbol table, which unstripped files have and which is
 * never loaded into memory.
 */
#include "internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * At most this many bytes of section names, of a symbol table, or of its strings. An unstripped libpython has 0.5 MiB
 * of each.
 */
#define SECTION_MAX ((uint64_t)16 << 20)

bool elfsym_get_header(const struct elfsym *elf, size_t i, GElf_Shdr *ret)
{
        return i < elf->sections_n && gelf_getshdr(elf_getscn(elf->elf, i), ret);
}

/* A copy of the section's bytes with a NUL after them. */
static int load_bytes(const struct elfsym *elf, const GElf_Shdr *header, void **ret)
{
        char *bytes;
        int r;

        if (header->sh_type == SHT_NOBITS || header->sh_size > SECTION_MAX)
                return ELFSYM_E_NOT_FOUND;
        bytes = malloc((size_t)header->sh_size + 1);
        if (!bytes)
                return -ENOMEM;
        r = elfsym_read_at(elf, header->sh_offset, bytes, (size_t)header->sh_size);
        if (r != 0) {
                free(bytes);
                return r < 0 ? r : ELFSYM_E_NOT_FOUND;
        }
        bytes[header->sh_size] = '\0';
        *ret = bytes;
        return 0;
}

int elfsym_section_of_name(const struct elfsym *elf, const char *name, GElf_Shdr *ret)
{
        GElf_Shdr strings;
        GElf_Shdr header;
        void *bytes;
        int r;

        if (!elfsym_get_header(elf, elf->ehdr.e_shstrndx, &strings))
                return ELFSYM_E_NOT_FOUND;
        r = load_bytes(elf, &strings, &bytes);
        if (r != 0)
                return r;

        const char *names = bytes;

        r = ELFSYM_E_NOT_FOUND;
        for (size_t i = 1; r != 0 && elfsym_get_header(elf, i, &header); i++) {
                if (header.sh_name >= strings.sh_size || strcmp(names + header.sh_name, name) != 0)
                        continue;
                *ret = header;
                r = 0;
        }
        free(bytes);
        return r;
}

int elfsym_section(struct elfsym *elf, const char *name, struct elfsym_section *ret)
{
        GElf_Shdr header;
        int r = elfsym_section_of_name(elf, name, &header);

        if (r == 0)
                *ret = (struct elfsym_section){ .addr = header.sh_addr, .size = header.sh_size };
        return r;
}

int elfsym_section_of_type(const struct elfsym *elf, uint32_t type, GElf_Shdr *ret, GElf_Shdr *ret_strings)
{
        GElf_Shdr header = { 0 };

        for (size_t i = 1; header.sh_type != type; i++)
                if (!elfsym_get_header(elf, i, &header))
                        return ELFSYM_E_NOT_FOUND;
        if (header.sh_entsize != sizeof(ElfW(Sym)) || !elfsym_get_header(elf, header.sh_link, ret_strings))
                return ELFSYM_E_NOT_FOUND;
        *ret = header;
        return 0;
}

int elfsym_load_symbols(const struct elfsym *elf, uint32_t type, struct symbol_table *ret)
{
        GElf_Shdr header;
        GElf_Shdr strings;
        void *symbols = NULL;
        void *names;
        int r = elfsym_section_of_type(elf, type, &header, &strings);

        if (r == 0)
                r = load_bytes(elf, &header, &symbols);
        if (r != 0)
                return r;
        r = load_bytes(elf, &strings, &names);
        if (r != 0) {
                free(symbols);
                return r;
        }
        ret->symbols = symbols;
        ret->n = header.sh_size / sizeof(ElfW(Sym));
        ret->names = names;
        ret->names_size = strings.sh_size;
        return 0;
}
