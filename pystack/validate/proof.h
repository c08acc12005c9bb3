/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_PROOF_H
#define PYSTACK_PROOF_H

/*
 * Proves that a code object on a stack is the one that is known by its address. Either its proofs are read with the
 * stack, or no code object has been freed since they held, or they are deferred: see pystack_defer().
 */

#include "pystack/internal.h"
#include "pystack/memory/trail.h"

/* Appends to @batch the pages with the proofs that the thread's newest snapshot wants, and does not have yet. */
void proof_plan(const struct pystack_thread *thread, struct remote_batch *batch);

/* Takes @entry for proved. It was read while the thread was frozen, so it is the one on the stack. */
void proof_accept(const struct pystack *py, struct code_entry *entry);

/*
 * Checks the proofs of @entry. @ret_certain: whether it lay at its address at the moment of the stack. If its proofs
 * may be deferred, they are, and it counts as certain. 0 or -ENOMEM.
 */
int proof_check(const struct pystack_thread *thread, uint64_t generation, struct code_entry *entry, bool *ret_certain);

/* Reads the proofs of @entry into @trail: whether it lies at its address. 0 or an error of reading. */
int proof_read(struct trail *trail, const struct code_entry *entry, bool *ret_holds);

#endif
