/* SPDX-License-Identifier: Apache-2.0 */
#include "perf_map.h"

#include "symbol.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Bytes of a line that are kept. What is longer is cut, at the end of its name. */
#define LINE_MAX_BYTES 1024

/* Functions that overlap, among which the last one is looked for. */
#define OVERLAPS_MAX 32

struct entry {
        uint64_t start;
        uint32_t size;
        uint32_t line; /* its number: a later line counts */
        uint32_t name; /* where in the pool */
};

struct perf_map {
        struct entry *entries;
        size_t n, entries_room;
        char *pool;
        size_t pool_len, pool_room;
        size_t bytes_max;
        uint32_t lines;
        bool sorted, full;
        char line[LINE_MAX_BYTES]; /* the beginning of a line whose end has not come yet */
        size_t line_len;
};

struct perf_map *perf_map_new(size_t bytes_max)
{
        struct perf_map *map = calloc(1, sizeof(*map));

        if (map)
                map->bytes_max = bytes_max < UINT32_MAX ? bytes_max : UINT32_MAX;
        return map;
}

void perf_map_free(struct perf_map *map)
{
        if (!map)
                return;
        free(map->entries);
        free(map->pool);
        free(map);
}

size_t perf_map_bytes(const struct perf_map *map)
{
        return sizeof(*map) + map->entries_room * sizeof(*map->entries) + map->pool_room;
}

/* ---- lines --------------------------------------------------------------------- */

/* Takes a hexadecimal number and the blank behind it. Some programs write 0x before it. */
static bool take_hexadecimal(const char **at, const char *end, uint64_t *ret)
{
        uint64_t value = 0;
        const char *c = *at;

        if (end - c > 2 && c[0] == '0' && c[1] == 'x')
                c += 2;

        const char *first = c;

        for (; c < end && c - first < 16; c++) {
                unsigned digit = *c >= '0' && *c <= '9'   ? (unsigned)(*c - '0')
                                 : *c >= 'a' && *c <= 'f' ? (unsigned)(*c - 'a') + 10
                                 : *c >= 'A' && *c <= 'F' ? (unsigned)(*c - 'A') + 10
                                                          : 16;

                if (digit == 16)
                        break;
                value = value << 4 | digit;
        }
        if (c == first || c == end || *c != ' ')
                return false;
        *at = c + 1;
        *ret = value;
        return true;
}

/* Doubles what @items has room for, if need be, within what is left of the bound. False: no room, or no memory. */
static bool grow_items(struct perf_map *map, void **items, size_t *room, size_t wanted, size_t item_size)
{
        size_t more = *room ? *room : 256;
        void *grown;

        if (wanted <= *room)
                return true;
        while (*room + more < wanted)
                more *= 2;
        if (perf_map_bytes(map) + more * item_size > map->bytes_max)
                return false;
        grown = realloc(*items, (*room + more) * item_size);
        if (!grown)
                return false;
        *items = grown;
        *room += more;
        return true;
}

static void add_entry(struct perf_map *map, struct entry entry, const char *name, size_t len)
{
        void *entries = map->entries, *pool = map->pool;
        bool room = grow_items(map, &entries, &map->entries_room, map->n + 1, sizeof(entry));

        map->entries = entries;
        room = room && grow_items(map, &pool, &map->pool_room, map->pool_len + len + 1, 1);
        map->pool = pool;
        if (!room) {
                map->full = true;
                return;
        }
        entry.name = (uint32_t)map->pool_len;
        memcpy(map->pool + map->pool_len, name, len);
        map->pool[map->pool_len + len] = '\0';
        map->pool_len += len + 1;
        map->entries[map->n++] = entry;
        map->sorted = false;
}

/* A line that is no function is passed over. */
static void take_line(struct perf_map *map, const char *line, size_t len)
{
        const char *at = line, *end = line + len;
        uint64_t start, size;

        map->lines++;
        if (!take_hexadecimal(&at, end, &start) || !take_hexadecimal(&at, end, &size) || at == end || size == 0 ||
            size > UINT32_MAX || start + size < start || memchr(at, '\0', (size_t)(end - at)))
                return;
        add_entry(map, (struct entry){ .start = start, .size = (uint32_t)size, .line = map->lines }, at,
                  (size_t)(end - at));
}

/* Keeps the beginning of a line. */
static void keep_part(struct perf_map *map, const char *text, size_t len)
{
        size_t room = sizeof(map->line) - map->line_len;

        len = len < room ? len : room;
        memcpy(map->line + map->line_len, text, len);
        map->line_len += len;
}

void perf_map_feed(struct perf_map *map, const char *text, size_t len)
{
        while (len > 0 && !map->full) {
                const char *newline = memchr(text, '\n', len);
                size_t part = newline ? (size_t)(newline - text) : len;

                keep_part(map, text, part);
                if (newline) {
                        take_line(map, map->line, map->line_len);
                        map->line_len = 0;
                        part++;
                }
                text += part;
                len -= part;
        }
}

/* ---- looking up -------------------------------------------------------------------- */

static int order_functions(const void *a, const void *b)
{
        const struct entry *x = a, *y = b;

        if (x->start != y->start)
                return x->start < y->start ? -1 : 1;
        return x->line < y->line ? -1 : x->line > y->line;
}

/* Of the functions that start at one address, the last one is kept. */
static void drop_replaced(struct perf_map *map)
{
        size_t kept = 0;

        for (size_t i = 0; i < map->n; i++) {
                if (kept > 0 && map->entries[kept - 1].start == map->entries[i].start)
                        kept--;
                map->entries[kept++] = map->entries[i];
        }
        map->n = kept;
}

/* Lines come in any order. They are sorted when somebody asks, not for each piece. */
static void sort_functions(struct perf_map *map)
{
        if (map->sorted || map->n == 0)
                return;
        qsort(map->entries, map->n, sizeof(*map->entries), order_functions);
        drop_replaced(map);
        map->sorted = true;
}

/* Counts the functions that start at @address or before. */
static size_t count_before(const struct perf_map *map, uint64_t address)
{
        size_t from = 0, to = map->n;

        while (from < to) {
                size_t middle = from + (to - from) / 2;

                if (map->entries[middle].start <= address)
                        from = middle + 1;
                else
                        to = middle;
        }
        return from;
}

int perf_map_at(struct perf_map *map, uint64_t address, struct perf_map_function *ret)
{
        const struct entry *best = NULL;

        sort_functions(map);

        size_t i = count_before(map, address);

        for (unsigned steps = 0; i > 0 && steps < OVERLAPS_MAX; steps++) {
                const struct entry *entry = &map->entries[--i];

                if (address - entry->start < entry->size && (!best || entry->line > best->line))
                        best = entry;
        }
        if (!best)
                return SYMBOL_E_UNKNOWN;
        *ret = (struct perf_map_function){ map->pool + best->name, best->start, best->size };
        return 0;
}
