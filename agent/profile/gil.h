/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROFILE_GIL_H
#define PROFILE_GIL_H

/* What samples say of a GIL. It is a part of profile.h, which includes it. */

#include <stdbool.h>
#include <stdint.h>

struct profile;
struct profile_function;

/*
 * What a sample says of a GIL. Where every thread is sampled to tell who waits for whom, each tick has such a sample for
 * each GIL. Its leaf frame has no file, and says how many threads wait for the GIL: "[holds GIL: 3 wait]".
 */
enum profile_gil {
        PROFILE_GIL_NONE,    /* nothing: it is another frame */
        PROFILE_GIL_HELD,    /* this thread holds it; the rest of the stack is what it does */
        PROFILE_GIL_UNTOLD,  /* it is not known who holds it, or what that thread does */
        PROFILE_GIL_FREE,    /* nobody holds it */
        PROFILE_GIL_MISSING, /* there is none: it is a free-threaded build */
};
#define PROFILE_GIL_SIZE 48
#define PROFILE_GIL_WAITERS_UNKNOWN UINT64_MAX /* "[holds GIL: unknown wait]" */
void profile_gil_write(enum profile_gil gil, uint64_t waiters, char ret[static PROFILE_GIL_SIZE]);
enum profile_gil profile_gil_read(const struct profile_function *leaf, uint64_t *ret_waiters);

/*
 * Who keeps others waiting, from such samples: a stack of a thread that held the GIL counts once for each thread that
 * waited meanwhile, with the time for which it waited. Its leaf is what the thread does, "(no Python)" if that is none.
 * What nobody is blamed for has the stacks "(unknown holder)" and "(nobody)". The times add up to that for which
 * threads waited. Attributes, settings and the numbers of ticks are those of @from. It has no books: no time is
 * accounted. @threads: tell holders apart. Errors are those of profile_add().
 */
int profile_blame(const struct profile *from, bool threads, struct profile **ret);

#endif
