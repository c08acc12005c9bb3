/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From _Py_DebugOffsets to a layout. A CPython from 3.13 on describes itself by this table, at the start of
 * _PyRuntime (Include/internal/pycore_debug_offsets.h).
 *
 * The values come from the target, so they are bounded before use, and they must fit together. Four things are not in
 * the table, and are constants here or in debug_words.c: where datastack_top lies (in the word after
 * datastack_chunk), tag bits, the bits of a str's state, and co_version.
 */
#include "debug_words.h"
#include "layout.h"
#include "pystack/pystack.h"

#include <string.h>

#define LENGTH(array) (sizeof(array) / sizeof *(array))
#define COOKIE "xdebugpy"

/* co_version lies this far behind co_firstlineno in every version that has both (cpython/code.h). */
#define CO_VERSION_AFTER_FIRST_LINE 24

/*
 * The largest offset that is believed. The largest struct is PyInterpreterState, with 383 552 bytes in 3.12; a larger
 * offset is forged.
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
        ret->known = debug_words_are_known(ret->version) && (ret->version & 0xf0) == RELEASE_FINAL;
        return true;
}

static uint32_t optional_offset(const void *offsets, uint8_t position)
{
        return position ? (uint32_t)word_number(offsets, position) : LAYOUT_NONE;
}

static uint32_t published_or(const void *t, uint8_t position, uint32_t otherwise)
{
        return position ? (uint32_t)word_number(t, position) : otherwise;
}

static void fill_process(struct layout *l, const void *t, const struct debug_words *w, bool free_threaded)
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

/* Whether the table has these fields, and they lie in their structs. */
static bool is_gc_described(const void *t, const struct debug_words *w)
{
        uint64_t gc = word_number(t, w->gc), size = word_number(t, (size_t)w->gc_collecting - 1);
        uint64_t last = word_number(t, w->gc_interrupted ? w->gc_interrupted : w->gc_collecting);

        return gc > 0 && word_number(t, w->gc_collecting) + 4 <= size && last + 4 <= size &&
               gc + size <= word_number(t, WORD_INTERP_SIZE);
}

/* Stacks can be read without these. The GIL of a free-threaded build is off, so it does not tell who collects. */
static void fill_gc(struct layout *l, const void *t, const struct debug_words *w, bool free_threaded)
{
        uint32_t gc = (uint32_t)word_number(t, w->gc);

        l->gc.collecting = l->gc.interrupted = l->gc.gil = LAYOUT_NONE;
        if (!is_gc_described(t, w))
                return;
        l->gc.collecting = gc + (uint32_t)word_number(t, w->gc_collecting);
        if (w->gc_interrupted)
                l->gc.interrupted = gc + (uint32_t)word_number(t, w->gc_interrupted);
        if (!free_threaded)
                l->gc.gil = (uint32_t)word_number(t, w->gil_holder);
}

static void fill_tstate(struct layout *l, const void *t, const struct debug_words *w)
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

static void fill_frame(struct layout *l, const void *t, const struct debug_words *w, bool free_threaded)
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

/*
 * 3.13 publishes neither of these: gi_iframe lies behind seven words of the generator (Include/internal/pycore_genobject.h
 * and cpython/genobject.h), gi_frame_state 5 bytes before it, and the int stacktop behind instr_ptr and return_offset.
 */
#define GEN_FRAME_AFTER_HEAD 56
#define GEN_STATE_BEFORE_FRAME 5
#define STACK_TOP_AFTER_INSTR 8

static void fill_coroutine(struct layout *l, const void *t, const struct debug_words *w)
{
        l->coroutine.frame = published_or(t, w->gen_frame, (uint32_t)word_number(t, w->ob_size) + GEN_FRAME_AFTER_HEAD);
        l->coroutine.state = published_or(t, w->gen_state, l->coroutine.frame - GEN_STATE_BEFORE_FRAME);
        l->coroutine.stack = published_or(t, w->fr_stack, l->frame.position + STACK_TOP_AFTER_INSTR);
        l->coroutine.slots = (uint32_t)word_number(t, (size_t)w->fr_instr + 1);
        l->coroutine.locals = l->coroutine.slots;
        l->coroutine.await = w->fr_stack ? AWAIT_TOP : AWAIT_INDEX;
        l->coroutine.created = w->gen_created;
        l->coroutine.awaits = w->gen_awaits;
}

