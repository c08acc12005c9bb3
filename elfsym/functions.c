/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables of functions. A table has an array of entries, sorted by address, and a pool of names. It is made in two
 * passes over the file's symbols: the first one measures what functions of each size would take, the second one takes
 * those that fit. So no more than the table itself is allocated, however many symbols there are.
 */
#include "internal.h"
#include "scan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SIZE_MAX_OF_FUNCTION ((1u << 30) - 1)
#define CLASSES 32      /* of sizes: 0, then one for each power of two */
#define OVERLAPS_MAX 32 /* functions that start before an address and end before it too, until one has it */

/* How much a name is worth, of several at one address. */
enum weight {
        WEIGHT_LOCAL,
        WEIGHT_WEAK,
        WEIGHT_GLOBAL,
};

struct entry {
        uint64_t start;
        uint32_t size : 30;
        uint32_t weight : 2;
        uint32_t name; /* where in the pool */
};

struct elfsym_functions {
        struct entry *entries;
        size_t n;
        char *pool;
        size_t pool_len;
        bool cut;
};

/* A table that is being made. */
struct making {
        struct elfsym_functions *table;
        enum elfsym_source source;
        struct {
                size_t n, names_len;
        } classes[CLASSES];
        unsigned least; /* the class of the smallest functions that fit */
        size_t entries_max, pool_max;
};

/* ---- taking symbols --------------------------------------------------------- */

static unsigned class_of_size(uint64_t size)
{
        unsigned class = size == 0 ? 0 : 64 - (unsigned)__builtin_clzll(size);

        return class < CLASSES ? class : CLASSES - 1;
}

static void measure_function(void *ctx, const ElfW(Sym) * symbol, const char *name, size_t len)
{
        struct making *making = ctx;
        unsigned class = class_of_size(symbol->st_size);

        (void)name;
        making->classes[class].n++;
        making->classes[class].names_len += len + 1;
}

static enum weight weight_of(const ElfW(Sym) * symbol)
{
        switch (GELF_ST_BIND(symbol->st_info)) {
        case STB_LOCAL:
                return WEIGHT_LOCAL;
        case STB_WEAK:
                return WEIGHT_WEAK;
        default:
                return WEIGHT_GLOBAL;
        }
}

/* The file may have changed since it was measured. */
static void take_function(void *ctx, const ElfW(Sym) * symbol, const char *name, size_t len)
{
        struct making *making = ctx;
        struct elfsym_functions *table = making->table;

        if (class_of_size(symbol->st_size) < making->least)
                return;
        if (table->n == making->entries_max || making->pool_max - table->pool_len <= len) {
                table->cut = true;
                return;
        }
        table->entries[table->n++] = (struct entry){
                .start = symbol->st_value,
                .size = symbol->st_size < SIZE_MAX_OF_FUNCTION ? (uint32_t)symbol->st_size : SIZE_MAX_OF_FUNCTION,
                .weight = weight_of(symbol),
                .name = (uint32_t)table->pool_len,
        };
        memcpy(table->pool + table->pool_len, name, len);
        table->pool_len += len;
        table->pool[table->pool_len++] = '\0';
}

/* Finds the smallest functions that fit, and allocates what those from there on take. */
static int allocate_table(struct making *making, size_t bytes_max)
{
        struct elfsym_functions *table = making->table;
        size_t left = bytes_max < UINT32_MAX ? bytes_max : UINT32_MAX;
        unsigned class = CLASSES;

        left -= left < sizeof(*table) ? left : sizeof(*table);
        for (; class > 0; class --) {
                size_t n = making->classes[class - 1].n, len = making->classes[class - 1].names_len;

                if (n * sizeof(struct entry) + len > left)
                        break;
                left -= n * sizeof(struct entry) + len;
                making->entries_max += n;
                making->pool_max += len;
        }
        making->least = class;
        table->cut |= class > 0;
        if (making->entries_max == 0)
                return ELFSYM_E_NOT_FOUND;
        table->entries = malloc(making->entries_max * sizeof(struct entry));
        table->pool = malloc(making->pool_max);
        return table->entries && table->pool ? 0 : -ENOMEM;
}

/* ---- one name an address ------------------------------------------------------ */

static size_t underscores_of(const char *name)
{
        return strspn(name, "_");
}

/* Orders by address. Of those at one address the best comes first. */
static int order_entries(const void *a, const void *b, void *ctx)
{
        const struct entry *x = a, *y = b;
        const char *pool = ctx, *name_x = pool + x->name, *name_y = pool + y->name;

        if (x->start != y->start)
                return x->start < y->start ? -1 : 1;
        if ((x->size == 0) != (y->size == 0))
                return x->size == 0 ? 1 : -1;
        if (x->weight != y->weight)
                return x->weight > y->weight ? -1 : 1;

        size_t lead_x = underscores_of(name_x), lead_y = underscores_of(name_y);

        if (lead_x != lead_y)
                return lead_x < lead_y ? -1 : 1;

        size_t len_x = strlen(name_x), len_y = strlen(name_y);

        if (len_x != len_y)
                return len_x < len_y ? -1 : 1;
        return strcmp(name_x, name_y);
}

static void drop_aliases(struct elfsym_functions *table)
{
        size_t kept = 0;

        for (size_t i = 0; i < table->n; i++)
                if (kept == 0 || table->entries[kept - 1].start != table->entries[i].start)
                        table->entries[kept++] = table->entries[i];
        table->n = kept;
}

