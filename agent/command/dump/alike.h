/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMP_ALIKE_H
#define DUMP_ALIKE_H

/* Which threads are alike: of a pool of 200, a person wants to read one stack. */

#include <stdbool.h>
#include <stddef.h>

struct alike {
        const char *words; /* what is said of the thread's state */
        const char *stack; /* its stack as text, of @len bytes */
        size_t len;
        bool apart; /* it is alike to none */
        /* What alike_find() fills. */
        size_t first; /* the first item that is alike, at most its own number */
        size_t n;     /* how many are alike; 0 in all items but the first of them */
};

/* Fills the items, in the time that sorting them takes. 0 or -ENOMEM. */
int alike_find(struct alike *items, size_t n);

#endif
