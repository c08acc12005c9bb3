/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order of words in _Py_DebugOffsets. After the cookie all fields are uint64. Within a released minor version
 * their order is fixed. A later version inserts more fields, so each minor version has its own list here.
 *
 * The lists were compared with the tables found in 3.13.0, 3.13.18, 3.14.10, 3.15.2, 3.13.15t and 3.14.7t. That of
 * 3.15t follows from the headers.
 */
#include "debug_words.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))

static const struct debug_words words[] = {
        {
                .version = 0x030d,
                .n = 73,
                .interp_next = 8,
                .threads_head = 9,
                .gc = 10,
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
                .modules = 11,
                .type_bytes = 46,
                .type_name = 47,
                .type_flags = 49,
                .dict_keys = 57,
                .dict_values = 58,
                .int_tag = 62,
                .gc_collecting = 72,
                .tag_bits = 0,
                .free_threaded_kind_shift = 2,
        },
        {
                .version = 0x030e,
                .n = 95,
                .interp_next = 8,
                .threads_head = 9,
                .gc = 11,
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
                .modules = 12,
                .type_bytes = 52,
                .type_name = 53,
                .type_flags = 55,
                .dict_keys = 67,
                .dict_values = 68,
                .int_tag = 72,
                .gc_collecting = 82,
                .tag_bits = 3,
                .free_threaded_kind_shift = 8,
        },
        {
                .version = 0x030f,
                .n = 111,
                .interp_next = 8,
                .threads_head = 9,
                .gc = 11,
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
                .modules = 12,
                .type_bytes = 60,
                .type_name = 61,
                .type_flags = 63,
                .dict_keys = 79,
                .dict_values = 80,
                .int_tag = 84,
                .type_size = 64,
                .type_dict = 65,
                .type_keys = 67,
                .gc_collecting = 95,
                .gc_interrupted = 96,
                .tag_bits = 3,
                .free_threaded_kind_shift = 8,
        },
};

static const struct debug_words *newest_words(void)
{
        return &words[LENGTH(words) - 1];
}

const struct debug_words *debug_words_of(uint32_t version)
{
        const struct debug_words *newest = newest_words();

        for (size_t i = 0; i < LENGTH(words); i++)
                if (words[i].version == version >> 16)
                        return &words[i];
        return version >> 16 > newest->version && version >> 24 == newest->version >> 8 ? newest : NULL;
}

bool debug_words_are_known(uint32_t version)
{
        return version >> 16 <= newest_words()->version;
}
