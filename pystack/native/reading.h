/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_READING_H
#define PYSTACK_READING_H

/* Reads C stacks beside those of Python: see native.h. For the files of pystack alone. */

#include "pystack/decode/walk.h"
#include "pystack/memory/snapshot.h"

/* Appends the C stack to what a snapshot reads, if it was asked for. There must be room for one span. */
void native_plan(struct pystack_thread *thread, struct remote_batch *batch, struct snapshot *snapshot);

/* The C stack could not be read at @addr. True if it was that: the next snapshot reads less of it. */
bool native_drop(struct pystack_thread *thread, uint64_t addr);

/* To be called before each reading, with a @uninterrupted that can be asked: notes if the thread may have moved. */
void native_watch(struct pystack_thread *thread, const struct pystack_uninterrupted *uninterrupted);

/* Merges the C stack of @snapshot, which has given @walk. @ret is valid until the next sample. */
void native_merge(struct pystack_thread *thread, const struct snapshot *snapshot,
                  const struct pystack_uninterrupted *uninterrupted, const struct walk *walk,
                  struct pystack_mixed *ret);

/*
 * The Python stack of the last sample of @thread has changed: its first @kept frames are as they were, and the others, up
 * to @n, are new ones without C code. The mixed stack is changed likewise: all that was outside of the kept frames goes.
 */
void native_root(struct pystack_thread *thread, size_t kept, size_t n);

/* Frees what can be made again. Accepts NULL. */
void native_trim(struct pystack_native *native);
/* Accepts NULL. */
void native_free(struct pystack_native *native);

#endif
