/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything is appended to one buffer, and offsets are noted on the way; the
 * headers come first in the file and are filled in at the end.
 */
#include "tests/unit/support/elfwriter.h"

#include <elf.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>

#define SEGMENTS 3
#define BUCKETS 2
#define MAX 4096 /* symbols of a table */

extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));

struct out {
        char *bytes;
        size_t len;
};

/* Where a symbol table and its strings came to lie. */
struct table {
        size_t symbols, n;
        size_t names, names_size;
};

static size_t append(struct out *out, const void *data, size_t len)
{
        size_t at = (out->len + 7) & ~(size_t)7;

        out->bytes = realloc(out->bytes, at + len + 8);
        memset(out->bytes + out->len, 0, at + len + 8 - out->len);
        if (len > 0 && data)
                memcpy(out->bytes + at, data, len);
        out->len = at + len;
        return at;
}

static uint32_t gnu_hash(const char *name)
{
        uint32_t hash = 5381;

        while (*name)
                hash = hash * 33 + (unsigned char)*name++;
        return hash;
}

static uint32_t sysv_hash(const char *name)
{
        uint32_t hash = 0;

        while (*name) {
                hash = (hash << 4) + (unsigned char)*name++;
                hash = (hash ^ (hash >> 24 & 0xf0)) & 0x0fffffff;
        }
        return hash;
}

/* ---- symbols ------------------------------------------------------------- */

/* Undefined ones first, then by GNU hash bucket, as a GNU hash table wants them. */
static int by_bucket(const void *a, const void *b)
{
        const struct elfwriter_symbol *x = a;
        const struct elfwriter_symbol *y = b;

        if (x->undefined != y->undefined)
                return x->undefined ? -1 : 1;
        return (int)(gnu_hash(x->name) % BUCKETS) - (int)(gnu_hash(y->name) % BUCKETS);
}

static size_t sort(const struct elfwriter_symbol *symbols, struct elfwriter_symbol *sorted)
{
        size_t n = 0;

        for (; symbols && symbols[n].name && n < MAX; n++)
                sorted[n] = symbols[n];
        qsort(sorted, n, sizeof(*sorted), by_bucket);
        return n;
}

/* Strings are one after the other, the first of them empty. */
static uint32_t add_name(struct out *names, const char *name)
{
        size_t len = strlen(name) + 1;
        size_t at = names->len;

        names->bytes = realloc(names->bytes, at + len);
        memcpy(names->bytes + at, name, len);
        names->len += len;
        return (uint32_t)at;
}

static void add_symbols(struct out *out, struct out *names, const struct elfwriter_symbol *sorted, size_t n,
                        struct table *ret)
{
        ElfW(Sym) *symbols = calloc(n + 1, sizeof(*symbols));

        for (size_t i = 0; i < n; i++) {
                symbols[i + 1] = (ElfW(Sym)){
                        .st_name = add_name(names, sorted[i].name),
                        .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_OBJECT),
                        .st_shndx = sorted[i].undefined ? SHN_UNDEF : 1,
                        .st_value = sorted[i].value,
                        .st_size = sorted[i].size,
                };
        }
        ret->n = n + 1;
        ret->symbols = append(out, symbols, ret->n * sizeof(*symbols));
        ret->names_size = names->len;
        ret->names = append(out, names->bytes, names->len);
        free(symbols);
}

/* ---- hash tables --------------------------------------------------------- */

static size_t add_gnu_hash(struct out *out, const struct elfwriter_symbol *sorted, size_t n)
{
        const unsigned bits = sizeof(ElfW(Addr)) * 8;
        uint32_t head[4] = { BUCKETS, 1, 1, 6 };
        uint32_t buckets[BUCKETS] = { 0 };
        uint32_t *chains = calloc(n + 1, sizeof(*chains));
        ElfW(Addr) bloom = 0;

        while (head[1] <= n && sorted[head[1] - 1].undefined)
                head[1]++;
        for (uint32_t i = head[1]; i <= n; i++) {
                uint32_t hash = gnu_hash(sorted[i - 1].name);
                bool last = i == n || gnu_hash(sorted[i].name) % BUCKETS != hash % BUCKETS;

                bloom |= (ElfW(Addr))1 << hash % bits | (ElfW(Addr))1 << (hash >> head[3]) % bits;
                if (buckets[hash % BUCKETS] == 0)
                        buckets[hash % BUCKETS] = i;
                chains[i - head[1]] = (hash & ~1u) | last;
        }

        size_t at = append(out, head, sizeof(head));

        append(out, &bloom, sizeof(bloom));
        append(out, buckets, sizeof(buckets));
        append(out, chains, (n + 1) * sizeof(*chains));
        free(chains);
        return at;
}