static void fill_code(struct layout *l, const void *t, const struct debug_words *w, bool free_threaded)
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

static void fill_objects(struct layout *l, const void *t, const struct debug_words *w, bool free_threaded)
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

/* The fields before tp_flags and behind it are the same in every version from 3.13 on (cpython/object.h). */
#define TYPE_SIZE_AFTER_NAME 8
#define TYPE_DICT_AFTER_FLAGS 120

/* PyHeapTypeObject has this many bytes between its PyTypeObject and ht_cached_keys. */
#define TYPE_KEYS_AFTER_TYPE 464

/* Py_GIL_DISABLED builds have the pointer to an object's dict in the word before the object, others before three. */
#define DICT_BEFORE 24
#define DICT_BEFORE_FREE_THREADED 8

static void fill_names(struct layout *l, const void *t, const struct debug_words *w, bool free_threaded)
{
        l->names.modules = (uint32_t)word_number(t, w->modules);
        l->names.type_name = (uint32_t)word_number(t, w->type_name);
        l->names.type_size = published_or(t, w->type_size, l->names.type_name + TYPE_SIZE_AFTER_NAME);
        l->names.type_flags = (uint32_t)word_number(t, w->type_flags);
        l->names.type_dict = published_or(t, w->type_dict, l->names.type_flags + TYPE_DICT_AFTER_FLAGS);
        l->names.type_keys = published_or(t, w->type_keys,
                                          (uint32_t)word_number(t, w->type_bytes) + TYPE_KEYS_AFTER_TYPE);
        l->names.dict_keys = (uint32_t)word_number(t, w->dict_keys);
        l->names.dict_values = (uint32_t)word_number(t, w->dict_values);
        l->names.int_size = (uint32_t)word_number(t, w->int_tag);
        l->names.int_size_shift = 3;
        l->names.dict_before = free_threaded ? DICT_BEFORE_FREE_THREADED : DICT_BEFORE;
        l->names.dict = DICT_KINDS;
        l->names.attributes = ATTRIBUTES_INLINE;
}

/* ---- checks -------------------------------------------------------------------------- */

/* What is checked of one word of the table. */
struct demand {
        const char *field;
        uint8_t word;
        uint64_t value, least, most;
};

/* Sets @ret_fault to the first of @n demands that is not met. */
static bool are_met(const struct demand *demands, size_t n, const char *expected, struct layout_fault *ret_fault)
{
        for (size_t i = 0; i < n; i++) {
                const struct demand *d = &demands[i];
                if (d->value >= d->least && d->value <= d->most)
                        continue;
                *ret_fault = (struct layout_fault){ .field = d->field,
                                                    .word = d->word,
                                                    .expected = expected,
                                                    .wanted = d->value < d->least ? d->least : d->most,
                                                    .found = d->value };
                return false;
        }
        return true;
}

/* A field of @len bytes that must lie in the first @size bytes of its struct. */
#define WITHIN(name, position, offset, len, size)                                                                   \
        {                                                                                                           \
                .field = name, .word = position, .value = (offset) == LAYOUT_NONE ? 0 : (uint64_t)(offset) + (len), \
                .most = (size),                                                                                     \
        }

