/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening. The headers are read into private memory, bounded, and libelf gets that copy. If it got the file itself,
 * libelf would size its section table by what the file claims (2^32 sections of a sparse file are some 10^12 bytes). A
 * check before that would race with the file's owner.
 *
 * The copy has the ELF header, the program headers and the section headers, one after the other. The offsets in its ELF
 * header are set accordingly.
 */
#include "internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Programs have some 15 segments and 40 sections. Unusual linking adds a few dozen. */
#define SEGMENTS_MAX 256
#define SECTIONS_MAX 4096

/* The header of this program itself shows what this host's files look like. */
extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));

static int check_header(const ElfW(Ehdr) * ehdr)
{
        if (memcmp(ehdr->e_ident, ELFMAG, SELFMAG) != 0)
                return ELFSYM_E_NOT_ELF;
        if (ehdr->e_ident[EI_CLASS] != __ehdr_start.e_ident[EI_CLASS] ||
            ehdr->e_ident[EI_DATA] != __ehdr_start.e_ident[EI_DATA] || ehdr->e_machine != __ehdr_start.e_machine)
                return ELFSYM_E_FOREIGN;
        if (ehdr->e_ident[EI_VERSION] != EV_CURRENT || (ehdr->e_type != ET_EXEC && ehdr->e_type != ET_DYN))
                return ELFSYM_E_NOT_ELF;
        if (ehdr->e_phentsize != sizeof(ElfW(Phdr)) || ehdr->e_phnum == 0 || ehdr->e_phnum > SEGMENTS_MAX)
                return ELFSYM_E_NOT_ELF;
        return 0;
}

/* Counts the sections. Memory has no section headers, and a file can do without them. */
static size_t count_sections(const struct elfsym *elf, const ElfW(Ehdr) * ehdr)
{
        if (elf->read || ehdr->e_shoff == 0 || ehdr->e_shentsize != sizeof(ElfW(Shdr)) || ehdr->e_shnum > SECTIONS_MAX)
                return 0;
        return ehdr->e_shnum;
}

/* Copies the headers that @ehdr names to their place in elf->headers. */
static int copy_headers(struct elfsym *elf, ElfW(Ehdr) * ehdr, size_t segments_size, size_t sections_size)
{
        char *copy = elf->headers;
        char *segments = copy + sizeof(*ehdr);
        int r = elfsym_read_at(elf, ehdr->e_phoff, segments, segments_size);

        if (r != 0)
                return r;
        if (sections_size > 0) {
                r = elfsym_read_at(elf, ehdr->e_shoff, segments + segments_size, sections_size);
                if (r < 0)
                        return r;
        }
        ehdr->e_phoff = sizeof(*ehdr);
        ehdr->e_shoff = sections_size > 0 && r == 0 ? sizeof(*ehdr) + segments_size : 0;
        if (ehdr->e_shoff == 0)
                ehdr->e_shnum = 0;
        memcpy(copy, ehdr, sizeof(*ehdr));
        return 0;
}

static int load_headers(struct elfsym *elf)
{
        ElfW(Ehdr) ehdr;
        int r = elfsym_read_at(elf, 0, &ehdr, sizeof(ehdr));

        if (r == 0)
                r = check_header(&ehdr);
        if (r != 0)
                return r;

        size_t segments_size = ehdr.e_phnum * sizeof(ElfW(Phdr));
        size_t sections_size = count_sections(elf, &ehdr) * sizeof(ElfW(Shdr));
        size_t size = sizeof(ehdr) + segments_size + sections_size;

        elf->headers = malloc(size);
        if (!elf->headers)
                return -ENOMEM;
        r = copy_headers(elf, &ehdr, segments_size, sections_size);
        if (r != 0)
                return r;

        elf_version(EV_CURRENT);
        elf->elf = elf_memory(elf->headers, size);
        if (!elf->elf || !gelf_getehdr(elf->elf, &elf->ehdr) || elf_getphdrnum(elf->elf, &elf->segments_n) != 0 ||
            elf_getshdrnum(elf->elf, &elf->sections_n) != 0)
                return ELFSYM_E_NOT_ELF;
        return 0;
}

/* The kernel maps the bytes that lie before the first segment in the file before it in memory too. */
static int locate_in_memory(struct elfsym *elf)
{
        GElf_Phdr first;
        size_t i = 0;

        if (!elfsym_next_segment(elf, PT_LOAD, &i, &first))
                return ELFSYM_E_NOT_ELF;
        elf->first_value = first.p_vaddr - first.p_offset;
        elf->bias = elfsym_load_bias(elf, elf->base);
        return 0;
}

static int open_source(struct elfsym source, struct elfsym **ret)
{
        struct elfsym *elf = malloc(sizeof(*elf));
        int r;

        if (!elf) {
                free(source.file);
                return -ENOMEM;
        }
        *elf = source;
        r = load_headers(elf);
        if (r == 0)
                r = locate_in_memory(elf);
        if (r == 0)
                r = elfsym_load_dynamic(elf);
        if (r == 0)
                *ret = elf;
        else
                elfsym_close(elf);
        return r == ELFSYM_E_RANGE ? ELFSYM_E_NOT_ELF : r;
}

int elfsym_open_fd(int fd, struct elfsym **ret)
{
        return open_source((struct elfsym){ .fd = fd }, ret);
}

int elfsym_open_bytes(char *bytes, size_t len, struct elfsym **ret)
{
        return open_source((struct elfsym){ .fd = -1, .file = bytes, .file_len = len }, ret);
}

int elfsym_open_image(elfsym_read_fn read, void *ctx, uint64_t base, struct elfsym **ret)
{
        return open_source((struct elfsym){ .fd = -1, .read = read, .ctx = ctx, .base = base }, ret);
}

void elfsym_close(struct elfsym *elf)
{
        if (!elf)
                return;
        elf_end(elf->elf);
        free(elf->file);
        free(elf->headers);
        free(elf->dynamic);
        free(elf->dynsym.symbols);
        free(elf->dynsym.names);
        free(elf->symtab.symbols);
        free(elf->symtab.names);
        free(elf);
}

uint64_t elfsym_load_bias(const struct elfsym *elf, uint64_t map_start)
{
        return elf->ehdr.e_type == ET_EXEC ? 0 : map_start - elf->first_value;
}
