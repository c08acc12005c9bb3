/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cache of code objects: a hash table by address. Resolving one takes three
 * reads: the code object, the headers of its strings and line table, their data.
 *
 * Proofs. From 3.12 on co_version is unique in the process, so the header of the
 * code object proves it. Before, a new code object can have all the pointers of
 * a freed one, with other text behind them: there the text is proved as well.
 */
#include "code.h"
#include "text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The largest line table believed: a function of 60 000 lines has about 300 KiB. */
#define LINES_MAX ((uint64_t)4 << 20)

/* Of texts and tables, this many bytes are proved: more would cost every sample. */
#define PROOF_TEXT_MAX 256

/*
 * Live entries of a process. The largest applications known have some 100 000
 * code objects, of which few ever run; beyond, the cache starts anew.
 */
#define ENTRIES_MAX 65536

static void entry_free(struct code_entry *entry)
{
        if (!entry)
                return;
        for (uint32_t i = 0; i < entry->n_proofs; i++)
                free(entry->proofs[i].bytes);
        free((void *)(uintptr_t)entry->code.name);
        free((void *)(uintptr_t)entry->code.file);
        free(entry->lines);
        free(entry->bytecodes);
        free(entry);
}

/* ---- the table ------------------------------------------------------------- */

static size_t slot_of(const struct code_cache *cache, uint64_t addr)
{
        return (addr >> 4) * 0x9e3779b97f4a7c15u >> 20 & cache->mask;
}

struct code_entry *code_cache_find(const struct code_cache *cache, uint64_t addr)
{
        if (!cache->slots)
                return NULL;
        for (size_t i = slot_of(cache, addr);; i = (i + 1) & cache->mask) {
                struct code_entry *entry = cache->slots[i];
                if (!entry || entry->addr == addr)
                        return entry;
        }
}

static void retire(struct code_cache *cache, struct code_entry *entry)
{
        entry->next_retired = cache->retired;
        cache->retired = entry;
}

static void retire_all(struct code_cache *cache)
{
        for (size_t i = 0; i <= cache->mask; i++) {
                if (cache->slots[i])
                        retire(cache, cache->slots[i]);
                cache->slots[i] = NULL;
        }
        cache->used = 0;
}

static int grow(struct code_cache *cache)
{
        struct code_cache bigger = { .mask = cache->slots ? 2 * cache->mask + 1 : 63 };

        bigger.slots = calloc(bigger.mask + 1, sizeof *bigger.slots);
        if (!bigger.slots)
                return -ENOMEM;
        for (size_t i = 0; cache->slots && i <= cache->mask; i++) {
                if (!cache->slots[i])
                        continue;
                size_t j = slot_of(&bigger, cache->slots[i]->addr);
                while (bigger.slots[j])
                        j = (j + 1) & bigger.mask;
                bigger.slots[j] = cache->slots[i];
        }
        free(cache->slots);
        cache->slots = bigger.slots;
        cache->mask = bigger.mask;
        return 0;
}

static int put(struct code_cache *cache, struct code_entry *entry)
{
        if (cache->used >= ENTRIES_MAX)
                retire_all(cache);
        if (!cache->slots || cache->used * 2 > cache->mask) {
                int r = grow(cache);
                if (r < 0)
                        return r;
        }
        size_t i = slot_of(cache, entry->addr);
        while (cache->slots[i] && cache->slots[i]->addr != entry->addr)
                i = (i + 1) & cache->mask;
        if (cache->slots[i])
                retire(cache, cache->slots[i]);
        else
                cache->used++;
        cache->slots[i] = entry;
        return 0;
}

void code_cache_sweep(struct code_cache *cache)
{
        while (cache->retired) {
                struct code_entry *entry = cache->retired;
                cache->retired = entry->next_retired;
                entry_free(entry);
        }
}

void code_cache_deinit(struct code_cache *cache)
{
        for (size_t i = 0; cache->slots && i <= cache->mask; i++)
                entry_free(cache->slots[i]);
        code_cache_sweep(cache);
        free(cache->slots);
        *cache = (struct code_cache){ 0 };
}

void code_cache_clear(struct code_cache *cache)
{
        uint32_t serial = cache->next_serial;

        code_cache_deinit(cache);
        cache->next_serial = serial;
}

/* ---- resolving --------------------------------------------------------------- */

/* What is being read of a code object. */
struct reading {
        const struct layout *layout;
        const struct pystack_reader *reader;
        uint64_t addr;
        uint8_t header[LAYOUT_MAX_CODE];
        struct text_ref name, file;
        uint64_t lines_addr, lines_len;
        uint8_t *name_data, *file_data, *lines_data;
};

static uint64_t header_word(const struct reading *r, uint32_t offset)
{
        uint64_t value;

        memcpy(&value, r->header + offset, sizeof value);
        return value;
}

static int read_header(struct reading *r, uint64_t type)
{
        int e = remote_read(r->reader, r->addr, r->header, r->layout->code.size);

        if (e != 0)
                return e;
        if (type && header_word(r, r->layout->object_type) != type)
                return PYSTACK_E_CORRUPT;
        return 0;
}

static int follow_data_pointer(const struct reading *r, struct text_ref *text)
{
        return text->data ? 0 : remote_read_word(r->reader, text->pointer, &text->data);
}

