/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_MACHINE_H
#define PYSTACK_MACHINE_H

/*
 * What differs between the kinds of machine that interpreters are built for: the sizes of libc's own structs, and
 * machine code. All else is the same on all machines with 64-bit pointers and little-endian bytes.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Recordings hold these values, so they never change. */
enum machine_kind {
        MACHINE_X86_64 = 0,
        MACHINE_AARCH64 = 1,
};

/* If nothing tells which libc it is, the first one is assumed. */
enum { MACHINE_GLIBC, MACHINE_MUSL, MACHINE_LIBCS };

struct machine {
        const char *name; /* as `uname -m` says it */
        bool rseq;        /* a pthread_t is a thread pointer, and loads are not reordered: see rseq.c */
        struct {
                uint32_t tid; /* offset of the TID in struct pthread */
                /*
                 * Bytes by which _PyRuntime is longer than on x86-64, up to 3.12, because of the GIL's two mutexes.
                 * tstate_current lies behind them.
                 */
                uint32_t mutexes;
        } libcs[MACHINE_LIBCS];
        /*
         * The address of the variable that PyInterpreterState_Head() returns, by its code: the bytes @code at @address.
         * 0 if it is other code.
         */
        uint64_t (*decode_head)(const uint8_t code[static 16], uint64_t address);
};

/* NULL if @kind is no machine_kind. A recording can say anything. */
const struct machine *machine_get(uint64_t kind);

/* The kind of machine that this program runs on. The processes that it reads run on the same. */
enum machine_kind machine_here(void);

#endif
