/* SPDX-License-Identifier: Apache-2.0 */
/*
 * _Py_DebugOffsets: the table with which a CPython from 3.13 on describes
 * itself, at the start of _PyRuntime (Include/internal/pycore_debug_offsets.h).
 *
 * After the cookie all fields are uint64. Their order is fixed within a released
 * minor version and grows between them, so each minor has its own list of word
 * positions here; the values come from the target and are bounded before use.
 * Not in the table, hence constants here: where datastack_top lies (the word
 * after datastack_chunk), tag bits, unicode state bits, co_version.
 *
 * The lists were compared with the tables found in 3.13.0, 3.13.18, 3.14.10,
 * 3.15.2, 3.13.15t and 3.14.7t; that of 3.15t follows from the headers.
 */
#include "layout.h"
#include "pystack/pystack.h"

#include <string.h>

#define LENGTH(array) (sizeof(array) / sizeof *(array))
#define COOKIE "xdebugpy"

/* Word positions in the table; one struct a minor version. */
struct words {
        uint16_t version;
        uint16_t n; /* words in the whole table */
        uint8_t interp_next, threads_head, ceval_gil, gil_state, gil_enabled, gil_locked, gil_holder;
        uint8_t code_generation, tlbc_generation, fr_tlbc_index, co_tlbc; /* 0: none */
        uint8_t ts_next, ts_interp, ts_frame, ts_thread_id, ts_native_id, ts_chunk, ts_status;
        uint8_t fr_size, fr_previous, fr_code, fr_instr, fr_owner;
        uint8_t co_size, co_file, co_qualname, co_lines, co_first_line, co_adaptive;
        uint8_t ob_size, ob_type;
        uint8_t bytes_size, bytes_data, str_state, str_length, str_ascii_size;
        uint8_t tag_bits;                 /* low bits of f_executable that are a tag */
        uint8_t free_threaded_kind_shift; /* in a string's state, which grew without the GIL */
};

/* Positions shared by all versions: the common prefix of the tables. */
enum {
        WORD_COOKIE,
        WORD_VERSION,
        WORD_FREE_THREADED,
        WORD_RUNTIME_SIZE,
        WORD_INTERPRETERS_HEAD = 5,
        WORD_INTERP_SIZE,
};

static const struct words words[] = {
        {
                .version = 0x030d,
                .n = 73,
                .interp_next = 8,
                .threads_head = 9,
                .ceval_gil = 14,
                .gil_state = 15,
                .gil_enabled = 16,
                .gil_locked = 17,
                .gil_holder = 18,
                .ts_next = 21,
                .ts_interp = 22,
                .ts_frame = 23,
                .ts_thread_id = 24,
                .ts_native_id = 25,
                .ts_chunk = 26,
                .ts_status = 27,
                .fr_size = 28,
                .fr_previous = 29,
                .fr_code = 30,
                .fr_instr = 31,
                .fr_owner = 33,
                .ob_size = 44,
                .ob_type = 45,
                .co_size = 34,
                .co_file = 35,
                .co_qualname = 37,
                .co_lines = 38,
                .co_first_line = 39,
                .co_adaptive = 43,
                .bytes_size = 65,
                .bytes_data = 66,
                .str_state = 68,
                .str_length = 69,
                .str_ascii_size = 70,
                .tag_bits = 0,
                .free_threaded_kind_shift = 2,
        },
        {
                .version = 0x030e,
                .n = 95,
                .interp_next = 8,
                .threads_head = 9,
                .ceval_gil = 15,
                .gil_state = 16,
                .gil_enabled = 17,
                .gil_locked = 18,
                .gil_holder = 19,
                .code_generation = 20,
                .tlbc_generation = 21,
                .ts_next = 24,
                .ts_interp = 25,
                .ts_frame = 26,
                .ts_thread_id = 27,
                .ts_native_id = 28,
                .ts_chunk = 29,
                .ts_status = 30,
                .fr_size = 31,
                .fr_previous = 32,
                .fr_code = 33,
                .fr_instr = 34,
                .fr_owner = 36,
                .ob_size = 50,
                .ob_type = 51,
                .fr_tlbc_index = 38,
                .co_tlbc = 49,
                .co_size = 39,
                .co_file = 40,
                .co_qualname = 42,
                .co_lines = 43,
                .co_first_line = 44,
                .co_adaptive = 48,
                .bytes_size = 75,
                .bytes_data = 76,
                .str_state = 78,
                .str_length = 79,
                .str_ascii_size = 80,
                .tag_bits = 3,
                .free_threaded_kind_shift = 8,
        },
        {
                .version = 0x030f,
                .n = 111,
                .interp_next = 8,
                .threads_head = 9,
                .ceval_gil = 15,
                .gil_state = 16,
                .gil_enabled = 17,
                .gil_locked = 18,
                .gil_holder = 19,
                .code_generation = 20,
                .tlbc_generation = 21,
                .ts_next = 24,
                .ts_interp = 25,
                .ts_frame = 26,
                .ts_thread_id = 30,
                .ts_native_id = 31,
                .ts_chunk = 32,
                .ts_status = 33,
                .fr_size = 39,
                .fr_previous = 40,
                .fr_code = 41,
                .fr_instr = 42,
                .fr_owner = 44,
                .ob_size = 58,
                .ob_type = 59,
                .fr_tlbc_index = 46,
                .co_tlbc = 57,
                .co_size = 47,
                .co_file = 48,
                .co_qualname = 50,
                .co_lines = 51,
                .co_first_line = 52,
                .co_adaptive = 56,
                .bytes_size = 87,
                .bytes_data = 88,
                .str_state = 90,
                .str_length = 91,
                .str_ascii_size = 92,
                .tag_bits = 3,
                .free_threaded_kind_shift = 8,
        },
};

