/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_LAYOUT_H
#define PYSTACK_LAYOUT_H

/*
 * Where a field lies in the structs of one CPython: a struct of byte offsets. They come from a table (up to 3.12) or
 * from the target's own _Py_DebugOffsets (3.13 on).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LAYOUT_NONE UINT32_MAX /* this CPython has no such field */

/* How a frame keeps the position at which it runs. */
enum layout_position {
        POSITION_LASTI_BYTES, /* int f_lasti, a byte offset (up to 3.9) */
        POSITION_LASTI_UNITS, /* int f_lasti, in code units of 2 bytes (3.10) */
        POSITION_PREV_INSTR,  /* pointer to the previous code unit (3.11, 3.12) */
        POSITION_INSTR_PTR,   /* pointer to the current instruction (3.13 on) */
};

/* How a code object's line table is encoded. */
enum layout_lines {
        LINES_LNOTAB_UNSIGNED, /* byte pairs, up to 3.5 */
        LINES_LNOTAB_SIGNED,   /* line deltas signed, 3.6 to 3.9 */
        LINES_RANGES,          /* PEP 626's co_linetable, 3.10 */
        LINES_LOCATIONS,       /* variable-length entries, 3.11 on */
};

/* How a dict keeps its entries. */
enum layout_dict {
        DICT_TABLE,   /* in a hash table of its own, 2.x */
        DICT_SLOTS,   /* in a hash table that dicts can share; 3.4 and 3.5 */
        DICT_INDICES, /* in order, behind a table of indices; 3.6 to 3.10 */
        DICT_KINDS,   /* the same, in several kinds, and sizes are logarithms; 3.11 on */
};

/* Where an instance of a class has its attributes. */
enum layout_attributes {
        ATTRIBUTES_DICT,   /* in the dict at tp_dictoffset, up to 3.10 */
        ATTRIBUTES_VALUES, /* in an array or in a dict: pointers to both lie before the object; 3.11 */
        ATTRIBUTES_TAGGED, /* the same by one pointer, whose lowest bit tells; 3.12 */
        ATTRIBUTES_INLINE, /* behind the object, or in a dict to which a pointer before the object points; 3.13 on */
};

/* Where a coroutine that is suspended keeps the object that it awaits: on top of the value stack of its frame. */
enum layout_await {
        AWAIT_NONE, /* it is not known */
        AWAIT_TOP, /* a pointer to the first free slot: f_stacktop up to 3.9, stackpointer from 3.14 on; NULL: it runs */
        AWAIT_DEPTH, /* int: the number of slots behind f_valuestack, 3.10; -1: it runs */
        AWAIT_INDEX, /* int: the number of slots behind localsplus, 3.11 to 3.13; -1: it runs */
};

/* What names and file names are. */
enum layout_text {
        TEXT_FLEXIBLE, /* PEP 393's str */
        TEXT_BYTES,    /* str of 2.x: bytes, UTF-8 as a rule */
};

/* Interpreters of a process. Each takes about 10 MiB, so a longer list is forged. */
#define LAYOUT_INTERPRETERS_MAX 256

struct layout {
        uint16_t version;     /* major << 8 | minor */
        uint8_t micro;        /* of the first release of that minor version with this layout */
        uint32_t object_type; /* ob_type */

        struct { /* LAYOUT_NONE up to 3.6: both are variables of their own there */
                uint32_t interpreters_head;
                uint32_t tstate_current; /* holder of the GIL, up to 3.11 */
        } runtime;

        struct {
                uint32_t next;
                uint32_t threads_head;
                uint32_t gil;             /* pointer to the GIL's state, 3.12 on */
                uint32_t code_generation; /* changes when a code object is freed, 3.14 on */
                uint32_t tlbc_generation; /* uint32: changes when bytecode of a thread is freed, 3.14t on */
        } interp;

        struct { /* offsets from the address that interp.gil points to */
                uint32_t holder;
                uint32_t locked;  /* int */
                uint32_t enabled; /* int; LAYOUT_NONE if the GIL cannot be off */
        } gil;

