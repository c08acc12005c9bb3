/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAMPLE_FREES_H
#define SAMPLE_FREES_H

/* Counts the code objects that a target frees, so that pystack need not prove them in each sample. See frees.c. */

#include <stdbool.h>
#include <stdint.h>

struct sampler;
struct target;

/* Threads of a process that are counted by an event of their own: those that it had when counting began. */
#define FREES_THREADS_MAX 8

enum frees_state {
        FREES_UNTRIED,
        FREES_COUNTED,
        FREES_PAUSED, /* the process frees code objects all the time */
        FREES_REFUSED,
};

struct frees {
        enum frees_state state;
        int fds[FREES_THREADS_MAX];
        unsigned n;
        uint64_t function;                /* the address of what frees code objects; 0: not known yet */
        uint64_t due_ns;                  /* when to count, or to judge what was counted (CLOCK_MONOTONIC) */
        uint64_t pause_ns;                /* the last pause */
        uint64_t judged_ns, judged_count; /* when it was judged last, and what was counted by then */
};

/* Asks the decoder to begin or to end counting, if it is time to. The target's lock is held. */
void frees_note(struct target *target, const struct sampler *sampler);

/* Begins or ends counting, if it is time to. For the decoder's thread: it may take 3 ms. The target's lock is not held. */
void frees_refresh_when_due(struct target *target, const struct sampler *sampler);

/* Ends counting for good, since the target ends. */
void frees_close(struct target *target);

#endif