/* co_version lies this far behind co_firstlineno in every version that has both (cpython/code.h). */
#define CO_VERSION_AFTER_FIRST_LINE 24

/*
 * Offsets are into structs of at most a few hundred KiB (PyInterpreterState is
 * the largest, 383 552 bytes in 3.12): a larger one is forged.
 */
#define OFFSET_MAX ((uint64_t)1 << 20)

#define RELEASE_FINAL 0xf0 /* PY_RELEASE_LEVEL */

static uint64_t word_number(const void *offsets, size_t i)
{
        uint64_t value;

        memcpy(&value, (const char *)offsets + 8 * i, sizeof value);
        return value;
}

bool layout_debug_probe(const void *offsets, size_t len, struct layout_debug_info *ret)
{
        if (len < 8 * (WORD_FREE_THREADED + 1) || memcmp(offsets, COOKIE, 8) != 0)
                return false;
        ret->version = (uint32_t)word_number(offsets, WORD_VERSION);
        ret->free_threaded = word_number(offsets, WORD_FREE_THREADED) != 0;
        ret->known = ret->version >> 16 <= words[LENGTH(words) - 1].version && (ret->version & 0xf0) == RELEASE_FINAL;
        return true;
}

static const struct words *words_of_version(uint32_t version)
{
        const struct words *newest = &words[LENGTH(words) - 1];

        for (size_t i = 0; i < LENGTH(words); i++)
                if (words[i].version == version >> 16)
                        return &words[i];
        return version >> 16 > newest->version && version >> 24 == newest->version >> 8 ? newest : NULL;
}

static uint32_t optional_offset(const void *offsets, uint8_t position)
{
        return position ? (uint32_t)word_number(offsets, position) : LAYOUT_NONE;
}

