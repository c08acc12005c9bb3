/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The layouts of the CPythons that do not describe themselves (up to 3.12), for 64-bit little-endian targets.
 *
 * Within a minor version these fields have moved only once: 3.7.4 aligned the garbage collector's head anew
 * (bpo-27987), which moved all that follows it in _PyRuntime.
 *
 * The values are offsetof() on the headers of 2.6.9, 2.7.18, 3.4.10, 3.5.9, 3.6.15, 3.7.3, 3.7.16, 3.8.18, 3.9.18,
 * 3.10.13, 3.11.7, 3.12.0 and 3.12.10. All but those of 3.7.3 were confirmed on running processes.
 */
#include "layout.h"

#define STRINGS_2                               \
        {                                       \
                .length = 16, .ascii_data = 36, \
        }
#define STRINGS_UP_TO_3_11                                                                                            \
        {                                                                                                             \
                .length = 16, .state = 32, .ascii_data = 48, .compact_data = 72, .data_pointer = 72, .kind_shift = 2, \
                .compact_bit = 0x20, .ascii_bit = 0x40,                                                               \
        }
#define STRINGS_3_12                                                                                                  \
        {                                                                                                             \
                .length = 16, .state = 32, .ascii_data = 40, .compact_data = 56, .data_pointer = 56, .kind_shift = 2, \
                .compact_bit = 0x20, .ascii_bit = 0x40,                                                               \
        }
#define BYTES                           \
        {                               \
                .size = 16, .data = 32, \
        }
/* PyTypeObject begins alike in all of them. The arguments are the members that differ. */
#define NAMES(...)                                                                                  \
        {                                                                                           \
                .type_name = 24, .type_size = 32, .type_flags = 168, .type_dict = 288, __VA_ARGS__, \
        }
#define NAMES_2                                                                                                     \
        NAMES(.modules = 16, .type_keys = LAYOUT_NONE, .dict_keys = 40, .dict_values = LAYOUT_NONE, .int_size = 16, \
              .dict_before = LAYOUT_NONE, .dict = DICT_TABLE)
#define NAMES_3_4                                                                                          \
        NAMES(.modules = 16, .type_keys = LAYOUT_NONE, .dict_keys = 24, .dict_values = 32, .int_size = 16, \
              .dict_before = LAYOUT_NONE, .dict = DICT_SLOTS)
/* 3.6 to 3.10. */
#define NAMES_3_6(sys_modules)                                                                                        \
        NAMES(.modules = (sys_modules), .type_keys = LAYOUT_NONE, .dict_keys = 32, .dict_values = 40, .int_size = 16, \
              .dict_before = LAYOUT_NONE, .dict = DICT_INDICES)
#define NO_GIL_STRUCT                                                                 \
        {                                                                             \
                .holder = LAYOUT_NONE, .locked = LAYOUT_NONE, .enabled = LAYOUT_NONE, \
        }
#define INTERP(...)                                                                          \
        {                                                                                    \
                .code_generation = LAYOUT_NONE, .tlbc_generation = LAYOUT_NONE, __VA_ARGS__, \
        }
#define NO_GC                                                                              \
        {                                                                                  \
                .collecting = LAYOUT_NONE, .interrupted = LAYOUT_NONE, .gil = LAYOUT_NONE, \
        }
#define GC(...)                                          \
        {                                                \
                .interrupted = LAYOUT_NONE, __VA_ARGS__, \
        }
#define NO_RUNTIME                                                               \
        {                                                                        \
                .interpreters_head = LAYOUT_NONE, .tstate_current = LAYOUT_NONE, \
        }
#define NO_LOOPS                                                                            \
        .cframe = LAYOUT_NONE, .cframe_frame = LAYOUT_NONE, .cframe_previous = LAYOUT_NONE, \
        .cframe_root = LAYOUT_NONE, .exc_info = LAYOUT_NONE, .exc_state = LAYOUT_NONE
/*
 * Up to 3.10 frames are objects in the heap, and thread states have no TIDs. The arguments are the members that there
 * are.
 */
#define TSTATE_OF_OBJECTS(...)                                                                             \
        {                                                                                                  \
                NO_LOOPS, .native_thread_id = LAYOUT_NONE, .chunk = LAYOUT_NONE, .chunk_top = LAYOUT_NONE, \
                          .status = LAYOUT_NONE, __VA_ARGS__,                                              \
        }
#define FRAME_OBJECT(...)                                                                                        \
        {                                                                                                        \
                .owner = LAYOUT_NONE, .entry = LAYOUT_NONE, .stack_top = LAYOUT_NONE, .tlbc_index = LAYOUT_NONE, \
                __VA_ARGS__,                                                                                     \
        }
