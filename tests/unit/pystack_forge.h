/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_FORGE_H
#define TESTS_FORGE_H

/*
 * A forged interpreter: memory laid out like a CPython's, by its layout, with a
 * reader over it. Tests build stacks in it whose truth they know, damage them,
 * and change them while they are read.
 */

#include "pystack/internal.h"

/* Where the forged memory begins in the forged address space, and its size. */
#define FORGE_BASE 0x7f0000000000ull
#define FORGE_SIZE (8u << 20)

struct forge {
        struct layout layout;
        uint8_t *memory;
        uint64_t used;
        uint64_t runtime, interp, tstate, cframe;
        uint64_t chunk, chunk_top;
        unsigned reads; /* calls of the reader */
        /* Called before each of the @n spans of a read is copied; NULL: not. */
        void (*between)(struct forge *, size_t span, size_t n);
        void *test; /* for the test's own use */
};

/* A runtime with one interpreter and one thread that runs nothing. Version as in PY_VERSION_HEX. */
void forge_init(struct forge *forge, uint32_t version);
void forge_deinit(struct forge *forge);

struct pystack *forge_open(struct forge *forge);
struct pystack_thread *forge_thread(struct forge *forge, struct pystack *py);

uint64_t forge_alloc(struct forge *forge, size_t size);
uint8_t *forge_at(struct forge *forge, uint64_t addr);
void forge_word(struct forge *forge, uint64_t addr, uint64_t value);

/* Objects; @lines is a line table with one line for all. */
uint64_t forge_string(struct forge *forge, const char *ascii);
uint64_t forge_code(struct forge *forge, const char *name, const char *file, uint32_t first_line);
/* Writes another code object over the one at @code. */
void forge_recode(struct forge *forge, uint64_t code, const char *name, const char *file, uint32_t first_line);

/* A frame on the data stack (or in the heap, up to 3.10), called by @previous. */
uint64_t forge_frame(struct forge *forge, uint64_t code, uint64_t previous);
/* The same outside the data stack: a generator's (owner 1) or a shim (owner 3). */
uint64_t forge_frame_elsewhere(struct forge *forge, uint64_t code, uint64_t previous, int owner);

/* Makes @frame the running one. */
void forge_run(struct forge *forge, uint64_t frame);

#endif
