/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Symbols by the table of PT_DYNAMIC, which the dynamic linker uses. The table is present without section headers, and
 * in memory. A symbol is found as the dynamic linker finds it, through the hash table, by some ten reads of a few
 * bytes.
 *
 * In memory glibc's dynamic linker has replaced the table's values by addresses (on most machines). musl's dynamic
 * linker has not, and the values in the vDSO are never replaced.
 */
#include "internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DYNAMIC_MAX 1024  /* entries: files have some 30, and one for each needed library */
#define CHAIN_MAX 64      /* symbols in one bucket; all libraries of a Debian have at most 12 */
#define BUCKETS_MAX 65536 /* of which all are visited to count symbols */
#define HASHES_MAX 8      /* how many hashes of a chain are read at a time */

/* ---- the table ----------------------------------------------------------- */

static void cut_at_null(struct elfsym *elf)
{
        size_t n = 0;

        while (n < elf->dynamic_n && elf->dynamic[n].d_tag != DT_NULL)
                n++;
        elf->dynamic_n = n;
}

int elfsym_load_dynamic(struct elfsym *elf)
{
        GElf_Phdr phdr;
        size_t i = 0;

        if (!elfsym_next_segment(elf, PT_DYNAMIC, &i, &phdr))
                return 0;

        size_t n = phdr.p_filesz / sizeof(*elf->dynamic);

        n = n > DYNAMIC_MAX ? DYNAMIC_MAX : n;
        if (n == 0)
                return 0;
        elf->dynamic = malloc(n * sizeof(*elf->dynamic));
        if (!elf->dynamic)
                return -ENOMEM;

        int r = elfsym_read(elf, phdr.p_vaddr, elf->dynamic, n * sizeof(*elf->dynamic));

        elf->dynamic_n = r == 0 ? n : 0;
        cut_at_null(elf);
        return r < 0 ? r : 0;
}

static bool get_tag(const struct elfsym *elf, int64_t tag, uint64_t *ret)
{
        for (size_t i = 0; i < elf->dynamic_n; i++) {
                if (elf->dynamic[i].d_tag != tag)
                        continue;
                *ret = elf->dynamic[i].d_un.d_val;
                return true;
        }
        return false;
}

static bool is_value(const struct elfsym *elf, uint64_t value)
{
        GElf_Phdr phdr;
        size_t i = 0;

        while (elfsym_next_segment(elf, PT_LOAD, &i, &phdr))
                if (value >= phdr.p_vaddr && value - phdr.p_vaddr < phdr.p_filesz)
                        return true;
        return false;
}

/* Like get_tag(), for tags that point somewhere. @ret is always a value of the file. */
static bool get_pointer(const struct elfsym *elf, int64_t tag, uint64_t *ret)
{
        uint64_t value;

        if (!get_tag(elf, tag, &value))
                return false;
        *ret = is_value(elf, value) ? value : value - elf->bias;
        return true;
}

/* ---- names --------------------------------------------------------------- */

struct names {
        uint64_t at;
        uint64_t size;
};

static bool locate_names(const struct elfsym *elf, struct names *ret)
{
        return get_pointer(elf, DT_STRTAB, &ret->at) && get_tag(elf, DT_STRSZ, &ret->size);
}

/* 0 if the string at @offset is @name, ELFSYM_E_NOT_FOUND if it is another string. */
static int match_name(struct elfsym *elf, struct names names, uint64_t offset, const char *name)
{
        size_t left = strlen(name) + 1;

        if (offset >= names.size || left > names.size - offset)
                return ELFSYM_E_NOT_FOUND;
        while (left > 0) {
                char buf[64];
                size_t n = left < sizeof(buf) ? left : sizeof(buf);
                int r = elfsym_read(elf, names.at + offset, buf, n);

                if (r != 0)
                        return r;
                if (memcmp(buf, name, n) != 0)
                        return ELFSYM_E_NOT_FOUND;
                name += n;
                offset += n;
                left -= n;
        }
        return 0;
}

/* ---- hash tables --------------------------------------------------------- */

/* A lookup under way. */
struct lookup {
        struct elfsym *elf;
        const char *name;
        struct names names;
        uint64_t symbols;
        uint64_t hash_table;
};

bool elfsym_is_defined(const ElfW(Sym) * symbol)
{
        unsigned type = GELF_ST_TYPE(symbol->st_info);

        return symbol->st_shndx != SHN_UNDEF && type != STT_TLS && type != STT_SECTION && type != STT_FILE;
}