static size_t add_sysv_hash(struct out *out, const struct elfwriter_symbol *sorted, size_t n)
{
        uint32_t *words = calloc(2 + BUCKETS + n + 1, sizeof(*words));
        uint32_t *buckets = words + 2;
        uint32_t *chains = buckets + BUCKETS;

        words[0] = BUCKETS;
        words[1] = (uint32_t)n + 1;
        for (uint32_t i = 1; i <= n; i++) {
                uint32_t *bucket = &buckets[sysv_hash(sorted[i - 1].name) % BUCKETS];

                chains[i] = *bucket;
                *bucket = i;
        }

        size_t at = append(out, words, (2 + BUCKETS + n + 1) * sizeof(*words));

        free(words);
        return at;
}

/* ---- segments ------------------------------------------------------------ */

static void add_dynamic(struct out *out, const struct elfwriter *spec, const struct table *table,
                        const uint32_t *needed, struct elfwriter_file *ret)
{
        ElfW(Dyn) dynamic[16] = { { 0 } };
        size_t n = 0;

        for (size_t i = 0; spec->needed[i]; i++)
                dynamic[n++] = (ElfW(Dyn)){ DT_NEEDED, { needed[i] } };
        dynamic[n++] = (ElfW(Dyn)){ DT_STRTAB, { spec->base + table->names } };
        dynamic[n++] = (ElfW(Dyn)){ DT_STRSZ, { table->names_size } };
        dynamic[n++] = (ElfW(Dyn)){ DT_SYMTAB, { spec->base + table->symbols } };
        if (spec->hash == ELFWRITER_GNU_HASH)
                dynamic[n++] = (ElfW(Dyn)){ DT_GNU_HASH, { spec->base + ret->hash_offset } };
        if (spec->hash == ELFWRITER_SYSV_HASH)
                dynamic[n++] = (ElfW(Dyn)){ DT_HASH, { spec->base + ret->hash_offset } };
        ret->dynamic_n = ++n;
        ret->dynamic_offset = append(out, dynamic, n * sizeof(*dynamic));
}

/* ---- sections ------------------------------------------------------------ */

enum { DYNSYM = 1, DYNSTR, SYMTAB, STRTAB, DATA, SHSTRTAB, SECTIONS };

static size_t add_sections(struct out *out, const struct table *dynsym, const struct table *symtab,
                           const struct elfwriter_file *file, const char *data)
{
        static const char names[] = "\0.dynsym\0.dynstr\0.symtab\0.strtab\0.data\0.shstrtab";
        const ElfW(Word) entry = sizeof(ElfW(Sym));
        size_t names_at = append(out, names, sizeof(names));
        ElfW(Shdr) headers[SECTIONS] = {
                [DYNSYM] = { .sh_name = 1,
                             .sh_type = SHT_DYNSYM,
                             .sh_offset = dynsym->symbols,
                             .sh_size = dynsym->n * entry,
                             .sh_link = DYNSTR,
                             .sh_entsize = entry },
                [DYNSTR] = { .sh_name = 9,
                             .sh_type = SHT_STRTAB,
                             .sh_offset = dynsym->names,
                             .sh_size = dynsym->names_size },
                [SYMTAB] = { .sh_name = 17,
                             .sh_type = SHT_SYMTAB,
                             .sh_offset = symtab->symbols,
                             .sh_size = symtab->n * entry,
                             .sh_link = STRTAB,
                             .sh_entsize = entry },
                [STRTAB] = { .sh_name = 25,
                             .sh_type = SHT_STRTAB,
                             .sh_offset = symtab->names,
                             .sh_size = symtab->names_size },
                [DATA] = { .sh_name = 33,
                           .sh_type = SHT_PROGBITS,
                           .sh_addr = file->data_value,
                           .sh_offset = (size_t)(file->data_value - file->data_moved),
                           .sh_size = strlen(data) + 1 },
                [SHSTRTAB] = { .sh_name = 39, .sh_type = SHT_STRTAB, .sh_offset = names_at, .sh_size = sizeof(names) },
        };

        return append(out, headers, sizeof(headers));
}

/* ---- the whole ----------------------------------------------------------- */