#define CODE_OF_OBJECTS(...)                                                          \
        {                                                                             \
                .version = LAYOUT_NONE, .bytecode = LAYOUT_NONE, .tlbc = LAYOUT_NONE, \
                .words = { LAYOUT_NONE, LAYOUT_NONE }, __VA_ARGS__,                   \
        }
#define NO_COROUTINES                                       \
        {                                                   \
                .frame = LAYOUT_NONE, .state = LAYOUT_NONE, \
        }
/* 2.6 and 2.7 are alike. */
#define PYTHON_2                                                                                                      \
        .object_type = 8, .runtime = NO_RUNTIME, .interp = INTERP(.next = 0, .threads_head = 8, .gil = LAYOUT_NONE),  \
        .gil = NO_GIL_STRUCT, .gc = NO_GC,                                                                            \
        .tstate = TSTATE_OF_OBJECTS(.size = 152, .next = 0, .interp = 8, .frame = 16, .thread_id = 144),              \
        .frame = FRAME_OBJECT(.size = 128, .previous = 24, .code = 32, .position = 120),                              \
        .position = POSITION_LASTI_BYTES, .coroutine = NO_COROUTINES,                                                 \
        .code = CODE_OF_OBJECTS(.file = 80, .name = 88, .first_line = 96, .lines = 104, .size = 112),                 \
        .lines = LINES_LNOTAB_UNSIGNED, .text = TEXT_BYTES, .string = STRINGS_2, .bytes = { .size = 16, .data = 36 }, \
        .names = NAMES_2
/* What 3.4 to 3.10 have in common. */
#define PYTHON_3                                                                                                    \
        .object_type = 8, .interp = INTERP(.next = 0, .threads_head = 8, .gil = LAYOUT_NONE), .gil = NO_GIL_STRUCT, \
        .text = TEXT_FLEXIBLE, .string = STRINGS_UP_TO_3_11, .bytes = BYTES
/* 3.4 and 3.5 are alike. */
#define PYTHON_3_4                                                                                                  \
        PYTHON_3, .runtime = NO_RUNTIME, .gc = NO_GC,                                                               \
                  .tstate = TSTATE_OF_OBJECTS(.size = 160, .next = 8, .interp = 16, .frame = 24, .thread_id = 152), \
                  .frame = FRAME_OBJECT(.size = 128, .previous = 24, .code = 32, .position = 120),                  \
                  .position = POSITION_LASTI_BYTES, .coroutine = NO_COROUTINES,                                     \
                  .code = CODE_OF_OBJECTS(.file = 96, .name = 104, .first_line = 112, .lines = 120, .size = 128),   \
                  .lines = LINES_LNOTAB_UNSIGNED, .names = NAMES_3_4
#define PYTHON_3_7                                                                                                  \
        PYTHON_3, .tstate = TSTATE_OF_OBJECTS(.size = 184, .next = 8, .interp = 16, .frame = 24, .thread_id = 176), \
                  .frame = FRAME_OBJECT(.size = 112, .previous = 24, .code = 32, .position = 104),                  \
                  .position = POSITION_LASTI_BYTES, .coroutine = NO_COROUTINES,                                     \
                  .code = CODE_OF_OBJECTS(.file = 96, .name = 104, .first_line = 36, .lines = 112, .size = 120),    \
                  .lines = LINES_LNOTAB_SIGNED, .names = NAMES_3_6(40)

