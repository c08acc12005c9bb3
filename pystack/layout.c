/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The layouts of the CPythons that do not describe themselves (up to 3.12).
 *
 * Within one minor version these fields never moved between releases. The
 * values are offsetof() on the headers of 3.8.18, 3.9.18, 3.10.13, 3.11.7 and
 * 3.12.0/.10 for 64-bit little-endian targets, confirmed on running processes.
 */
#include "layout.h"

#define STRINGS_UP_TO_3_11                                                                                 \
        {                                                                                                  \
                .length = 16, .state = 32, .ascii_data = 48, .compact_data = 72, .data_pointer = 72,       \
                .kind_shift = 2, .compact_bit = 0x20, .ascii_bit = 0x40,                                   \
        }
#define STRINGS_3_12                                                                                       \
        {                                                                                                  \
                .length = 16, .state = 32, .ascii_data = 40, .compact_data = 56, .data_pointer = 56,       \
                .kind_shift = 2, .compact_bit = 0x20, .ascii_bit = 0x40,                                   \
        }
#define BYTES                                                                                              \
        {                                                                                                  \
                .size = 16, .data = 32,                                                                    \
        }
#define NO_GIL_STRUCT                                                                                      \
        {                                                                                                  \
                .holder = LAYOUT_NONE, .locked = LAYOUT_NONE,                                              \
        }
/* The thread state of 3.8 to 3.10: frames are heap objects, TIDs are not kept. */
#define TSTATE_3_8                                                                                         \
        {                                                                                                  \
                .size = 184, .next = 8, .interp = 16, .frame = 24, .cframe = LAYOUT_NONE,                  \
                .cframe_frame = LAYOUT_NONE, .thread_id = 176, .native_thread_id = LAYOUT_NONE,            \
                .chunk = LAYOUT_NONE, .chunk_top = LAYOUT_NONE,                                            \
        }
#define FRAME_3_8                                                                                          \
        {                                                                                                  \
                .size = 112, .previous = 24, .code = 32, .position = 104, .owner = LAYOUT_NONE,            \
        }
#define CODE_3_8                                                                                           \
        {                                                                                                  \
                .file = 104, .name = 112, .first_line = 40, .lines = 120, .version = LAYOUT_NONE,          \
                .bytecode = LAYOUT_NONE, .size = 128,                                                      \
        }

static const struct layout table[] = {
        {
                .version = 0x0308,
                .runtime = { .interpreters_head = 32, .tstate_current = 1368 },
                .interp = { .next = 0, .threads_head = 8, .gil = LAYOUT_NONE, .code_generation = LAYOUT_NONE },
                .gil = NO_GIL_STRUCT,
                .tstate = TSTATE_3_8,
                .frame = FRAME_3_8,
                .position = POSITION_LASTI_BYTES,
                .code = CODE_3_8,
                .lines = LINES_LNOTAB_SIGNED,
                .string = STRINGS_UP_TO_3_11,
                .bytes = BYTES,
        },
        {
                .version = 0x0309,
                .runtime = { .interpreters_head = 32, .tstate_current = 568 },
                .interp = { .next = 0, .threads_head = 8, .gil = LAYOUT_NONE, .code_generation = LAYOUT_NONE },
                .gil = NO_GIL_STRUCT,
                .tstate = TSTATE_3_8,
                .frame = FRAME_3_8,
                .position = POSITION_LASTI_BYTES,
                .code = CODE_3_8,
                .lines = LINES_LNOTAB_SIGNED,
                .string = STRINGS_UP_TO_3_11,
                .bytes = BYTES,
        },
        {
                .version = 0x030a,
                .runtime = { .interpreters_head = 32, .tstate_current = 568 },
                .interp = { .next = 0, .threads_head = 8, .gil = LAYOUT_NONE, .code_generation = LAYOUT_NONE },
                .gil = NO_GIL_STRUCT,
                .tstate = TSTATE_3_8,
                .frame = { .size = 104, .previous = 24, .code = 32, .position = 96, .owner = LAYOUT_NONE },
                .position = POSITION_LASTI_UNITS,
                .code = CODE_3_8,
                .lines = LINES_RANGES,
                .string = STRINGS_UP_TO_3_11,
                .bytes = BYTES,
        },
        {
                .version = 0x030b,
                .runtime = { .interpreters_head = 40, .tstate_current = 576 },
                .interp = { .next = 0, .threads_head = 16, .gil = LAYOUT_NONE, .code_generation = LAYOUT_NONE },
                .gil = NO_GIL_STRUCT,
                .tstate = { .size = 320, .next = 8, .interp = 16, .frame = LAYOUT_NONE, .cframe = 56,
                            .cframe_frame = 8, .thread_id = 152, .native_thread_id = 160, .chunk = 296,
                            .chunk_top = 304 },
                .frame = { .size = 72, .previous = 48, .code = 32, .position = 56, .owner = LAYOUT_NONE },
                .position = POSITION_PREV_INSTR,
                .code = { .file = 112, .name = 128, .first_line = 72, .lines = 136, .version = LAYOUT_NONE,
                          .bytecode = 184, .size = 144 },
                .lines = LINES_LOCATIONS,
                .string = STRINGS_UP_TO_3_11,
                .bytes = BYTES,
        },
        {
                .version = 0x030c,
                .runtime = { .interpreters_head = 40, .tstate_current = LAYOUT_NONE },
                .interp = { .next = 0, .threads_head = 72, .gil = 384, .code_generation = LAYOUT_NONE },
                .gil = { .holder = 8, .locked = 16 },
                .tstate = { .size = 256, .next = 8, .interp = 16, .frame = LAYOUT_NONE, .cframe = 56,
                            .cframe_frame = 0, .thread_id = 136, .native_thread_id = 144, .chunk = 232,
                            .chunk_top = 240 },
                .frame = { .size = 72, .previous = 8, .code = 0, .position = 56, .owner = 70 },
                .position = POSITION_PREV_INSTR,
                .code = { .file = 112, .name = 128, .first_line = 68, .lines = 136, .version = 92,
                          .bytecode = 192, .size = 144 },
                .lines = LINES_LOCATIONS,
                .string = STRINGS_3_12,
                .bytes = BYTES,
        },
};

const struct layout *layout_find(uint32_t version)
{
        for (size_t i = 0; i < sizeof table / sizeof *table; i++)
                if (table[i].version == version >> 16)
                        return &table[i];
        return NULL;
}
