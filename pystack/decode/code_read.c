/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a code object takes three reads: of the code object, of the headers of its strings and its line table, and
 * of their data.
 *
 * Proofs: from 3.12 on co_version is unique in the process, so the header of the code object proves it. Up to 3.11 a
 * new code object can have the same pointers as a freed one, with other text behind them. So the text is proved as
 * well.
 */
#include "code_cache.h"
#include "pystack/trace.h"
#include "pystr.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A larger line table is not read, and its code object has no lines. A function of 60 000 lines has 300 KiB. */
#define LINES_MAX ((uint64_t)512 << 10)

/* The first bytes of a text or a table that are proved. More would cost every sample. */
#define PROOF_TEXT_MAX 256

/* A code object that is being read. */
struct code_reading {
        const struct layout *layout;
        const struct pystack_memory *memory;
        uint64_t addr;
        uint8_t header[LAYOUT_MAX_CODE];
        struct pystr name, file;
        uint64_t lines_addr, lines_len;
        bool without_lines;
        uint8_t *name_data; /* allocated, with the next two in it */
        const uint8_t *file_data, *lines_data;
};

static uint64_t header_word(const struct code_reading *r, uint32_t offset)
{
        uint64_t value;

        memcpy(&value, r->header + offset, sizeof value);
        return value;
}

static uint32_t header_half(const struct code_reading *r, uint32_t offset)
{
        uint32_t value;

        memcpy(&value, r->header + offset, sizeof value);
        return value;
}

static int read_header(struct code_reading *r, uint64_t type)
{
        int e = remote_read(r->memory, r->addr, r->header, r->layout->code.size);

        if (e != 0)
                return trace_unread(r->memory, e, "frame.code", r->addr);
        if (type && header_word(r, r->layout->object_type) != type)
                return REFUSE(r->memory, PYSTACK_E_CORRUPT, .field = "code.ob_type",
                              .address = r->addr + r->layout->object_type, .expected = "PyCode_Type", .wanted = type,
                              .found = header_word(r, r->layout->object_type));
        return 0;
}

/* A string object of the code object, whose header is @header. @field: which of them. */
static int locate_string(const struct code_reading *r, const char *field, uint64_t addr, const uint8_t *header,
                         struct pystr *ret)
{
        uint64_t length;
        uint32_t state = 0;
        int e = pystr_locate(r->layout, addr, header, ret);

        if (e == 0)
                return ret->data ? 0
                                 : trace_unread(r->memory, remote_read_word(r->memory, ret->pointer, &ret->data), field,
                                                ret->pointer);
        memcpy(&length, header + r->layout->string.length, sizeof length);
        if (r->layout->text == TEXT_BYTES)
                return REFUSE(r->memory, e, .field = field, .address = addr + r->layout->string.length,
                              .expected = "a length of bytes", .found = length);
        memcpy(&state, header + r->layout->string.state, sizeof state);
        if (length > INT64_MAX / 8)
                return REFUSE(r->memory, e, .field = field, .address = addr + r->layout->string.length,
                              .expected = "a length of a str", .found = length);
        return REFUSE(r->memory, e, .field = field, .address = addr + r->layout->string.state,
                      .expected = "a state of a str, of kind 1, 2 or 4", .found = state);
}

/* @len: of the line table at @lines. */
static int set_lines(struct code_reading *r, uint64_t lines, uint64_t len)
{
        if (len > INT64_MAX)
                return REFUSE(r->memory, PYSTACK_E_CORRUPT, .field = "code.linetable",
                              .address = lines + r->layout->bytes.size, .expected = "a length of bytes", .found = len);
        r->lines_addr = lines + r->layout->bytes.data;
        r->without_lines = len > LINES_MAX;
        r->lines_len = r->without_lines ? 0 : len;
        if (r->without_lines)
                TRACE(r->memory, .field = "code.linetable", .address = lines + r->layout->bytes.size,
                      .expected = "a length of at most", .wanted = LINES_MAX, .found = len);
        return 0;
}

