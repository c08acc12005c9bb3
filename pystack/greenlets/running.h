/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_GREENLET_RUNNING_H
#define PYSTACK_GREENLET_RUNNING_H

/* Stacks of threads that run greenlets. For pystack's own files outside of greenlets/. */

#include "pystack/decode/walk.h"
#include "pystack/memory/snapshot.h"

/*
 * Adds to @stack, which was made of @snapshot, the stacks of the parents of the greenlet that it is the stack of, if that
 * is certain; @walk->n grows. Else the stack stays as it was. False: the thread is switching, and the stack may be that of
 * a greenlet that does not run yet. See greenlets_resume().
 */
bool greenlets_extend(struct pystack_thread *thread, struct snapshot *snapshot,
                      const struct pystack_uninterrupted *uninterrupted, struct walk *walk,
                      struct pystack_stack *stack);

/*
 * Makes the stack of a thread whose snapshot gave none, if the thread is switching from one greenlet to another: that of
 * the first one, as the module has put it aside. The code objects are proved. @walk tells the number of frames.
 */
bool greenlets_resume(struct pystack_thread *thread, const struct snapshot *snapshot,
                      const struct pystack_uninterrupted *uninterrupted, struct walk *walk);

/* Frees all that can be read again, and all. */
void greenlets_trim(struct pystack *py);
void greenlets_free(struct pystack *py);

#endif
