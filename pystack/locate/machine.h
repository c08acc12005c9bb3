/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_MACHINE_H
#define PYSTACK_MACHINE_H

/*
 * What depends on the kind of machine that an interpreter was built for: the sizes
 * of libc's own structs, and code. All else is the same wherever pointers have 64
 * bits and bytes are little-endian.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The values stand in recordings. */
enum machine_kind {
        MACHINE_X86_64 = 0,
        MACHINE_AARCH64 = 1,
};

/* glibc first: where nothing tells which it is, it is that. */
enum { MACHINE_GLIBC, MACHINE_MUSL, MACHINE_LIBCS };

struct machine {
        const char *name; /* as `uname -m` has it */
        bool rseq;        /* a pthread_t is a thread pointer, and loads are not reordered: see rseq.c */
        struct {
                uint32_t tid; /* where struct pthread has the TID */
                /*
                 * How many bytes _PyRuntime is longer than on x86-64, up to 3.12, from the
                 * GIL's two mutexes on; tstate_current stands behind them.
                 */
                uint32_t mutexes;
        } libcs[MACHINE_LIBCS];
        /*
         * The address of the variable that the code of PyInterpreterState_Head() returns:
         * @code are the bytes at @address. 0 if they are not such code.
         */
        uint64_t (*decode_head)(const uint8_t code[static 16], uint64_t address);
};

/* Also takes what a recording says: NULL if that is no machine_kind. */
const struct machine *machine_get(uint64_t kind);

/* The one that this program runs on, and so do those that it reads. */
enum machine_kind machine_here(void);

#endif