/* Whether all offsets lie in the bytes that are read of their structs, and these are not too many. */
static bool is_consistent(const struct layout *l, const struct debug_words *w, struct layout_fault *ret_fault)
{
        const struct demand demands[] = {
                WITHIN("tstate.datastack_chunk", w->ts_chunk, l->tstate.size, 0, LAYOUT_MAX_TSTATE),
                WITHIN("tstate.next", w->ts_next, l->tstate.next, 8, l->tstate.size),
                WITHIN("tstate.interp", w->ts_interp, l->tstate.interp, 8, l->tstate.size),
                WITHIN("tstate.current_frame", w->ts_frame, l->tstate.frame, 8, l->tstate.size),
                WITHIN("tstate.thread_id", w->ts_thread_id, l->tstate.thread_id, 8, l->tstate.size),
                WITHIN("tstate.native_thread_id", w->ts_native_id, l->tstate.native_thread_id, 8, l->tstate.size),
                WITHIN("tstate.status", w->ts_status, l->tstate.status, 8, l->tstate.size),
                WITHIN("frame.size", w->fr_size, l->frame.size, 0, LAYOUT_MAX_FRAME),
                WITHIN("frame.previous", w->fr_previous, l->frame.previous, 8, l->frame.size),
                WITHIN("frame.executable", w->fr_code, l->frame.code, 8, l->frame.size),
                WITHIN("frame.instr_ptr", w->fr_instr, l->frame.position, 8, l->frame.size),
                WITHIN("frame.owner", w->fr_owner, l->frame.owner, 1, l->frame.size),
                WITHIN("frame.tlbc_index", w->fr_tlbc_index, l->frame.tlbc_index, 4, l->frame.size),
                WITHIN("code.linetable", w->co_lines, l->code.size, 0, LAYOUT_MAX_CODE),
                WITHIN("code.co_code_adaptive", w->co_adaptive, l->code.bytecode, 0, LAYOUT_MAX_CODE),
                WITHIN("code.filename", w->co_file, l->code.file, 8, l->code.size),
                WITHIN("code.qualname", w->co_qualname, l->code.name, 8, l->code.size),
                WITHIN("code.firstlineno", w->co_first_line, l->code.first_line, 8, l->code.size),
                WITHIN("code.co_version", w->co_first_line, l->code.version, 8, l->code.size),
                WITHIN("object.ob_type", w->ob_type, l->object_type, 8, l->code.size),
        };

        return are_met(demands, LENGTH(demands), "an end within its struct", ret_fault);
}

#define EQUALS(name, position, offset, right)                                                    \
        {                                                                                        \
                .field = name, .word = position, .value = offset, .least = right, .most = right, \
        }

/*
 * Whether the table is in the order of @w. The shapes of str and bytes follow from that of object, and these words
 * stand near the end of the table. So a word that was inserted anywhere before them shows.
 */
static bool is_in_order(const void *t, const struct debug_words *w, const struct layout *l,
                        struct layout_fault *ret_fault)
{
        uint64_t head = word_number(t, w->ob_size), co_size = word_number(t, w->co_size);
        const struct demand demands[] = {
                { .field = "object.size", .word = w->ob_size, .value = head, .least = 16, .most = 48 },
                EQUALS("object.size", w->ob_size, head & 15, 0),
                EQUALS("object.ob_type", w->ob_type, l->object_type, head - 8),
                EQUALS("bytes.ob_size", w->bytes_size, l->bytes.size, head),
                EQUALS("bytes.ob_sval", w->bytes_data, l->bytes.data, head + 16),
                EQUALS("str.length", w->str_length, l->string.length, head),
                EQUALS("str.state", w->str_state, l->string.state, head + 16),
                EQUALS("str.asciiobject_size", w->str_ascii_size, l->string.ascii_data, head + 24),
                { "code.size", w->co_size, co_size, (uint64_t)l->code.bytecode + 1, (uint64_t)l->code.bytecode + 8 },
                { "runtime.size", WORD_RUNTIME_SIZE, word_number(t, WORD_RUNTIME_SIZE),
                  (uint64_t)l->runtime.interpreters_head + 8, OFFSET_MAX },
                { "interp.size", WORD_INTERP_SIZE, word_number(t, WORD_INTERP_SIZE),
                  (uint64_t)l->interp.threads_head + 8, OFFSET_MAX },
                { "interp.size", WORD_INTERP_SIZE, word_number(t, WORD_INTERP_SIZE), (uint64_t)l->interp.next + 8,
                  OFFSET_MAX },
        };

        return are_met(demands, LENGTH(demands), "the order of words of this version", ret_fault);
}