static void fill_process(struct layout *l, const void *t, const struct words *w, bool free_threaded)
{
        l->runtime.interpreters_head = (uint32_t)word_number(t, WORD_INTERPRETERS_HEAD);
        l->runtime.tstate_current = LAYOUT_NONE;
        l->interp.next = (uint32_t)word_number(t, w->interp_next);
        l->interp.threads_head = (uint32_t)word_number(t, w->threads_head);
        l->interp.gil = (uint32_t)word_number(t, w->ceval_gil);
        l->interp.code_generation = optional_offset(t, w->code_generation);
        l->interp.tlbc_generation = free_threaded ? optional_offset(t, w->tlbc_generation) : LAYOUT_NONE;
        l->gil.holder = (uint32_t)(word_number(t, w->gil_holder) - word_number(t, w->gil_state));
        l->gil.locked = (uint32_t)(word_number(t, w->gil_locked) - word_number(t, w->gil_state));
        l->gil.enabled = free_threaded ? (uint32_t)word_number(t, w->gil_enabled) : LAYOUT_NONE;
}

static void fill_tstate(struct layout *l, const void *t, const struct words *w)
{
        l->tstate.next = (uint32_t)word_number(t, w->ts_next);
        l->tstate.interp = (uint32_t)word_number(t, w->ts_interp);
        l->tstate.frame = (uint32_t)word_number(t, w->ts_frame);
        l->tstate.cframe = LAYOUT_NONE;
        l->tstate.cframe_frame = LAYOUT_NONE;
        l->tstate.cframe_previous = LAYOUT_NONE;
        l->tstate.cframe_root = LAYOUT_NONE;
        l->tstate.exc_info = LAYOUT_NONE;
        l->tstate.exc_state = LAYOUT_NONE;
        l->tstate.thread_id = (uint32_t)word_number(t, w->ts_thread_id);
        l->tstate.native_thread_id = (uint32_t)word_number(t, w->ts_native_id);
        l->tstate.chunk = (uint32_t)word_number(t, w->ts_chunk);
        l->tstate.chunk_top = l->tstate.chunk + 8;
        l->tstate.status = (uint32_t)word_number(t, w->ts_status);
        l->tstate.size = l->tstate.chunk_top + 8;
}

static void fill_frame(struct layout *l, const void *t, const struct words *w, bool free_threaded)
{
        l->frame.size = (uint32_t)word_number(t, w->fr_size);
        l->frame.previous = (uint32_t)word_number(t, w->fr_previous);
        l->frame.code = (uint32_t)word_number(t, w->fr_code);
        l->frame.position = (uint32_t)word_number(t, w->fr_instr);
        l->frame.owner = (uint32_t)word_number(t, w->fr_owner);
        l->frame.entry = LAYOUT_NONE;
        l->frame.stack_top = LAYOUT_NONE;
        l->frame.tlbc_index = free_threaded ? optional_offset(t, w->fr_tlbc_index) : LAYOUT_NONE;
        l->frame.tag_mask = w->tag_bits;
        l->position = POSITION_INSTR_PTR;
}

static void fill_code(struct layout *l, const void *t, const struct words *w, bool free_threaded)
{
        l->code.file = (uint32_t)word_number(t, w->co_file);
        l->code.name = (uint32_t)word_number(t, w->co_qualname);
        l->code.first_line = (uint32_t)word_number(t, w->co_first_line);
        l->code.lines = (uint32_t)word_number(t, w->co_lines);
        l->code.version = l->code.first_line + CO_VERSION_AFTER_FIRST_LINE;
        l->code.bytecode = (uint32_t)word_number(t, w->co_adaptive);
        l->code.tlbc = free_threaded ? optional_offset(t, w->co_tlbc) : LAYOUT_NONE;
        l->code.words[0] = LAYOUT_NONE;
        l->code.words[1] = LAYOUT_NONE;
        l->code.size = l->code.lines + 8;
        l->lines = LINES_LOCATIONS;
}

static void fill_objects(struct layout *l, const void *t, const struct words *w, bool free_threaded)
{
        unsigned shift = free_threaded ? w->free_threaded_kind_shift : 2;

        l->object_type = (uint32_t)word_number(t, w->ob_type);
        l->bytes.size = (uint32_t)word_number(t, w->bytes_size);
        l->bytes.data = (uint32_t)word_number(t, w->bytes_data);
        l->text = TEXT_FLEXIBLE;
        l->string.length = (uint32_t)word_number(t, w->str_length);
        l->string.state = (uint32_t)word_number(t, w->str_state);
        l->string.ascii_data = (uint32_t)word_number(t, w->str_ascii_size);
        l->string.compact_data = l->string.ascii_data + 16;
        l->string.data_pointer = l->string.compact_data;
        l->string.kind_shift = shift;
        l->string.compact_bit = 8u << shift;
        l->string.ascii_bit = 16u << shift;
}

