/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_TASK_COLLECT_H
#define PYSTACK_TASK_COLLECT_H

/* The addresses of all tasks of a process. */

#include "pystack/memory/address_set.h"
#include "reader.h"

struct task_address {
        uint64_t task;
        uint64_t tstate; /* the thread in whose list it is; 0: not known */
};

struct task_addresses {
        struct task_address *items;
        size_t n, cap;
        struct address_set known;
        const struct pystack_memory *memory; /* while they are collected */
        bool cut;                            /* a list was broken off, or there are too many */
};

/*
 * Adds them to @ret, which is {0} at first. It takes no more than 1 million readings or 2 s of CPU time: then, too, they are
 * cut. 0, -ENOMEM, or an error of reading.
 */
int task_addresses_collect(struct task_reader *reader, struct task_addresses *ret);
void task_addresses_deinit(struct task_addresses *addresses);

#endif