static int read_object_headers(struct code_reading *r)
{
        uint64_t name = header_word(r, r->layout->code.name), file = header_word(r, r->layout->code.file);
        uint64_t lines = header_word(r, r->layout->code.lines), lines_len;
        size_t text_size = pystr_header_size(r->layout);
        uint8_t buf[2 * PYSTR_HEADER_MAX + 8];
        struct iovec spans[] = { remote_span(name, text_size), remote_span(file, text_size),
                                 remote_span(lines + r->layout->bytes.size, 8) };
        int e = remote_read_spans(r->memory, buf, spans, 3);

        if (e != 0)
                return trace_unread(r->memory, e, "code.name, filename, linetable", r->addr + r->layout->code.file);
        memcpy(&lines_len, buf + 2 * text_size, 8);
        if ((e = locate_string(r, "code.name", name, buf, &r->name)) != 0 ||
            (e = locate_string(r, "code.filename", file, buf + text_size, &r->file)) != 0)
                return e;
        return set_lines(r, lines, lines_len);
}

/* Reads all data by one call; each part with the NUL that CPython puts behind it. */
static int read_data(struct code_reading *r)
{
        size_t name_len = pystr_data_len(&r->name), file_len = pystr_data_len(&r->file);
        struct iovec spans[] = { remote_span(r->name.data, name_len), remote_span(r->file.data, file_len),
                                 remote_span(r->lines_addr, r->lines_len + 1) };

        r->name_data = malloc(name_len + file_len + r->lines_len + 1);
        if (!r->name_data)
                return -ENOMEM;
        r->file_data = r->name_data + name_len;
        r->lines_data = r->file_data + file_len;
        return trace_unread(r->memory, remote_read_spans(r->memory, r->name_data, spans, 3),
                            "text of name, filename, linetable", r->name.data);
}

static int add_proof_in_page(struct code_cache *cache, struct code_entry *entry, uint64_t addr, const uint8_t *bytes,
                             uint32_t len)
{
        struct code_proof *proof = &entry->proofs[entry->n_proofs++];

        *proof = (struct code_proof){
                .page = proof_page_get(&cache->pages, addr), .addr = addr, .len = len, .bytes = malloc(len)
        };
        if (!proof->page || !proof->bytes)
                return -ENOMEM;
        memcpy(proof->bytes, bytes, len);
        return 0;
}

static int add_proof(struct code_cache *cache, struct code_entry *entry, uint64_t addr, const uint8_t *bytes,
                     size_t len)
{
        int e = 0;

        while (e == 0 && len > 0) {
                size_t left = remote_page(addr) + REMOTE_PAGE - addr;
                size_t n = len < left ? len : left;
                e = add_proof_in_page(cache, entry, addr, bytes, (uint32_t)n);
                addr += n;
                bytes += n;
                len -= n;
        }
        return e;
}

static int add_text_proof(struct code_cache *cache, struct code_entry *entry, const struct pystr *text,
                          const uint8_t *data)
{
        size_t len = pystr_data_len(text);

        return add_proof(cache, entry, text->data, data, len < PROOF_TEXT_MAX ? len : PROOF_TEXT_MAX);
}

/* The offset from which the bytes of the code object are constant. Before it come the reference count and counters. */
static uint32_t first_of_constants(const struct layout *layout)
{
        uint32_t first = layout->code.first_line;

        first = layout->code.name < first ? layout->code.name : first;
        first = layout->code.words[0] < first ? layout->code.words[0] : first;
        return layout->code.file < first ? layout->code.file : first;
}

/* The type, where a code object's life is counted: see validate/frees.c. It is in the code object's own page. */
static int add_type_proof(struct code_cache *cache, struct code_entry *entry, const struct code_reading *r)
{
        uint32_t at = r->layout->object_type;

        entry->counts_references = r->layout->interp.code_generation == LAYOUT_NONE && at == CODE_REFERENCES &&
                                   remote_page(r->addr) == remote_page(r->addr + at + 7);
        return entry->counts_references ? add_proof(cache, entry, r->addr + at, r->header + at, 8) : 0;
}

