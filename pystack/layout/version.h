/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_VERSION_H
#define PYSTACK_VERSION_H

/* Which CPython a located runtime is, and by which layout it is read. */

#include "pystack/internal.h"
#include "pystack/locate/locate.h"

/* A runtime whose layout is known. */
struct detected {
        struct runtime runtime;
        bool on_trial; /* its version is newer than all that are known: believe it only if its threads can be read */
};

/*
 * Finds out the version and makes the layout. @abi: the version to be believed, as in struct pystack_options; 0: the
 * one that is found. @info gets what became known, also on failure. PYSTACK_E_UNSUPPORTED, PYSTACK_E_CORRUPT,
 * PYSTACK_E_NOT_READY, or an error of reading.
 */
int version_detect(const struct pystack_memory *memory, const struct pystack_location *location, uint32_t abi,
                   struct pystack_info *info, struct detected *ret);

/*
 * Whether the runtime has an interpreter with a thread. 0: it has. PYSTACK_E_NOT_READY: it has none yet, or none any
 * more. PYSTACK_E_CORRUPT: what is there is no interpreter and thread of each other.
 */
int version_check(const struct pystack_memory *memory, const struct runtime *runtime);

#endif