static int read_object_headers(struct reading *r)
{
        uint64_t name = header_word(r, r->layout->code.name), file = header_word(r, r->layout->code.file);
        uint64_t lines = header_word(r, r->layout->code.lines);
        size_t text_size = text_header_size(r->layout);
        uint8_t buf[2 * TEXT_HEADER_MAX + 8];
        struct iovec spans[] = { remote_span(name, text_size), remote_span(file, text_size),
                                 remote_span(lines + r->layout->bytes.size, 8) };
        int e = remote_read_spans(r->reader, buf, spans, 3);

        if (e != 0 || (e = text_locate(r->layout, name, buf, &r->name)) != 0 ||
            (e = text_locate(r->layout, file, buf + text_size, &r->file)) != 0)
                return e;
        memcpy(&r->lines_len, buf + 2 * text_size, 8);
        r->lines_addr = lines + r->layout->bytes.data;
        if (r->lines_len > LINES_MAX)
                return PYSTACK_E_CORRUPT;
        e = follow_data_pointer(r, &r->name);
        return e != 0 ? e : follow_data_pointer(r, &r->file);
}

/* All data in one read; each part with the terminating NUL that CPython puts behind it. */
static int read_data(struct reading *r)
{
        size_t name_len = ((size_t)r->name.chars + 1) * r->name.width;
        size_t file_len = ((size_t)r->file.chars + 1) * r->file.width;
        struct iovec spans[] = { remote_span(r->name.data, name_len), remote_span(r->file.data, file_len),
                                 remote_span(r->lines_addr, r->lines_len + 1) };

        r->name_data = malloc(name_len + file_len + r->lines_len + 1);
        if (!r->name_data)
                return -ENOMEM;
        r->file_data = r->name_data + name_len;
        r->lines_data = r->file_data + file_len;
        return remote_read_spans(r->reader, r->name_data, spans, 3);
}

static int add_proof(struct code_entry *entry, uint64_t addr, const uint8_t *bytes, size_t len)
{
        uint8_t *copy = malloc(len);

        if (!copy)
                return -ENOMEM;
        memcpy(copy, bytes, len);
        entry->proofs[entry->n_proofs++] = (struct code_proof){ .addr = addr, .len = (uint32_t)len, .bytes = copy };
        return 0;
}

static int add_text_proof(struct code_entry *entry, const struct text_ref *text, const uint8_t *data)
{
        size_t len = ((size_t)text->chars + 1) * text->width;

        return add_proof(entry, text->data, data, len < PROOF_TEXT_MAX ? len : PROOF_TEXT_MAX);
}

/* Before them come reference count and counters, which change. */
static uint32_t first_of_constants(const struct layout *layout)
{
        uint32_t first = layout->code.first_line;

        first = layout->code.name < first ? layout->code.name : first;
        return layout->code.file < first ? layout->code.file : first;
}

static int add_proofs(struct code_entry *entry, const struct reading *r)
{
        uint32_t from = first_of_constants(r->layout);
        size_t lines_len = r->lines_len + 1;
        uint32_t version = 0;
        int e = add_proof(entry, r->addr + from, r->header + from, r->layout->code.size - from);

        if (r->layout->code.version != LAYOUT_NONE)
                memcpy(&version, r->header + r->layout->code.version, sizeof version);
        entry->unique = version != 0;
        if (entry->unique || e != 0)
                return e;
        if ((e = add_text_proof(entry, &r->name, r->name_data)) != 0 ||
            (e = add_text_proof(entry, &r->file, r->file_data)) != 0)
                return e;
        return add_proof(entry, r->lines_addr, r->lines_data, lines_len < PROOF_TEXT_MAX ? lines_len : PROOF_TEXT_MAX);
}

static int fill_entry(struct code_entry *entry, const struct reading *r)
{
        char *name = NULL, *file = NULL;
        int e = text_encode(&r->name, r->name_data, &name);

        entry->code.name = name;
        if (e != 0 || (e = text_encode(&r->file, r->file_data, &file)) != 0)
                return e;
        entry->code.file = file;
        entry->addr = r->addr;
        memcpy(&entry->code.first_line, r->header + r->layout->code.first_line, sizeof entry->code.first_line);
        entry->lines = malloc(r->lines_len + 1);
        if (!entry->lines)
                return -ENOMEM;
        memcpy(entry->lines, r->lines_data, r->lines_len);
        entry->lines_len = r->lines_len;
        return add_proofs(entry, r);
}

int code_cache_resolve(struct code_cache *cache, const struct layout *layout, const struct pystack_reader *reader,
                       uint64_t type, uint64_t addr, struct code_entry **ret)
{
        struct reading reading = { .layout = layout, .reader = reader, .addr = addr };
        struct code_entry *entry = NULL;
        int e;

        if ((e = read_header(&reading, type)) != 0 || (e = read_object_headers(&reading)) != 0 ||
            (e = read_data(&reading)) != 0)
                goto out;
        entry = calloc(1, sizeof *entry);
        if (!entry) {
                e = -ENOMEM;
                goto out;
        }
        if ((e = fill_entry(entry, &reading)) != 0 || (e = put(cache, entry)) != 0)
                goto out;
        entry->code.serial = ++cache->next_serial;
        *ret = entry;
        entry = NULL;
out:
        entry_free(entry);
        free(reading.name_data);
        return e;
}
