/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_FORGE_H
#define TESTS_FORGE_H

/*
 * A forged interpreter: memory laid out like a CPython's, by its layout, with a
 * reader over it. Tests build stacks in it whose truth they know, damage them,
 * and change them while they are read.
 */

#include "pystack/internal.h"
#include "pystack/locate/locate.h"

/* Where the forged memory begins in the forged address space, and its size. */
#define FORGE_BASE 0x7f0000000000ull
#define FORGE_SIZE (8u << 20)

/* The first thread's pthread_t, and its TID. */
#define FORGE_PTHREAD 0x5150

/* The _status of a thread state that its thread has entered: initialized, bound, bound_gilstate. */
#define FORGE_ENTERED 0xb

/* A version, as tests loop over them. */
struct forge_version {
        const char *name;
        uint32_t version;  /* PY_VERSION_HEX */
        const char *table; /* of its _Py_DebugOffsets, in the fixtures; NULL: a version that has none */
        uint32_t widened;  /* bytes before each object's head */
};

/* One of each layout that there is; ends with a NULL name. */
extern const struct forge_version forge_versions[];
#define EACH_VERSION(v) for (const struct forge_version *v = forge_versions; v->name; v++)

/* The one of that name. */
const struct forge_version *forge_version(const char *name);

struct forge {
        const struct forge_version *version;
        struct layout layout;
        uint8_t *memory;
        uint64_t used;
        uint64_t runtime; /* up to 3.6: of the two variables, the current thread state first */
        uint64_t interp, tstate;
        uint64_t cframe; /* of the loop that all frames are in, 3.11 */
        uint64_t code_type, type_type;
        uint64_t chunk, chunk_top;
        uint64_t root;  /* the shim that all chains end in, 3.12 on */
        unsigned reads; /* calls of the reader */
        /* Called before each of the @n spans of a read is copied; NULL: not. */
        void (*between)(struct forge *, size_t span, size_t n);
        void *test; /* for the test's own use */
};

/* Reads the table of debug offsets called @name, as it stands in memory. Returns its length. */
size_t forge_read_table(const char *name, uint64_t words[static 128]);

/* A runtime with one interpreter and one thread that runs nothing. */
void forge_init(struct forge *forge, const struct forge_version *version);
void forge_deinit(struct forge *forge);

/* What reads it, where it is, and where its own lists begin. */
struct pystack_memory forge_remote(struct forge *forge);
struct pystack_location forge_location(const struct forge *forge);
struct runtime forge_runtime(const struct forge *forge);

struct pystack *forge_open(struct forge *forge);
struct pystack_thread *forge_thread(struct forge *forge, struct pystack *py);

/* Another thread state at the head of the list: the TIDs and pthread_t are @id. */
uint64_t forge_add_thread(struct forge *forge, uint64_t id);

uint64_t forge_alloc(struct forge *forge, size_t size);
uint8_t *forge_at(struct forge *forge, uint64_t addr);
void forge_word(struct forge *forge, uint64_t addr, uint64_t value);
void forge_half(struct forge *forge, uint64_t addr, uint32_t value);

/* Objects. The line table of a code object is empty, or @table. */
uint64_t forge_string(struct forge *forge, const char *ascii);
uint64_t forge_code(struct forge *forge, const char *name, const char *file, uint32_t first_line);
void forge_lines(struct forge *forge, uint64_t code, const void *table, size_t len);
/* Writes another code object over the one at @code. */
void forge_recode(struct forge *forge, uint64_t code, const char *name, const char *file, uint32_t first_line);

/*
 * A frame on the data stack (or in the heap, up to 3.10), called by @previous; 0:
 * by no Python, thus by the root where there is one.
 */
uint64_t forge_frame(struct forge *forge, uint64_t code, uint64_t previous);
/* The same outside the data stack: a generator's (owner 1) or a shim (owner 3). */
uint64_t forge_frame_elsewhere(struct forge *forge, uint64_t code, uint64_t previous, int owner);

/* Makes @frame the running one, of the first thread or of another one; 0: nothing runs. */
void forge_run(struct forge *forge, uint64_t frame);
void forge_run_in(struct forge *forge, uint64_t tstate, uint64_t frame);

#endif