/* Bytes of code from @value to the end of its section: behind that of _init stands the PLT, of which no symbol knows. */
static uint64_t rest_of_section(struct elfsym *elf, uint64_t value)
{
        GElf_Shdr header;

        for (size_t i = 1; elfsym_get_header(elf, i, &header); i++)
                if (header.sh_flags & SHF_EXECINSTR && value - header.sh_addr < header.sh_size)
                        return header.sh_size - (value - header.sh_addr);
        return UINT64_MAX;
}

/*
 * Gives functions without a size an end. One that lies in another function is a label of that. Where symbols are
 * missing, the next symbol may lie behind functions that nobody knows: then none of them is kept.
 */
static void settle_sizeless(struct elfsym *elf, struct elfsym_functions *table, enum elfsym_source source)
{
        uint64_t covered = 0; /* by functions with a size, up to here */
        size_t kept = 0;

        for (size_t i = 0; i < table->n; i++) {
                struct entry entry = table->entries[i];

                if (entry.size == 0) {
                        uint64_t next = i + 1 < table->n ? table->entries[i + 1].start - entry.start : UINT64_MAX;

                        uint64_t room = rest_of_section(elf, entry.start);

                        next = next < room ? next : room;
                        if (source != ELFSYM_SYMTAB || table->cut || entry.start < covered)
                                continue;
                        entry.size = next < ELFSYM_SIZELESS_MAX ? (uint32_t)next : ELFSYM_SIZELESS_MAX;
                } else if (entry.start + entry.size > covered) {
                        covered = entry.start + entry.size;
                }
                table->entries[kept++] = entry;
        }
        table->n = kept;
}

/* Gives back what aliases took. If that fails, all is as before. */
static void trim_entries(struct elfsym_functions *table)
{
        struct entry *entries = realloc(table->entries, table->n * sizeof(*entries));

        if (entries)
                table->entries = entries;
}

/* ---- the table ------------------------------------------------------------------ */

static int scan_sources(struct scan_source *sources, size_t n, scan_each_fn each, struct making *making)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < n; i++)
                r = elfsym_scan(&sources[i], each, making);
        for (size_t i = 0; i < n; i++)
                making->table->cut |= sources[i].cut;
        return r;
}

static int fill_table(struct elfsym *elf, struct making *making, struct scan_source *sources, size_t n,
                      size_t bytes_max)
{
        struct elfsym_functions *table = making->table;
        int r = scan_sources(sources, n, measure_function, making);

        if (r == 0)
                r = allocate_table(making, bytes_max);
        if (r == 0)
                r = scan_sources(sources, n, take_function, making);
        if (r != 0)
                return r;
        qsort_r(table->entries, table->n, sizeof(*table->entries), order_entries, table->pool);
        drop_aliases(table);
        settle_sizeless(elf, table, making->source);
        if (table->n == 0)
                return ELFSYM_E_NOT_FOUND;
        trim_entries(table);
        return 0;
}

int elfsym_functions_load(struct elfsym *elf, enum elfsym_source source, size_t bytes_max,
                          struct elfsym_functions **ret)
{
        struct scan_source sources[SCAN_SOURCES_MAX];
        size_t n = 0;
        struct elfsym *debugdata = NULL;
        struct making making = { .source = source, .table = calloc(1, sizeof(*making.table)) };
        int r = making.table ? elfsym_locate_tables(elf, source, &debugdata, sources, &n) : -ENOMEM;

        if (r == 0)
                r = fill_table(elf, &making, sources, n, bytes_max);
        elfsym_close(debugdata);
        if (r == 0)
                *ret = making.table;
        else
                elfsym_functions_free(making.table);
        return r == ELFSYM_E_RANGE ? ELFSYM_E_NOT_FOUND : r;
}

void elfsym_functions_free(struct elfsym_functions *functions)
{
        if (!functions)
                return;
        free(functions->entries);
        free(functions->pool);
        free(functions);
}

/* Counts the entries that start at @value or before. */
static size_t count_up_to(const struct elfsym_functions *functions, uint64_t value)
{
        size_t from = 0, to = functions->n;

        while (from < to) {
                size_t middle = from + (to - from) / 2;

                if (functions->entries[middle].start <= value)
                        from = middle + 1;
                else
                        to = middle;
        }
        return from;
}

int elfsym_function_at(const struct elfsym_functions *functions, uint64_t value, struct elfsym_function *ret)
{
        size_t i = count_up_to(functions, value);

        for (unsigned steps = 0; i > 0 && steps < OVERLAPS_MAX; steps++) {
                const struct entry *entry = &functions->entries[--i];

                if (value - entry->start >= entry->size)
                        continue;
                *ret = (struct elfsym_function){ functions->pool + entry->name, entry->start, entry->size };
                return 0;
        }
        return ELFSYM_E_NOT_FOUND;
}

bool elfsym_functions_are_cut(const struct elfsym_functions *functions)
{
        return functions->cut;
}

size_t elfsym_functions_n(const struct elfsym_functions *functions)
{
        return functions->n;
}

size_t elfsym_functions_bytes(const struct elfsym_functions *functions)
{
        return sizeof(*functions) + functions->n * sizeof(*functions->entries) + functions->pool_len;
}

bool elfsym_functions_equal(const struct elfsym_functions *a, const struct elfsym_functions *b)
{
        return a->n == b->n && a->pool_len == b->pool_len && a->cut == b->cut &&
               memcmp(a->entries, b->entries, a->n * sizeof(*a->entries)) == 0 &&
               memcmp(a->pool, b->pool, a->pool_len) == 0;
}
