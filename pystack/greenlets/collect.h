/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_GREENLET_COLLECT_H
#define PYSTACK_GREENLET_COLLECT_H

/* The addresses of the greenlets of a process. */

#include "pystack/memory/address_set.h"
#include "pystack/memory/effort.h"
#include "reader.h"

/* Threads whose greenlets are told apart. */
#define GREENLET_THREADS_MAX 4096

struct greenlet_thread {
        uint64_t state; /* its ThreadState */
        uint64_t tstate;
};

struct greenlet_addresses {
        uint64_t *items;
        size_t n, cap;
        struct address_set known;
        struct greenlet_thread *threads;
        size_t n_threads;
        size_t objects; /* that were looked at */
        bool cut;       /* there may be more */
};

/* The clock of the calling thread at which to stop; 0: never. */
struct greenlet_limit {
        uint64_t end_ns;
};

static inline bool greenlet_limit_is_reached(const struct greenlet_limit *limit)
{
        return limit->end_ns && effort_cpu_ns() > limit->end_ns;
}

/* Adds @addr. 0 or -ENOMEM. */
int greenlet_addresses_add(struct greenlet_addresses *addresses, uint64_t addr);

/*
 * Adds those that the threads of the process run, and their parents. @ret is {0} at first. 0, -ENOMEM, or an error of
 * reading.
 */
int greenlet_addresses_of_threads(struct greenlet_reader *reader, struct greenlet_addresses *ret);

/*
 * Adds those among the objects that the collectors of all interpreters know. 0, -ENOMEM, PYSTACK_E_COSTLY,
 * PYSTACK_E_UNSUPPORTED (there are no lists), or an error of reading.
 */
int greenlet_addresses_of_heap(struct greenlet_reader *reader, const struct greenlet_limit *limit,
                               struct greenlet_addresses *ret);

void greenlet_addresses_deinit(struct greenlet_addresses *addresses);

#endif
