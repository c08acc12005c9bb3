/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_ADDRESS_SET_H
#define PYSTACK_ADDRESS_SET_H

/* A set of addresses, none of which is 0: what of a list in the target has been visited. {0} is an empty set. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct address_set {
        uint64_t *slots; /* open addressing; 0: free */
        size_t mask, n;
};

/* Adds @addr. *@ret_again: it was there before. 0 or -ENOMEM. */
int address_set_add(struct address_set *set, uint64_t addr, bool *ret_again);

/* Makes it empty, and keeps its memory. */
void address_set_clear(struct address_set *set);

void address_set_deinit(struct address_set *set);

#endif
