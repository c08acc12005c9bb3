/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_DEBUG_WORDS_H
#define PYSTACK_DEBUG_WORDS_H

/* The order of words in _Py_DebugOffsets, by version. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Positions of words in the table of one minor version. */
struct debug_words {
        uint16_t version;
        uint16_t n; /* words in the whole table */
        uint8_t interp_next, threads_head, ceval_gil, gil_state, gil_enabled, gil_locked, gil_holder;
        uint8_t gc, gc_collecting; /* gc.size stands before the latter */
        uint8_t code_generation, tlbc_generation, fr_tlbc_index, co_tlbc, gc_interrupted; /* 0: none */
        uint8_t ts_next, ts_interp, ts_frame, ts_thread_id, ts_native_id, ts_chunk, ts_status;
        uint8_t fr_size, fr_previous, fr_code, fr_instr, fr_owner; /* localsplus stands behind fr_instr */
        uint8_t fr_stack, gen_frame, gen_state;                    /* 0: none */
        uint8_t co_size, co_file, co_qualname, co_lines, co_first_line, co_adaptive;
        uint8_t ob_size, ob_type;
        uint8_t bytes_size, bytes_data, str_state, str_length, str_ascii_size;
        uint8_t modules, type_bytes, type_name, type_flags, dict_keys, dict_values, int_tag;
        uint8_t type_size, type_dict, type_keys; /* 0: none */
        uint8_t tag_bits;                        /* low bits of f_executable that are a tag */
        uint8_t free_threaded_kind_shift;        /* in a string's state, which grew without the GIL */
        int8_t gen_created, gen_awaits;          /* FRAME_CREATED, FRAME_SUSPENDED_YIELD_FROM */
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

/*
 * The words of @version (PY_VERSION_HEX), or of the newest known version if @version is newer; NULL: there is no
 * table.
 */
const struct debug_words *debug_words_of(uint32_t version);

/* Whether @version is no newer than the newest one that is known. */
bool debug_words_are_known(uint32_t version);

#endif