/* Reads symbol number @i. 0 if it is the one that is looked up, ELFSYM_E_NOT_FOUND if it is another symbol. */
static int read_if_symbol(const struct lookup *l, uint32_t i, struct elfsym_symbol *ret)
{
        ElfW(Sym) symbol;
        int r = elfsym_read(l->elf, l->symbols + (uint64_t)i * sizeof(symbol), &symbol, sizeof(symbol));

        if (r != 0)
                return r;
        if (!elfsym_is_defined(&symbol))
                return ELFSYM_E_NOT_FOUND;
        r = match_name(l->elf, l->names, symbol.st_name, l->name);
        if (r == 0)
                *ret = (struct elfsym_symbol){ .value = symbol.st_value, .size = symbol.st_size };
        return r;
}

static int read_u32(const struct lookup *l, uint64_t at, uint32_t *ret)
{
        return elfsym_read(l->elf, at, ret, sizeof(*ret));
}

/*
 * The Bloom filter has two bits of one word set for every name in the table. ELFSYM_E_NOT_FOUND if one of them is
 * clear.
 */
static int check_bloom(const struct lookup *l, uint64_t at, uint32_t hash, uint32_t shift)
{
        const unsigned bits = sizeof(ElfW(Addr)) * 8;
        ElfW(Addr) word;
        int r = elfsym_read(l->elf, at, &word, sizeof(word));

        if (r != 0)
                return r;
        return (word >> (hash % bits)) & (word >> ((hash >> (shift % 32)) % bits)) & 1 ? 0 : ELFSYM_E_NOT_FOUND;
}

/*
 * Reads hashes of a chain from @at on. It reads fewer where the segment or its memory ends. Most chains end within
 * HASHES_MAX.
 */
static int read_hashes(const struct lookup *l, uint64_t at, uint32_t hashes[static HASHES_MAX], unsigned *ret_n)
{
        int r = ELFSYM_E_RANGE;

        for (unsigned n = HASHES_MAX; r != 0 && n > 0; n /= 2) {
                r = elfsym_read(l->elf, at, hashes, n * sizeof(*hashes));
                *ret_n = n;
        }
        return r;
}

/* Walks the chain that begins with symbol @i. The lowest bit of a hash marks the last symbol of its bucket. */
static int walk_gnu_chain(const struct lookup *l, uint64_t at, uint32_t i, uint32_t hash, struct elfsym_symbol *ret)
{
        uint32_t hashes[HASHES_MAX];
        unsigned n = 0;

        for (unsigned steps = 0; steps < CHAIN_MAX; steps += n) {
                int r = read_hashes(l, at + steps * sizeof(*hashes), hashes, &n);

                if (r != 0)
                        return r;
                for (unsigned k = 0; k < n; k++) {
                        if ((hashes[k] | 1) == (hash | 1)) {
                                r = read_if_symbol(l, i + steps + k, ret);
                                if (r != ELFSYM_E_NOT_FOUND)
                                        return r;
                        }
                        if (hashes[k] & 1)
                                return ELFSYM_E_NOT_FOUND;
                }
        }
        return ELFSYM_E_NOT_FOUND;
}

static int look_up_in_gnu_hash(const struct lookup *l, struct elfsym_symbol *ret)
{
        struct {
                uint32_t buckets;
                uint32_t first; /* symbols before this one are not in the table */
                uint32_t bloom_words;
                uint32_t bloom_shift;
        } head;
        uint32_t hash = (uint32_t)elf_gnu_hash(l->name);
        uint32_t i;
        int r = elfsym_read(l->elf, l->hash_table, &head, sizeof(head));

        if (r != 0)
                return r;
        if (head.buckets == 0 || head.bloom_words == 0)
                return ELFSYM_E_NOT_FOUND;

        const unsigned word = sizeof(ElfW(Addr));
        uint64_t bloom = l->hash_table + sizeof(head);
        uint64_t buckets = bloom + (uint64_t)head.bloom_words * word;
        uint64_t chains = buckets + (uint64_t)head.buckets * sizeof(uint32_t);

        r = check_bloom(l, bloom + (uint64_t)(hash / (word * 8) % head.bloom_words) * word, hash, head.bloom_shift);
        if (r == 0)
                r = read_u32(l, buckets + (uint64_t)(hash % head.buckets) * sizeof(uint32_t), &i);
        if (r != 0)
                return r;
        if (i < head.first) /* 0: an empty bucket */
                return ELFSYM_E_NOT_FOUND;
        return walk_gnu_chain(l, chains + (uint64_t)(i - head.first) * sizeof(uint32_t), i, hash, ret);
}