static int add_proofs(struct code_cache *cache, struct code_entry *entry, const struct code_reading *r)
{
        uint32_t from = first_of_constants(r->layout);
        size_t lines_len = r->lines_len + 1;
        uint32_t version = 0;
        int e = add_type_proof(cache, entry, r);

        if (e == 0)
                e = add_proof(cache, entry, r->addr + from, r->header + from, r->layout->code.size - from);
        if (r->layout->code.version != LAYOUT_NONE)
                memcpy(&version, r->header + r->layout->code.version, sizeof version);
        entry->unique = version != 0;
        if (entry->unique || e != 0)
                return e;
        if ((e = add_text_proof(cache, entry, &r->name, entry->data)) != 0 ||
            (e = add_text_proof(cache, entry, &r->file, r->file_data)) != 0)
                return e;
        return add_proof(cache, entry, r->lines_addr, r->lines_data,
                         lines_len < PROOF_TEXT_MAX ? lines_len : PROOF_TEXT_MAX);
}

/* The bytes of its frames on the data stack, 0 if the layout does not tell. */
static uint32_t frame_size(const struct code_reading *r)
{
        const struct layout *layout = r->layout;
        uint32_t words = layout->code.extra_words;

        for (size_t i = 0; i < 2 && layout->code.words[i] != LAYOUT_NONE; i++)
                words += header_half(r, layout->code.words[i]);
        return layout->code.words[0] == LAYOUT_NONE ? 0 : 8 * words;
}

/* The bytes that an entry is charged with. */
static size_t entry_bytes(const struct code_reading *r)
{
        return sizeof(struct code_entry) + pystr_cost(&r->name) + pystr_cost(&r->file) + r->lines_len +
               r->layout->code.size + 3 * PROOF_TEXT_MAX;
}

/* Fills the entry with what was read, and makes its proofs. */
static int fill_entry(struct code_cache *cache, struct code_entry *entry, struct code_reading *r)
{
        entry->data = r->name_data;
        r->name_data = NULL;
        entry->name = r->name;
        entry->file = r->file;
        entry->run_once = pystr_is(&r->name, entry->data, "<module>");
        entry->addr = r->addr;
        entry->read_alive = code_is_alive(header_word(r, 0));
        entry->code.first_line = header_half(r, r->layout->code.first_line);
        entry->code.chars = r->name.chars + r->file.chars;
        entry->code.lines_len = (uint32_t)r->lines_len;
        entry->without_lines = r->without_lines;
        entry->frame_size = frame_size(r);
        return add_proofs(cache, entry, r);
}

int code_read(struct code_cache *cache, const struct layout *layout, const struct pystack_memory *memory, uint64_t type,
              uint64_t addr, struct code_entry **ret)
{
        struct code_reading reading = { .layout = layout, .memory = memory, .addr = addr };
        struct code_entry *entry = NULL;
        int e;

        if ((e = read_header(&reading, type)) != 0 || (e = read_object_headers(&reading)) != 0)
                return e;
        entry = calloc(1, sizeof *entry);
        if (!entry)
                return -ENOMEM;
        if ((e = code_cache_charge(cache, entry, entry_bytes(&reading))) != 0)
                TRACE(memory, .field = "code objects of the process", .address = addr,
                      .expected = "bytes of cache that are left",
                      .wanted = cache->limit ? cache->limit : CODE_CACHE_BYTES, .found = entry_bytes(&reading));
        if (e != 0 || (e = read_data(&reading)) != 0 || (e = fill_entry(cache, entry, &reading)) != 0 ||
            (e = code_cache_put(cache, entry)) != 0)
                goto out;
        entry->code.serial = ++cache->next_serial;
        *ret = entry;
        entry = NULL;
out:
        code_entry_free(cache, entry);
        free(reading.name_data);
        return e;
}