        struct {                      /* offsets from the interpreter, but for those in _PyRuntime */
                uint32_t collecting;  /* int: 1 while a collection is in progress; in _PyRuntime up to 3.8 */
                uint32_t interrupted; /* pointer to the frame that the collection has interrupted, 3.15 on */
                uint32_t gil;         /* last holder of the GIL of its own; in _PyRuntime up to 3.11 */
        } gc;                         /* all LAYOUT_NONE up to 3.6: the flag is a static variable there */

        struct {
                uint32_t size; /* bytes from the start of the struct that hold all of these */
                uint32_t next;
                uint32_t interp;
                uint32_t frame;            /* the running frame; LAYOUT_NONE if it stands in the cframe */
                uint32_t cframe;           /* pointer to it, 3.11 and 3.12 */
                uint32_t cframe_frame;     /* relative to the cframe */
                uint32_t cframe_previous;  /* relative to the cframe; pointer to the cframe of the loop outside */
                uint32_t cframe_root;      /* the cframe outside all loops, in which nothing runs */
                uint32_t exc_info;         /* pointer to the innermost generator's gi_exc_state, 3.11 and 3.12 */
                uint32_t exc_state;        /* exc_info points to this if no generator runs */
                uint32_t thread_id;        /* pthread_t */
                uint32_t native_thread_id; /* TID in the target's namespace, 3.11 on */
                uint32_t chunk;            /* newest data stack chunk, 3.11 on */
                uint32_t chunk_top;        /* address of the first free word in it */
                uint32_t status;           /* uint32: the bits of _status, 3.12 on */
        } tstate;

        struct {
                uint32_t size; /* bytes from the start of the struct that hold all of these */
                uint32_t previous;
                uint32_t code;
                uint32_t position;
                uint32_t owner;      /* char; LAYOUT_NONE up to 3.10 */
                uint32_t entry;      /* bool: C has called it; 3.11, where no frame is a shim */
                uint32_t stack_top;  /* int: -1 while it runs or waits for C, 3.11 and 3.12 */
                uint32_t tlbc_index; /* int32: which of the code's bytecodes it runs, 3.14t on */
                uint64_t tag_mask;   /* bits of the code pointer that are a tag, 3.14 on */
        } frame;
        enum layout_position position;

        struct { /* generators, coroutines and asynchronous generators: 3.8 on */
                uint32_t
                        frame; /* gi_iframe, the frame itself; up to 3.10 gi_frame, a pointer. LAYOUT_NONE: not known */
                uint32_t state;  /* char: gi_frame_state, 3.11 on; else LAYOUT_NONE */
                uint32_t stack;  /* in the frame: what @await says */
                uint32_t slots;  /* in the frame: the first slot; up to 3.10 a pointer to it */
                uint32_t locals; /* in the frame: the first local variable */
                int8_t created;  /* the value of @state of one that has not begun (Include/internal/pycore_frame.h) */
                int8_t awaits;   /* and of one that awaits, or yields; from 3.13 on only of one that awaits */
                enum layout_await await;
        } coroutine;

        struct {
                uint32_t file;
                uint32_t name; /* co_qualname where there is one */
                uint32_t first_line;
                uint32_t lines;
                uint32_t version;  /* co_version: unique in the process unless 0, 3.12 on */
                uint32_t bytecode; /* of the inline code array, 3.11 on */
                uint32_t tlbc;     /* pointer to the array of per-thread bytecodes, 3.14t on */
                uint32_t words[2]; /* ints whose sum, with extra_words, is the size of its frames; 3.11 and 3.12 */
                uint32_t extra_words;
                uint32_t size; /* bytes from the start of the struct that hold all of these but the bytecode */
        } code;
        enum layout_lines lines;

        enum layout_text text;
        struct { /* PEP 393's str; the str of 2.x has only length and ascii_data */
                uint32_t length;
                uint32_t state;
                uint32_t ascii_data;
                uint32_t compact_data;
                uint32_t data_pointer; /* of strings that are not compact */
                uint32_t kind_shift;
                uint32_t compact_bit;
                uint32_t ascii_bit;
        } string;

        struct {
                uint32_t size;
                uint32_t data;
        } bytes;