/* Bytes of a type object that are believed. 3.15 has 944. */
#define TYPE_MAX 4096

/* Whether names of threads can be found. If not, stacks can be read all the same. */
static bool has_names(const void *t, const struct layout *l)
{
        uint32_t head = layout_head(l);

        return l->names.modules >= 8 && l->names.modules < word_number(t, WORD_INTERP_SIZE) &&
               l->names.int_size == head && l->names.dict_keys == head + 16 && l->names.dict_values == head + 24 &&
               l->names.type_name == head + 8 && l->names.type_flags < TYPE_MAX && l->names.type_size < TYPE_MAX &&
               l->names.type_dict < TYPE_MAX && l->names.type_keys > l->names.type_dict &&
               l->names.type_keys < TYPE_MAX;
}

/* Bytes of a generator before its frame that are believed. */
#define GEN_FRAME_MAX 256

/* Whether coroutines that are suspended can be read. If not, stacks can be read all the same. */
static bool has_coroutines(const struct layout *l)
{
        return l->coroutine.frame > layout_head(l) && l->coroutine.frame <= GEN_FRAME_MAX &&
               l->coroutine.state < l->coroutine.frame && l->coroutine.stack + 8 <= l->frame.size &&
               l->coroutine.slots <= l->frame.size;
}

/* Whether each word is small enough to be an offset. */
static bool is_bounded(const void *offsets, const struct debug_words *w, struct layout_fault *ret_fault)
{
        const struct demand flag = { "debug_offsets.free_threaded", WORD_FREE_THREADED,
                                     word_number(offsets, WORD_FREE_THREADED), 0, 1 };

        if (!are_met(&flag, 1, "0 or 1", ret_fault))
                return false;
        for (size_t i = WORD_FREE_THREADED + 1; i < w->n; i++) {
                const struct demand word = { "debug_offsets", (uint8_t)i, word_number(offsets, i), 0, OFFSET_MAX };
                if (!are_met(&word, 1, "an offset of at most", ret_fault))
                        return false;
        }
        return true;
}

int layout_from_debug_offsets(const void *offsets, size_t len, uint32_t version, struct layout *ret,
                              struct layout_fault *ret_fault)
{
        struct layout_debug_info info;
        struct layout layout = { 0 };

        *ret_fault = (struct layout_fault){ .field = "debug_offsets.cookie", .expected = "\"xdebugpy\"" };
        if (!layout_debug_probe(offsets, len, &info))
                return PYSTACK_E_CORRUPT;
        const struct debug_words *w = debug_words_of(version);
        *ret_fault = (struct layout_fault){ .field = "debug_offsets.version",
                                            .word = WORD_VERSION,
                                            .expected = "a version whose table is known, or a newer one",
                                            .found = version };
        if (!w)
                return PYSTACK_E_UNSUPPORTED;
        *ret_fault = (struct layout_fault){
                .field = "debug_offsets", .expected = "a table of", .wanted = 8 * (uint64_t)w->n, .found = len
        };
        if (len < 8 * (size_t)w->n || !is_bounded(offsets, w, ret_fault))
                return PYSTACK_E_CORRUPT;

        layout.version = (uint16_t)(version >> 16);
        fill_process(&layout, offsets, w, info.free_threaded);
        fill_gc(&layout, offsets, w, info.free_threaded);
        fill_tstate(&layout, offsets, w);
        fill_frame(&layout, offsets, w, info.free_threaded);
        fill_coroutine(&layout, offsets, w);
        fill_code(&layout, offsets, w, info.free_threaded);
        fill_objects(&layout, offsets, w, info.free_threaded);
        fill_names(&layout, offsets, w, info.free_threaded);
        if (!has_names(offsets, &layout))
                layout.names.modules = LAYOUT_NONE;
        if (!has_coroutines(&layout))
                layout.coroutine.frame = LAYOUT_NONE;
        if (!is_consistent(&layout, w, ret_fault) || !is_in_order(offsets, w, &layout, ret_fault))
                return PYSTACK_E_CORRUPT;
        *ret = layout;
        return 0;
}
