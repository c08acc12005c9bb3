/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_REFUSAL_H
#define PYSTACK_REFUSAL_H

/* What pystack did not accept of a target: a part of pystack.h. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define PYSTACK_REFUSAL_NAME_SIZE 64

/*
 * One thing in the target that pystack did not accept. Refusals explain errors: PYSTACK_E_CORRUPT alone does not say
 * what was corrupt. Some refusals are no errors: a torn snapshot is taken again.
 */
struct pystack_refusal {
        pid_t pid;            /* 0: not a live process */
        const char *field;    /* what was looked at, e.g. "tstate.interp"; the same pointer each time; static */
        const char *expected; /* what would have been accepted; static */
        uint64_t address;     /* in the target; 0: it has none */
        uint64_t wanted;      /* the value or bound that @expected speaks of; 0: none */
        uint64_t found;       /* the value there */
        bool unreadable;      /* no value could be read there */
        char name[PYSTACK_REFUSAL_NAME_SIZE]; /* a name that belongs to it, e.g. a file's, escaped; or "" */
};

/*
 * Is told each refusal as it happens, by the thread that calls pystack: it must not block where that thread must not.
 * pystack_open() tells those of the opening before it returns.
 */
typedef void (*pystack_trace_fn)(void *ctx, const struct pystack_refusal *refusal);

struct pystack_trace {
        pystack_trace_fn refused; /* NULL: nobody is told, and nothing is spent on it */
        void *ctx;                /* borrowed until pystack_close() */
};

/* Bytes of the longest line, NUL included. */
#define PYSTACK_REFUSAL_SIZE 256

/* "tstate.interp at 0x7f...: expected the address of its interpreter (0x...), found 0x0". */
void pystack_refusal_text(const struct pystack_refusal *refusal, char ret[static PYSTACK_REFUSAL_SIZE]);

#endif
