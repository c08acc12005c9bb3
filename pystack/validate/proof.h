/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_PROOF_H
#define PYSTACK_PROOF_H

/*
 * That a code object on a stack is the one that is known by its address: its
 * proofs are read with the stack, or no code object has been freed since they
 * held, or they are put off: see pystack_put_off().
 */

#include "pystack/internal.h"

/*
 * Appends to @batch the pages that hold the proofs which the thread's newest
 * snapshot wants and does not have yet.
 */
void proof_plan(const struct pystack_thread *thread, struct remote_batch *batch);

/* Takes @entry, resolved while the thread was held, for proved: what was read is what is on the stack. */
void proof_accept(const struct pystack *py, struct code_entry *entry);

/*
 * Whether @entry is what lay at its address when the snapshot's stack was true.
 * If its proofs are put off, it is owed from now on.
 */
int proof_check(const struct pystack_thread *thread, uint64_t generation, struct code_entry *entry, bool *ret_certain);

#endif
