/* SPDX-License-Identifier: Apache-2.0 */
/* The totals: a hash table of functions by name and file. Sorting it a few times a second is cheap. */
#include "totals.h"

#include "agent/find/find.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

struct totals_entry {
        struct totals_row row;
        uint64_t sample; /* the last one that counted for it */
        UT_hash_handle hh;
        char key[]; /* the name and the file, each with its NUL */
};

struct totals {
        struct totals_entry *entries;
        uint64_t sample; /* samples so far */
};

struct totals *totals_new(void)
{
        return calloc(1, sizeof(struct totals));
}

void totals_reset(struct totals *b)
{
        struct totals_entry *entry, *next;

        HASH_ITER(hh, b->entries, entry, next) {
                HASH_DEL(b->entries, entry);
                free(entry);
        }
}

void totals_free(struct totals *b)
{
        if (!b)
                return;
        totals_reset(b);
        free(b);
}

void totals_turn(struct totals *b)
{
        for (struct totals_entry *entry = b->entries; entry; entry = entry->hh.next) {
                struct totals_row *row = &entry->row;
                row->figures[TOTALS_SELF] = row->figures[TOTALS_TOTAL] = row->waits_ns = 0;
                *row->waits = '\0';
        }
}

/* ---- counting -------------------------------------------------------------------------- */

static struct totals_entry *insert_entry(struct totals *b, const char *key, size_t size)
{
        struct totals_entry *entry = calloc(1, sizeof *entry + size);

        if (!entry)
                return NULL;
        memcpy(entry->key, key, size);
        entry->row.name = entry->key;
        entry->row.file = entry->key + strlen(entry->key) + 1;
        HASH_ADD_KEYPTR(hh, b->entries, entry->key, size, entry);
        if (entry->hh.tbl)
                return entry;
        free(entry);
        return NULL;
}

struct totals_entry *totals_get(struct totals *b, const char *name, const char *file)
{
        static const char others[] = TOTALS_OTHERS "\0";
        char key[2 * TOTALS_TEXT_SIZE];
        struct totals_entry *entry;

        find_clean(name, strlen(name), key, TOTALS_TEXT_SIZE);
        size_t size = strlen(key) + 1;
        find_clean(file, strlen(file), key + size, TOTALS_TEXT_SIZE);
        size += strlen(key + size) + 1;
        HASH_FIND(hh, b->entries, key, size, entry);
        if (entry)
                return entry;
        if (HASH_COUNT(b->entries) < TOTALS_MAX)
                return insert_entry(b, key, size);
        HASH_FIND(hh, b->entries, others, sizeof others, entry);
        return entry ? entry : insert_entry(b, others, sizeof others);
}

bool totals_is_row(const char *row_name, const char *row_file, const char *name, const char *file)
{
        char clean[TOTALS_TEXT_SIZE];

        find_clean(name, strlen(name), clean, sizeof clean);
        if (strcmp(clean, row_name) != 0)
                return false;
        find_clean(file, strlen(file), clean, sizeof clean);
        return strcmp(clean, row_file) == 0;
}

void totals_begin_sample(struct totals *b)
{
        b->sample++;
}

/*
 * Adds times to a row. For TOTALS_OTHERS only self time is added: those functions may call each other, so their total
 * times cannot be added.
 */
static void add_times(struct totals_row *row, uint64_t self_ns, uint64_t total_ns)
{
        if (strcmp(row->name, TOTALS_OTHERS) == 0)
                total_ns = self_ns;
        row->figures[TOTALS_SELF] += self_ns;
        row->figures[TOTALS_TOTAL] += total_ns;
        row->figures[TOTALS_SELF_TIME] += self_ns;
        row->figures[TOTALS_TOTAL_TIME] += total_ns;
}

void totals_count(const struct totals *b, struct totals_entry *entry, uint64_t self_ns, uint64_t total_ns)
{
        add_times(&entry->row, self_ns, entry->sample == b->sample ? 0 : total_ns);
        entry->sample = b->sample;
}

/* Of several processes, the one that has waited longest says for what. */
static void count_waits(struct totals_row *row, const struct profile_top *top)
{
        if (top->waits_ns <= row->waits_ns)
                return;
        row->waits_ns = top->waits_ns;
        find_clean(top->waits, strlen(top->waits), row->waits, sizeof row->waits);
}

int totals_add(struct totals *b, const struct profile *profile)
{
        struct profile_top *tops;
        size_t n;
        int e = profile_top(profile, SIZE_MAX, &tops, &n);

        if (e < 0)
                return e;
        for (size_t i = 0; i < n; i++) {
                struct totals_entry *entry = totals_get(b, tops[i].name, tops[i].file);
                if (!entry) {
                        e = -ENOMEM;
                        break;
                }
                add_times(&entry->row, tops[i].self_ns, tops[i].total_ns);
                count_waits(&entry->row, &tops[i]);
        }
        free(tops);
        return e;
}

/* ---- sorting --------------------------------------------------------------------------- */

static int order_descending(uint64_t a, uint64_t b)
{
        return (a < b) - (a > b);
}

static int order_rows(const void *a, const void *b, void *ctx)
{
        static const enum totals_order ties[] = { TOTALS_SELF_TIME, TOTALS_TOTAL_TIME };
        const struct totals_row *x = *(const struct totals_row *const *)a, *y = *(const struct totals_row *const *)b;
        enum totals_order order = *(const enum totals_order *)ctx;
        int r = order_descending(x->figures[order], y->figures[order]);

        for (size_t i = 0; r == 0 && i < sizeof ties / sizeof *ties; i++)
                r = order_descending(x->figures[ties[i]], y->figures[ties[i]]);
        if (r == 0)
                r = strcmp(x->name, y->name);
        return r ? r : strcmp(x->file, y->file);
}

static bool passes_filter(const struct totals_row *row, const char *filter)
{
        return !*filter || strcasestr(row->name, filter) || strcasestr(row->file, filter);
}

size_t totals_rows(const struct totals *b, enum totals_order order, const char *filter, size_t max,
                   struct totals_row *ret)
{
        size_t n = 0, all = HASH_COUNT(b->entries);
        const struct totals_row **rows = malloc((all + 1) * sizeof *rows);

        if (!rows)
                return 0;
        for (const struct totals_entry *entry = b->entries; entry; entry = entry->hh.next)
                if (passes_filter(&entry->row, filter))
                        rows[n++] = &entry->row;
        qsort_r(rows, n, sizeof *rows, order_rows, &order);
        n = n < max ? n : max;
        for (size_t i = 0; i < n; i++)
                ret[i] = *rows[i];
        free(rows);
        return n;
}