/* If a minor version has several layouts, the later one comes first. */
static const struct layout table[] = {
        { .version = 0x0206, PYTHON_2 },
        { .version = 0x0207, PYTHON_2 },
        { .version = 0x0304, PYTHON_3_4 },
        { .version = 0x0305, PYTHON_3_4 },
        {
                .version = 0x0306,
                PYTHON_3,
                .runtime = NO_RUNTIME,
                .gc = NO_GC,
                .tstate = TSTATE_OF_OBJECTS(.size = 160, .next = 8, .interp = 16, .frame = 24, .thread_id = 152),
                .frame = FRAME_OBJECT(.size = 128, .previous = 24, .code = 32, .position = 120),
                .position = POSITION_LASTI_BYTES,
                .coroutine = NO_COROUTINES,
                .code = CODE_OF_OBJECTS(.file = 96, .name = 104, .first_line = 36, .lines = 112, .size = 120),
                .lines = LINES_LNOTAB_SIGNED,
                .names = NAMES_3_6(16),
        },
        {
                .version = 0x0307,
                .micro = 4,
                PYTHON_3_7,
                .runtime = { .interpreters_head = 24, .tstate_current = 1480 },
                .gc = GC(.collecting = 632, .gil = 1272),
        },
        {
                .version = 0x0307,
                .micro = 0,
                PYTHON_3_7,
                .runtime = { .interpreters_head = 24, .tstate_current = 1392 },
                .gc = GC(.collecting = 544, .gil = 1184),
        },
        {
                .version = 0x0308,
                PYTHON_3,
                .runtime = { .interpreters_head = 32, .tstate_current = 1368 },
                .gc = GC(.collecting = 544, .gil = 1160),
                .tstate = TSTATE_OF_OBJECTS(.size = 184, .next = 8, .interp = 16, .frame = 24, .thread_id = 176),
                .frame = FRAME_OBJECT(.size = 112, .previous = 24, .code = 32, .position = 104),
                .position = POSITION_LASTI_BYTES,
                .coroutine = { .frame = 16,
                               .state = LAYOUT_NONE,
                               .stack = 72,
                               .locals = 360,
                               .slots = 64,
                               .await = AWAIT_TOP },
                .code = CODE_OF_OBJECTS(.file = 104, .name = 112, .first_line = 40, .lines = 120, .size = 128),
                .lines = LINES_LNOTAB_SIGNED,
                .names = NAMES_3_6(56),
        },
        {
                .version = 0x0309,
                PYTHON_3,
                .runtime = { .interpreters_head = 32, .tstate_current = 568 },
                .gc = GC(.collecting = 816, .gil = 360),
                .tstate = TSTATE_OF_OBJECTS(.size = 184, .next = 8, .interp = 16, .frame = 24, .thread_id = 176),
                .frame = FRAME_OBJECT(.size = 112, .previous = 24, .code = 32, .position = 104),
                .position = POSITION_LASTI_BYTES,
                .coroutine = { .frame = 16,
                               .state = LAYOUT_NONE,
                               .stack = 72,
                               .locals = 360,
                               .slots = 64,
                               .await = AWAIT_TOP },
                .code = CODE_OF_OBJECTS(.file = 104, .name = 112, .first_line = 40, .lines = 120, .size = 128),
                .lines = LINES_LNOTAB_SIGNED,
                .names = NAMES_3_6(856),
        },
        {
                .version = 0x030a,
                PYTHON_3,
                .runtime = { .interpreters_head = 32, .tstate_current = 568 },
                .gc = GC(.collecting = 816, .gil = 360),
                .tstate = TSTATE_OF_OBJECTS(.size = 184, .next = 8, .interp = 16, .frame = 24, .thread_id = 176),
                .frame = FRAME_OBJECT(.size = 104, .previous = 24, .code = 32, .position = 96),
                .position = POSITION_LASTI_UNITS,
                .coroutine = { .frame = 16,
                               .state = LAYOUT_NONE,
                               .stack = 80,
                               .locals = 352,
                               .slots = 64,
                               .await = AWAIT_DEPTH },
                .code = CODE_OF_OBJECTS(.file = 104, .name = 112, .first_line = 40, .lines = 120, .size = 128),
                .lines = LINES_RANGES,
                .names = NAMES_3_6(856),
        },
        {
                .version = 0x030b,
                .object_type = 8,
                .runtime = { .interpreters_head = 40, .tstate_current = 576 },
                .interp = INTERP(.next = 0, .threads_head = 16, .gil = LAYOUT_NONE),
                .gil = NO_GIL_STRUCT,
                .gc = GC(.collecting = 848, .gil = 368),
                .tstate = { .size = 320,
                            .next = 8,
                            .interp = 16,
                            .frame = LAYOUT_NONE,
                            .cframe = 56,
                            .cframe_frame = 8,
                            .cframe_previous = 16,
                            .cframe_root = 336,
                            .exc_info = 120,
                            .exc_state = 320,
                            .thread_id = 152,
                            .native_thread_id = 160,
                            .chunk = 296,
                            .chunk_top = 304,
                            .status = LAYOUT_NONE },
                .frame = { .size = 72,
                           .previous = 48,
                           .code = 32,
                           .position = 56,
                           .owner = 69,
                           .entry = 68,
                           .stack_top = 64,
                           .tlbc_index = LAYOUT_NONE },
                .position = POSITION_PREV_INSTR,
                .coroutine = { .frame = 80,
                               .state = 75,
                               .stack = 64,
                               .locals = 72,
                               .slots = 72,
                               .await = AWAIT_INDEX,
                               .created = -2,
                               .awaits = -1 },
                .code = { .file = 112,
                          .name = 128,
                          .first_line = 72,
                          .lines = 136,
                          .version = LAYOUT_NONE,
                          .bytecode = 184,
                          .tlbc = LAYOUT_NONE,
                          .words = { 68, 76 },
                          .extra_words = 9,
                          .size = 144 },
                .lines = LINES_LOCATIONS,
                .string = STRINGS_UP_TO_3_11,
                .bytes = BYTES,
                .names = NAMES(.modules = 888, .type_keys = 872, .dict_keys = 32, .dict_values = 40, .int_size = 16,
                               .dict_before = 24, .dict = DICT_KINDS, .attributes = ATTRIBUTES_VALUES),
        },
        {
                .version = 0x030c,
                .object_type = 8,
                .runtime = { .interpreters_head = 40, .tstate_current = LAYOUT_NONE },
                .interp = INTERP(.next = 0, .threads_head = 72, .gil = 384),
                .gil = { .holder = 8, .locked = 16, .enabled = LAYOUT_NONE },
                .gc = GC(.collecting = 312, .gil = 1048),
                .tstate = { .size = 256,
                            .next = 8,
                            .interp = 16,
                            .frame = LAYOUT_NONE,
                            .cframe = 56,
                            .cframe_frame = 0,
                            .cframe_previous = 8,
                            .cframe_root = 272,
                            .exc_info = 104,
                            .exc_state = 256,
                            .thread_id = 136,
                            .native_thread_id = 144,
                            .chunk = 232,
                            .chunk_top = 240,
                            .status = 24 },
                .frame = { .size = 72,
                           .previous = 8,
                           .code = 0,
                           .position = 56,
                           .owner = 70,
                           .entry = LAYOUT_NONE,
                           .stack_top = 64,
                           .tlbc_index = LAYOUT_NONE },
                .position = POSITION_PREV_INSTR,
                .coroutine = { .frame = 72,
                               .state = 67,
                               .stack = 64,
                               .locals = 72,
                               .slots = 72,
                               .await = AWAIT_INDEX,
                               .created = -2,
                               .awaits = -1 },
                .code = { .file = 112,
                          .name = 128,
                          .first_line = 68,
                          .lines = 136,
                          .version = 92,
                          .bytecode = 192,
                          .tlbc = LAYOUT_NONE,
                          .words = { 76, LAYOUT_NONE },
                          .size = 144 },
                .lines = LINES_LOCATIONS,
                .string = STRINGS_3_12,
                .bytes = BYTES,
                .names = NAMES(.modules = 944, .type_keys = 880, .dict_keys = 32, .dict_values = 40, .int_size = 16,
                               .int_size_shift = 3, .dict_before = 24, .dict = DICT_KINDS,
                               .attributes = ATTRIBUTES_TAGGED),
        },
};

