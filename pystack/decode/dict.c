/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dicts are searched from one end to the other. To look a key up by its hash would need the target's secret, and would
 * save little: the entries are copied by few system calls.
 */
#include "dict.h"

#include "pystack/internal.h"

#include <string.h>

/* A dict with more entries cannot be in memory. */
#define LOG2_MAX 40

/* ---- keys ------------------------------------------------------------------------- */

static bool is_power_of_two(uint64_t n)
{
        return n > 0 && (n & (n - 1)) == 0 && n <= (uint64_t)1 << LOG2_MAX;
}

/* Bytes of an index in a table of 2 to the @log2. */
static unsigned log2_index_size(unsigned log2)
{
        return log2 < 8 ? 0 : log2 < 16 ? 1 : log2 < 32 ? 2 : 3;
}

/* Of a table, at most two thirds are used. */
static bool is_filled_at_most(uint64_t n, uint64_t size)
{
        return n <= size / 3 * 2 + 2;
}

/* struct _dictkeysobject of 3.4 and 3.5: refcnt, size, and so on; the entries are at 32. */
static int open_slots(struct trail *t, struct dict *d)
{
        uint64_t size;
        int e = trail_word(t, d->keys + 8, &size);

        if (e != 0)
                return e;
        d->entries = d->keys + 32;
        d->n = size;
        return is_power_of_two(size) ? 0 : PYSTACK_E_CORRUPT;
}

/* 3.6 to 3.10: refcnt, size, lookup, usable, nentries, the indices, the entries. */
static int open_indices(struct trail *t, struct dict *d)
{
        const uint8_t *fields;
        int e = trail_read(t, d->keys + 8, 32, &fields);

        if (e != 0)
                return e;
        uint64_t size = word_at(fields, 0);
        d->n = word_at(fields, 24);
        if (!is_power_of_two(size) || !is_filled_at_most(d->n, size))
                return PYSTACK_E_CORRUPT;
        d->entries = d->keys + 40 + (size << log2_index_size((unsigned)__builtin_ctzll(size)));
        return 0;
}

enum keys_kind {
        KEYS_GENERAL,
        KEYS_UNICODE,
        KEYS_SPLIT,
};

/* 3.11 on: refcnt, log2_size, log2_index_bytes, kind, version, usable, nentries, the indices, the entries. */
static int open_kinds(struct trail *t, struct dict *d)
{
        const uint8_t *sizes;
        int e = trail_read(t, d->keys + 8, 24, &sizes);

        if (e != 0 || (d->n = word_at(sizes, 16)) == 0)
                return e;
        unsigned log2 = sizes[0], log2_bytes = sizes[1], kind = sizes[2];
        if (log2 > LOG2_MAX || log2_bytes != log2 + log2_index_size(log2) || kind > KEYS_SPLIT ||
            !is_filled_at_most(d->n, (uint64_t)1 << log2))
                return PYSTACK_E_CORRUPT;
        d->entries = d->keys + 32 + ((uint64_t)1 << log2_bytes);
        d->size = kind == KEYS_GENERAL ? 24 : 16;
        d->key = kind == KEYS_GENERAL ? 8 : 0;
        d->shared = kind == KEYS_SPLIT;
        return d->shared == (d->values != 0) ? 0 : PYSTACK_E_CORRUPT;
}

static int open_keys(struct trail *t, const struct layout *l, uint64_t keys, uint64_t values, struct dict *ret)
{
        *ret = (struct dict){
                .keys = keys,
                .values = values,
                .size = DICT_ENTRY_MAX,
                .key = 8,
                .framed = l->names.attributes == ATTRIBUTES_INLINE,
        };
        if (l->names.dict == DICT_SLOTS)
                return open_slots(t, ret);
        return l->names.dict == DICT_INDICES ? open_indices(t, ret) : open_kinds(t, ret);
}

/* 2.x: the dict's own fields are the counts, the mask and the table's address. */
static int open_table(const struct layout *l, const uint8_t *head, struct dict *ret)
{
        uint32_t table = l->names.dict_keys - l->object_type;
        uint64_t size = word_at(head, table - 8) + 1, used = word_at(head, table - 16);

        *ret = (struct dict){ .keys = word_at(head, table), .n = size, .size = DICT_ENTRY_MAX, .key = 8 };
        ret->entries = ret->keys;
        return is_power_of_two(size) && used <= size ? 0 : PYSTACK_E_CORRUPT;
}

int dict_open(struct trail *t, const struct layout *l, uint64_t addr, uint64_t type, struct dict *ret)
{
        bool is_table = l->names.dict == DICT_TABLE;
        uint32_t end = (is_table ? l->names.dict_keys : l->names.dict_values) + 8;
        const uint8_t *head;
        int e = trail_read(t, addr + l->object_type, end - l->object_type, &head);

        if (e != 0)
                return e;
        if (word_at(head, 0) != type)
                return PYSTACK_E_CORRUPT;
        if (is_table)
                return open_table(l, head, ret);
        e = open_keys(t, l, word_at(head, l->names.dict_keys - l->object_type),
                      word_at(head, l->names.dict_values - l->object_type), ret);
        if (e == 0 && !ret->values && word_at(head, 8) > ret->n)
                return PYSTACK_E_CORRUPT;
        return e;
}

int dict_open_values(struct trail *t, const struct layout *l, uint64_t keys, uint64_t values, struct dict *ret)
{
        int e = open_keys(t, l, keys, values, ret);

        return e == 0 && ret->n > 0 && !ret->shared ? PYSTACK_E_CORRUPT : e;
}

