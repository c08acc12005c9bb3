/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_PROOF_PAGE_H
#define PYSTACK_PROOF_PAGE_H

/*
 * The pages of the target that hold proofs. The cost of process_vm_readv() depends on the number of spans, and hardly
 * on their length. So a page is read once for all the proofs in it. Code objects of one module lie together, and
 * share the name of their file.
 */

#include <stddef.h>
#include <stdint.h>

struct proof_page {
        uint64_t addr;
        uint32_t users;

        uint64_t batch;          /* the last one in which it was read */
        uint32_t from, to;       /* the part of it that was read */
        size_t at;               /* where that part lies in the buffer */
        struct proof_page *next; /* in that batch */
};

/* All that are in use. */
struct proof_pages {
        void *tree;
};

/* The page that holds @addr. NULL: no memory. */
struct proof_page *proof_page_get(struct proof_pages *pages, uint64_t addr);

/* Accepts NULL. */
void proof_page_put(struct proof_pages *pages, struct proof_page *page);

#endif
