/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_PROOF_PAGE_H
#define PYSTACK_PROOF_PAGE_H

/*
 * The pages of the target that hold proofs. What process_vm_readv() costs is the
 * spans, hardly their length, so a page is read once for all the proofs in it:
 * code objects of one module lie together, and share the name of their file.
 */

#include <stddef.h>
#include <stdint.h>

struct proof_page {
        uint64_t addr;
        uint32_t users;

        /* Where it was read last: in which batch, what of it, to what place in the buffer. */
        uint32_t from, to;
        uint64_t batch;
        size_t at;
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