/* ---- entries ---------------------------------------------------------------------- */

/* Entries that are looked at together. */
#define BATCH 64

/* Bytes of a str's own fields up to its data. */
#define STR_FIELDS_MAX 48

struct search {
        struct trail *trail;
        const struct layout *layout;
        const struct dict *dict;
        const char *ascii;
        size_t len;
};

/* Where in a str its length begins, and where the fields end that tell what it is. */
static uint32_t fields_end(const struct layout *l)
{
        return (l->text == TEXT_BYTES ? l->string.length + 8 : l->string.state + 4);
}

/* Whether these fields, from the length on, are of an ASCII str of the length that is looked for. */
static bool may_be_key(const struct search *s, const uint8_t *fields)
{
        const struct layout *l = s->layout;
        uint32_t wanted = l->string.compact_bit | l->string.ascii_bit;

        return word_at(fields, 0) == s->len &&
               (l->text == TEXT_BYTES || (half_at(fields, l->string.state - l->string.length) & wanted) == wanted);
}

/* Whether the object at @addr, whose fields are those of such a str, has the characters that are looked for. */
static int match_key(const struct search *s, uint64_t addr, bool *ret)
{
        const uint8_t *data;
        char copy[64];

        int e = remote_read(s->trail->memory, addr + s->layout->string.ascii_data, copy, s->len);
        if (e != 0 || !(*ret = memcmp(copy, s->ascii, s->len) == 0))
                return e;
        e = trail_read(s->trail, addr + s->layout->string.ascii_data, s->len, &data);
        if (e == 0 && memcmp(data, s->ascii, s->len) != 0)
                e = PYSTACK_E_TORN;
        return e;
}

/* Reads the fields of the keys of @n entries. @ret_at[i] is where those of entry i lie in @ret; < 0: it is free. */
static int read_fields(const struct search *s, const uint8_t *entries, size_t n, uint8_t *ret, int ret_at[static BATCH])
{
        uint32_t from = s->layout->string.length, len = fields_end(s->layout) - from;
        struct iovec spans[BATCH];
        struct remote_batch batch = { .iov = spans };

        for (size_t i = 0; i < n; i++) {
                uint64_t key = word_at(entries, (uint32_t)i * s->dict->size + s->dict->key);
                ret_at[i] = key ? (int)remote_add(&batch, key + from, len) : -1;
        }
        return batch.n > 0 ? remote_read_spans(s->trail->memory, ret, spans, batch.n) : 0;
}

static int search_batch(const struct search *s, uint64_t first, size_t n, struct dict_entry *ret, bool *ret_found)
{
        uint8_t entries[BATCH * DICT_ENTRY_MAX], fields[BATCH * STR_FIELDS_MAX];
        int at[BATCH];
        int e = remote_read(s->trail->memory, s->dict->entries + first * s->dict->size, entries, n * s->dict->size);

        if (e == 0)
                e = read_fields(s, entries, n, fields, at);
        for (size_t i = 0; e == 0 && !*ret_found && i < n; i++) {
                if (at[i] < 0 || !may_be_key(s, fields + at[i]))
                        continue;
                *ret = (struct dict_entry){ first + i, word_at(entries, (uint32_t)i * s->dict->size + s->dict->key) };
                e = match_key(s, ret->key, ret_found);
        }
        return e;
}

int dict_find(struct trail *t, const struct layout *l, const struct dict *d, const char *ascii, size_t max,
              struct dict_entry *ret, bool *ret_found)
{
        const struct search s = { t, l, d, ascii, strlen(ascii) };
        int e = d->n > max ? PYSTACK_E_COSTLY : 0;

        *ret_found = false;
        for (uint64_t i = 0; e == 0 && !*ret_found && i < d->n; i += BATCH)
                e = search_batch(&s, i, d->n - i < BATCH ? d->n - i : BATCH, ret, ret_found);
        return e;
}

/* A larger index cannot be: CPython counts the values of an instance in a byte. */
#define INDEX_MAX 254

/*
 * 3.13 on: capacity, size, embedded and valid, a byte each, lie in the word before the values. Only values that are
 * embedded in an object are valid or not. Both are read together.
 */
static int read_framed_value(struct trail *t, const struct dict *d, uint32_t index, uint64_t *ret)
{
        const uint8_t *frame;
        int e = index <= INDEX_MAX ? trail_read(t, d->values, 16 + 8 * index, &frame) : PYSTACK_E_CORRUPT;

        if (e != 0)
                return e;
        *ret = word_at(frame, 8 + 8 * index);
        return index < frame[0] && (!frame[2] || frame[3] == 1) ? 0 : PYSTACK_E_CORRUPT;
}

static int read_value(struct trail *t, const struct dict *d, uint64_t index, uint64_t *ret)
{
        return d->framed ? read_framed_value(t, d, (uint32_t)index, ret) : trail_word(t, d->values + 8 * index, ret);
}

int dict_value(struct trail *t, const struct dict *d, const struct dict_entry *entry, uint64_t *ret)
{
        const uint8_t *bytes;
        int e = entry->index < d->n ? 0 : PYSTACK_E_TORN;

        if (e == 0)
                e = trail_read(t, d->entries + entry->index * d->size + d->key, d->values ? 8 : 16, &bytes);
        if (e == 0 && word_at(bytes, 0) != entry->key)
                e = PYSTACK_E_TORN;
        if (e != 0)
                return e;
        if (d->values)
                e = read_value(t, d, entry->index, ret);
        else
                *ret = word_at(bytes, 8);
        return e == 0 && !*ret ? PYSTACK_E_CORRUPT : e;
}