static void fill_headers(char *bytes, const struct elfwriter *spec, const struct elfwriter_file *file, size_t sections)
{
        size_t text_len = file->data_offset;
        size_t data_len = file->loaded_len - file->data_offset;
        ElfW(Ehdr) ehdr = __ehdr_start;
        ElfW(Phdr) phdrs[SEGMENTS] = {
                { .p_type = PT_LOAD, .p_offset = 0, .p_vaddr = spec->base, .p_filesz = text_len, .p_memsz = text_len },
                { .p_type = PT_LOAD,
                  .p_offset = file->data_offset,
                  .p_vaddr = file->data_moved + file->data_offset,
                  .p_filesz = data_len,
                  .p_memsz = data_len + 64 },
                { .p_type = PT_DYNAMIC,
                  .p_offset = file->dynamic_offset,
                  .p_vaddr = file->data_moved + file->dynamic_offset,
                  .p_filesz = file->dynamic_n * sizeof(ElfW(Dyn)),
                  .p_memsz = file->dynamic_n * sizeof(ElfW(Dyn)) },
        };

        ehdr.e_type = spec->type;
        ehdr.e_phoff = sizeof(ehdr);
        ehdr.e_phnum = SEGMENTS;
        ehdr.e_shoff = sections;
        ehdr.e_shnum = sections ? SECTIONS : 0;
        ehdr.e_shstrndx = sections ? SHSTRTAB : 0;
        ehdr.e_shentsize = sizeof(ElfW(Shdr));
        memcpy(bytes, &ehdr, sizeof(ehdr));
        memcpy(bytes + sizeof(ehdr), phdrs, sizeof(phdrs));
}

static void write_segments(struct out *out, const struct elfwriter *spec, struct table *dynsym,
                           struct elfwriter_file *ret)
{
        struct elfwriter_symbol sorted[MAX];
        size_t n = sort(spec->dynsym, sorted);
        struct out names = { 0 };
        uint32_t needed[4] = { 0 };

        add_name(&names, "");
        for (size_t i = 0; spec->needed[i]; i++)
                needed[i] = add_name(&names, spec->needed[i]);
        add_symbols(out, &names, sorted, n, dynsym);
        ret->hash_offset = spec->hash == ELFWRITER_SYSV_HASH ? add_sysv_hash(out, sorted, n)
                                                             : add_gnu_hash(out, sorted, n);
        free(names.bytes);

        ret->data_offset = append(out, NULL, 0);
        ret->data_moved = spec->base + ELFWRITER_GAP;
        add_dynamic(out, spec, dynsym, needed, ret);
        ret->data_value = ret->data_moved + append(out, spec->data, strlen(spec->data) + 1);
        ret->loaded_len = out->len;
        ret->values_end = ret->data_moved + out->len + 64;
}

void elfwriter_write(const struct elfwriter *spec, struct elfwriter_file *ret)
{
        struct out out = { 0 };
        struct elfwriter_file file = { .headers_len = sizeof(ElfW(Ehdr)) + SEGMENTS * sizeof(ElfW(Phdr)) };
        struct table dynsym;
        size_t sections = 0;

        append(&out, NULL, file.headers_len);
        write_segments(&out, spec, &dynsym, &file);
        if (spec->sections) {
                struct elfwriter_symbol sorted[MAX];
                struct out names = { 0 };
                struct table symtab;

                add_name(&names, "");
                add_symbols(&out, &names, sorted, sort(spec->symtab, sorted), &symtab);
                free(names.bytes);
                sections = add_sections(&out, &dynsym, &symtab, &file, spec->data);
        }
        fill_headers(out.bytes, spec, &file, sections);
        file.bytes = out.bytes;
        file.len = out.len;
        *ret = file;
}

static bool is_pointer(int64_t tag)
{
        return tag == DT_STRTAB || tag == DT_SYMTAB || tag == DT_HASH || tag == DT_GNU_HASH;
}

char *elfwriter_load(const struct elfwriter_file *file, uint64_t bias, bool relocated, size_t *ret_len)
{
        uint64_t base = file->data_moved - ELFWRITER_GAP;
        size_t len = (size_t)(file->values_end - base);
        char *memory = calloc(1, len);
        size_t data = file->data_offset + ELFWRITER_GAP;

        memcpy(memory, file->bytes, file->data_offset);
        memcpy(memory + data, file->bytes + file->data_offset, file->loaded_len - file->data_offset);
        for (size_t i = 0; relocated && i < file->dynamic_n; i++) {
                char *at = memory + file->dynamic_offset + ELFWRITER_GAP + i * sizeof(ElfW(Dyn));
                ElfW(Dyn) entry;

                memcpy(&entry, at, sizeof(entry));
                if (is_pointer(entry.d_tag))
                        entry.d_un.d_ptr += bias;
                memcpy(at, &entry, sizeof(entry));
        }
        *ret_len = len;
        return memory;
}
