/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_VERSION_H
#define PYSTACK_VERSION_H

/* Which CPython a located runtime is, and by which layout it is read. */

#include "pystack/internal.h"
#include "pystack/locate/locate.h"

/* What is to be read, and as what. */
struct detected {
        struct runtime runtime;
        bool on_trial; /* newer than what is known: to be believed only if its threads can be walked */
};

/*
 * Finds out the version and makes the layout. @abi: the version to believe in, as
 * in pystack_open_abi(); 0: the one that is found. @info gets what became known,
 * also on failure. PYSTACK_E_UNSUPPORTED, PYSTACK_E_CORRUPT, PYSTACK_E_NOT_READY, or
 * a read's error.
 */
int version_detect(const struct pystack_memory *memory, const struct pystack_location *location, uint32_t abi,
                   struct pystack_info *info, struct detected *ret);

/*
 * Whether there is an interpreter with a thread: 0, PYSTACK_E_NOT_READY if not,
 * PYSTACK_E_CORRUPT if what is there is neither.
 */
int version_check(const struct pystack_memory *memory, const struct runtime *runtime);

#endif