        struct {                         /* what the names of threads are found by */
                uint32_t modules;        /* in the interpreter: sys.modules; LAYOUT_NONE: names cannot be found */
                uint32_t type_name;      /* tp_name and so on */
                uint32_t type_size;      /* tp_basicsize */
                uint32_t type_flags;     /* tp_flags */
                uint32_t type_dict;      /* tp_dictoffset */
                uint32_t type_keys;      /* ht_cached_keys, 3.11 on */
                uint32_t dict_keys;      /* ma_keys, or ma_table in 2.x */
                uint32_t dict_values;    /* ma_values, 3.4 on */
                uint32_t int_size;       /* ob_size or lv_tag; ob_ival in 2.x */
                uint32_t int_size_shift; /* the bits below its number of digits */
                uint32_t dict_before;    /* how far before an object the pointer to its dict lies, 3.11 on */
                enum layout_dict dict;
                enum layout_attributes attributes;
        } names;
};

/* Bytes of an object's head, behind which its own fields begin. */
static inline uint32_t layout_head(const struct layout *layout)
{
        return layout->object_type + 8;
}

/*
 * So far behind the last holder of a GIL stands an unsigned long: how often another thread than before has taken it
 * (struct _gil_runtime_state in Include/internal/pycore_gil.h, and take_gil() in Python/ceval_gil.h; same in 3.7 to
 * 3.15).
 */
#define LAYOUT_GIL_SWITCHES_AFTER 16

/* frame.owner of a frame that lies in its generator, not on the data stack. */
#define LAYOUT_OWNER_GENERATOR 1

/* In the generators of 3.11 to 3.13 gi_exc_state lies this many bytes before the frame. */
#define LAYOUT_EXC_STATE_BEFORE 32

/* frame.owner is at least this if the frame is a shim on the C stack, and no Python frame (3.12 on). */
#define LAYOUT_OWNER_SHIM 3

/* The largest sizes above, in any version. Checked when a layout is made. */
#define LAYOUT_MAX_TSTATE 512
#define LAYOUT_MAX_FRAME 160
#define LAYOUT_MAX_CODE 320

/*
 * The layout of a CPython up to 3.12, by PY_VERSION_HEX. NULL if there is none. If the micro version is not known,
 * ask for LAYOUT_MICRO_UNKNOWN, which is the newest one.
 */
const struct layout *layout_find(uint32_t version);

/* The bits of PY_VERSION_HEX for a micro version that is not known. Its release level, 0, is below all others. */
#define LAYOUT_MICRO_UNKNOWN 0xff00

/*
 * Moves all fields of objects by @by bytes. Builds with Py_TRACE_REFS (debug builds up to 3.7 have it) put two
 * pointers before the head of each object.
 */
void layout_widen_objects(struct layout *layout, uint32_t by);

/* The versions that can be read, as major and minor digits: 27, 311; ends with 0. */
extern const uint32_t layout_abis[];

/* PY_VERSION_HEX of such a version, with LAYOUT_MICRO_UNKNOWN; 0 if @abi is none of them. */
uint32_t layout_abi_version(uint32_t abi);

/* layout_from_debug_offsets() needs at most this many bytes. 3.15's table has 888. */
#define LAYOUT_DEBUG_OFFSETS_MAX 1024

struct layout_debug_info {
        uint32_t version; /* PY_VERSION_HEX */
        bool free_threaded;
        bool known; /* it is a release of a version whose table is known; other versions are on trial */
};

/* Whether @table, of @len bytes, begins like _Py_DebugOffsets. @ret: what it says of its version. */
bool layout_debug_probe(const void *table, size_t len, struct layout_debug_info *ret);

/* What is wrong with such a table: the first thing that was found. */
struct layout_fault {
        const char *field;    /* static */
        const char *expected; /* static */
        size_t word;          /* its position in the table */
        uint64_t wanted;      /* the value or bound that @expected speaks of; 0: none */
        uint64_t found;
};

/*
 * Makes a layout of a _Py_DebugOffsets table (3.13 on). Its words are in the order of @version, or of the newest
 * version that is known if @version is newer than that. PYSTACK_E_UNSUPPORTED if the version has no such table,
 * PYSTACK_E_CORRUPT if a value is absurd or the table is not in that order: then @ret_fault says which.
 */
int layout_from_debug_offsets(const void *table, size_t len, uint32_t version, struct layout *ret,
                              struct layout_fault *ret_fault);

#endif