const struct layout *layout_find(uint32_t version)
{
        for (size_t i = 0; i < sizeof table / sizeof *table; i++)
                if (table[i].version == version >> 16 && table[i].micro <= (version >> 8 & 0xff))
                        return &table[i];
        return NULL;
}

static void widen_offset(uint32_t *offset, uint32_t by)
{
        if (*offset != LAYOUT_NONE)
                *offset += by;
}

void layout_widen_objects(struct layout *l, uint32_t by)
{
        uint32_t *const offsets[] = {
                &l->object_type,         &l->code.file,       &l->code.name,         &l->code.first_line,
                &l->code.lines,          &l->code.version,    &l->code.bytecode,     &l->code.size,
                &l->code.words[0],       &l->code.words[1],   &l->string.length,     &l->string.state,
                &l->bytes.size,          &l->bytes.data,      &l->string.ascii_data, &l->string.compact_data,
                &l->string.data_pointer, &l->names.type_name, &l->names.type_size,   &l->names.type_flags,
                &l->names.type_dict,     &l->names.type_keys, &l->names.dict_keys,   &l->names.dict_values,
                &l->names.int_size,      &l->coroutine.frame, &l->coroutine.state,
        };
        uint32_t *const of_frame[] = { &l->frame.size,      &l->frame.previous,  &l->frame.code,
                                       &l->frame.position,  &l->coroutine.stack, &l->coroutine.slots,
                                       &l->coroutine.locals };

        for (size_t i = 0; i < sizeof offsets / sizeof *offsets; i++)
                widen_offset(offsets[i], by);
        /* From 3.11 on frames are no objects. */
        for (size_t i = 0; i < sizeof of_frame / sizeof *of_frame && l->tstate.chunk == LAYOUT_NONE; i++)
                widen_offset(of_frame[i], by);
}

/* Major and minor digits, as Pyflame's --abi has them. */
const uint32_t layout_abis[] = { 26, 27, 34, 35, 36, 37, 38, 39, 310, 311, 312, 313, 314, 315, 0 };

uint32_t layout_abi_version(uint32_t abi)
{
        for (size_t i = 0; layout_abis[i]; i++) {
                uint32_t scale = abi < 100 ? 10 : 100;
                if (layout_abis[i] == abi)
                        return (abi / scale) << 24 | (abi % scale) << 16 | LAYOUT_MICRO_UNKNOWN;
        }
        return 0;
}