static int look_up_in_sysv_hash(const struct lookup *l, struct elfsym_symbol *ret)
{
        struct {
                uint32_t buckets;
                uint32_t chains;
        } head;
        uint32_t i;
        int r = elfsym_read(l->elf, l->hash_table, &head, sizeof(head));

        if (r != 0)
                return r;
        if (head.buckets == 0)
                return ELFSYM_E_NOT_FOUND;

        uint64_t buckets = l->hash_table + sizeof(head);
        uint64_t chains = buckets + (uint64_t)head.buckets * sizeof(uint32_t);

        r = read_u32(l, buckets + elf_hash(l->name) % head.buckets * sizeof(uint32_t), &i);
        for (unsigned steps = 0; r == 0 && i != STN_UNDEF && i < head.chains && steps < CHAIN_MAX; steps++) {
                r = read_if_symbol(l, i, ret);
                if (r != ELFSYM_E_NOT_FOUND)
                        return r;
                r = read_u32(l, chains + (uint64_t)i * sizeof(uint32_t), &i);
        }
        return r == 0 ? ELFSYM_E_NOT_FOUND : r;
}

int elfsym_dynamic_symbol(struct elfsym *elf, const char *name, struct elfsym_symbol *ret, bool *ret_hashed)
{
        struct lookup l = { .elf = elf, .name = name };
        bool gnu = get_pointer(elf, DT_GNU_HASH, &l.hash_table);

        *ret_hashed = gnu || get_pointer(elf, DT_HASH, &l.hash_table);
        if (!*ret_hashed || !get_pointer(elf, DT_SYMTAB, &l.symbols) || !locate_names(elf, &l.names))
                return ELFSYM_E_NOT_FOUND;
        return gnu ? look_up_in_gnu_hash(&l, ret) : look_up_in_sysv_hash(&l, ret);
}

/* ---- all symbols ----------------------------------------------------------- */

/* No hash table says how many symbols there are. The last one is at the end of a chain that begins last. */
static int count_by_gnu_hash(struct elfsym *elf, uint64_t table, uint64_t *ret)
{
        struct {
                uint32_t buckets, first, bloom_words, bloom_shift;
        } head;
        uint32_t last = 0, hash = 0;
        int r = elfsym_read(elf, table, &head, sizeof(head));
        uint64_t buckets = table + sizeof(head) + (uint64_t)head.bloom_words * sizeof(ElfW(Addr));

        if (r != 0 || head.buckets > BUCKETS_MAX)
                return r != 0 ? r : ELFSYM_E_NOT_FOUND;
        for (uint32_t i = 0; r == 0 && i < head.buckets; i++) {
                uint32_t first;

                r = elfsym_read(elf, buckets + i * sizeof(first), &first, sizeof(first));
                last = r == 0 && first > last ? first : last;
        }
        if (r != 0 || last < head.first)
                return r != 0 ? r : ELFSYM_E_NOT_FOUND;
        for (unsigned steps = 0; r == 0 && !(hash & 1) && steps < CHAIN_MAX; steps++)
                r = elfsym_read(elf,
                                buckets + (uint64_t)head.buckets * sizeof(hash) +
                                        (uint64_t)(last++ - head.first) * sizeof(hash),
                                &hash, sizeof(hash));
        *ret = last;
        return r;
}

static int count_by_sysv_hash(struct elfsym *elf, uint64_t table, uint64_t *ret)
{
        uint32_t head[2];
        int r = elfsym_read(elf, table, head, sizeof(head));

        if (r == 0)
                *ret = head[1];
        return r;
}

int elfsym_dynamic_symbols(struct elfsym *elf, uint64_t *ret_symbols, uint64_t *ret_n, uint64_t *ret_names,
                           uint64_t *ret_names_size)
{
        struct names names;
        uint64_t table;
        int r = ELFSYM_E_NOT_FOUND;

        if (!get_pointer(elf, DT_SYMTAB, ret_symbols) || !locate_names(elf, &names))
                return ELFSYM_E_NOT_FOUND;
        *ret_names = names.at;
        *ret_names_size = names.size;
        if (get_pointer(elf, DT_HASH, &table))
                r = count_by_sysv_hash(elf, table, ret_n);
        if (r > 0 && get_pointer(elf, DT_GNU_HASH, &table))
                r = count_by_gnu_hash(elf, table, ret_n);
        return r;
}