/* Whether all offsets lie in the bytes that will be read of their structs. */
static bool is_consistent(const struct layout *l)
{
        const uint32_t ts[] = { l->tstate.next,      l->tstate.interp,           l->tstate.frame,
                                l->tstate.thread_id, l->tstate.native_thread_id, l->tstate.status };
        const uint32_t fr[] = { l->frame.previous, l->frame.code, l->frame.position };
        const uint32_t co[] = { l->code.file, l->code.name, l->code.first_line, l->code.version, l->object_type };
        bool ok = l->tstate.size <= LAYOUT_MAX_TSTATE && l->frame.size <= LAYOUT_MAX_FRAME &&
                  l->code.size <= LAYOUT_MAX_CODE && l->code.bytecode <= LAYOUT_MAX_CODE &&
                  l->frame.owner < l->frame.size &&
                  (l->frame.tlbc_index == LAYOUT_NONE || l->frame.tlbc_index + 4 <= l->frame.size);

        for (size_t i = 0; i < LENGTH(ts); i++)
                ok = ok && ts[i] + 8 <= l->tstate.size;
        for (size_t i = 0; i < LENGTH(fr); i++)
                ok = ok && fr[i] + 8 <= l->frame.size;
        for (size_t i = 0; i < LENGTH(co); i++)
                ok = ok && co[i] + 8 <= l->code.size;
        return ok;
}

/*
 * Whether the table is in the order of @w. The shapes of str and bytes follow from
 * that of object and stand near the table's end, so a word that was inserted
 * anywhere before them shows.
 */
static bool is_in_order(const void *t, const struct words *w, const struct layout *l)
{
        uint64_t head = word_number(t, w->ob_size);
        bool strings = (head == 16 || head == 32 || head == 48) && l->object_type == head - 8 &&
                       l->bytes.size == head && l->bytes.data == head + 16 && l->string.length == head &&
                       l->string.state == head + 16 && l->string.ascii_data == head + 24;
        bool code = word_number(t, w->co_size) <= l->code.bytecode + 8 && word_number(t, w->co_size) > l->code.bytecode;

        return strings && code && l->runtime.interpreters_head + 8 <= word_number(t, WORD_RUNTIME_SIZE) &&
               l->interp.threads_head + 8 <= word_number(t, WORD_INTERP_SIZE) &&
               l->interp.next + 8 <= word_number(t, WORD_INTERP_SIZE);
}

int layout_from_debug_offsets(const void *offsets, size_t len, uint32_t version, struct layout *ret)
{
        struct layout_debug_info info;
        struct layout layout = { 0 };

        if (!layout_debug_probe(offsets, len, &info))
                return PYSTACK_E_CORRUPT;
        const struct words *w = words_of_version(version);
        if (!w)
                return PYSTACK_E_UNSUPPORTED;
        if (len < 8 * (size_t)w->n || word_number(offsets, WORD_FREE_THREADED) > 1)
                return PYSTACK_E_CORRUPT;
        for (size_t i = WORD_FREE_THREADED + 1; i < w->n; i++)
                if (word_number(offsets, i) > OFFSET_MAX)
                        return PYSTACK_E_CORRUPT;

        layout.version = (uint16_t)(version >> 16);
        fill_process(&layout, offsets, w, info.free_threaded);
        fill_tstate(&layout, offsets, w);
        fill_frame(&layout, offsets, w, info.free_threaded);
        fill_code(&layout, offsets, w, info.free_threaded);
        fill_objects(&layout, offsets, w, info.free_threaded);
        if (!is_consistent(&layout) || !is_in_order(offsets, w, &layout))
                return PYSTACK_E_CORRUPT;
        *ret = layout;
        return 0;
}
