/* SPDX-License-Identifier: Apache-2.0 */
#include "scan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A library of rustc, a file of 150 MB, has 165 000 symbols; many names of C++ and Rust have 100 bytes. */
#define SYMBOLS_MAX ((uint64_t)2 << 20)
#define NAMES_MAX ((uint64_t)128 << 20)

/* How much is read at a time. For each piece of names all symbols are visited. */
#define NAMES_PIECE ((size_t)8 << 20)
#define SYMBOLS_PIECE 2048
#define NAMES_ROOM (NAMES_PIECE + ELFSYM_FUNCTION_NAME_SIZE) /* the last name may extend beyond the piece */

/* What is read at a time. */
struct pieces {
        ElfW(Sym) symbols[SYMBOLS_PIECE];
        uint64_t names_from;
        size_t names_len;
        char names[];
};

/* ---- where they are ----------------------------------------------------------- */

static int locate_section(struct elfsym *elf, uint32_t type, struct scan_source *ret)
{
        GElf_Shdr header, strings;
        int r = elfsym_section_of_type(elf, type, &header, &strings);

        if (r != 0)
                return r;
        *ret = (struct scan_source){
                .elf = elf,
                .symbols = header.sh_offset,
                .symbols_n = header.sh_size / sizeof(ElfW(Sym)),
                .names = strings.sh_offset,
                .names_size = strings.sh_size,
        };
        return 0;
}

static int locate_exported(struct elfsym *elf, struct scan_source *ret)
{
        if (locate_section(elf, SHT_DYNSYM, ret) == 0)
                return 0;
        *ret = (struct scan_source){ .elf = elf, .by_value = true };
        return elfsym_dynamic_symbols(elf, &ret->symbols, &ret->symbols_n, &ret->names, &ret->names_size);
}

int elfsym_locate_tables(struct elfsym *elf, enum elfsym_source source, struct elfsym **ret_debugdata,
                         struct scan_source sources[static SCAN_SOURCES_MAX], size_t *ret_n)
{
        size_t n = 0;
        int r = 0;

        if (source == ELFSYM_SYMTAB) {
                r = locate_section(elf, SHT_SYMTAB, &sources[0]);
                sources[0].sizeless = true;
                n += r == 0;
        } else {
                n += locate_exported(elf, &sources[n]) == 0;
                r = elfsym_open_debugdata(elf, ret_debugdata);
                if (r == 0)
                        n += locate_section(*ret_debugdata, SHT_SYMTAB, &sources[n]) == 0;
        }
        *ret_n = n;
        return r < 0 ? r : n > 0 ? 0 : ELFSYM_E_NOT_FOUND;
}

/* ---- reading them -------------------------------------------------------------- */

static int read_piece(const struct scan_source *source, uint64_t at, void *buf, size_t len)
{
        return source->by_value ? elfsym_read(source->elf, at, buf, len) : elfsym_read_at(source->elf, at, buf, len);
}

static bool is_code(const struct elfsym *elf, size_t section)
{
        GElf_Shdr header;

        return elfsym_get_header(elf, section, &header) && header.sh_flags & SHF_EXECINSTR;
}

/* Names of AArch64's "mapping symbols", which mark data within code, begin with a dollar; they are local. */
static bool is_function(const struct scan_source *source, const ElfW(Sym) * symbol)
{
        if (symbol->st_shndx == SHN_UNDEF || symbol->st_shndx == SHN_ABS || symbol->st_shndx == SHN_COMMON ||
            (symbol->st_size == 0 && !source->sizeless))
                return false;
        switch (GELF_ST_TYPE(symbol->st_info)) {
        case STT_FUNC:
        case STT_GNU_IFUNC:
                return true;
        case STT_NOTYPE:
                return (symbol->st_size > 0 || GELF_ST_BIND(symbol->st_info) != STB_LOCAL) &&
                       is_code(source->elf, symbol->st_shndx);
        default:
                return false;
        }
}

/* The length of a name without its version, as in "clone@@GLIBC_2.2.5". */
static size_t length_of_name(const char *name, size_t room)
{
        size_t len = strnlen(name, room);
        const char *version = len > 1 ? memchr(name + 1, '@', len - 1) : NULL;

        return version ? (size_t)(version - name) : len;
}

static void visit_symbol(const struct scan_source *source, const struct pieces *pieces, const ElfW(Sym) * symbol,
                         scan_each_fn each, void *ctx)
{
        uint64_t at = symbol->st_name - pieces->names_from;
        size_t len, room;

        if (symbol->st_name < pieces->names_from || at >= pieces->names_len || at >= NAMES_PIECE ||
            !is_function(source, symbol))
                return;
        room = pieces->names_len - (size_t)at;
        room = room < ELFSYM_FUNCTION_NAME_SIZE ? room : ELFSYM_FUNCTION_NAME_SIZE - 1;
        len = length_of_name(pieces->names + at, room);
        if (len > 0)
                each(ctx, symbol, pieces->names + at, len);
}

/* Visits all symbols whose names are in the piece of names at hand. */
static int visit_symbols(const struct scan_source *source, struct pieces *pieces, scan_each_fn each, void *ctx)
{
        for (uint64_t i = 0; i < source->symbols_n; i += SYMBOLS_PIECE) {
                uint64_t left = source->symbols_n - i;
                size_t n = left < SYMBOLS_PIECE ? (size_t)left : SYMBOLS_PIECE;
                int r = read_piece(source, source->symbols + i * sizeof(ElfW(Sym)), pieces->symbols,
                                   n * sizeof(ElfW(Sym)));

                if (r != 0)
                        return r;
                for (size_t k = 0; k < n; k++)
                        visit_symbol(source, pieces, &pieces->symbols[k], each, ctx);
        }
        return 0;
}

static void bound_source(struct scan_source *source)
{
        if (source->symbols_n > SYMBOLS_MAX || source->names_size > NAMES_MAX)
                source->cut = true;
        if (source->symbols_n > SYMBOLS_MAX)
                source->symbols_n = SYMBOLS_MAX;
        if (source->names_size > NAMES_MAX)
                source->names_size = NAMES_MAX;
}

int elfsym_scan(struct scan_source *source, scan_each_fn each, void *ctx)
{
        struct pieces *pieces;
        size_t room;
        int r = 0;

        bound_source(source);
        room = source->names_size < NAMES_ROOM ? (size_t)source->names_size : NAMES_ROOM;
        pieces = malloc(sizeof(*pieces) + room);
        if (!pieces)
                return -ENOMEM;
        for (uint64_t from = 0; r == 0 && from < source->names_size; from += NAMES_PIECE) {
                uint64_t left = source->names_size - from;

                pieces->names_from = from;
                pieces->names_len = left < room ? (size_t)left : room;
                r = read_piece(source, source->names + from, pieces->names, pieces->names_len);
                if (r == 0)
                        r = visit_symbols(source, pieces, each, ctx);
        }
        free(pieces);
        return r;
}
