/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_CODE_FREES_H
#define PYSTACK_CODE_FREES_H

/* A part of pystack.h: a count of the code objects that a process frees. README.md says what follows from it. */

#include <stdbool.h>
#include <stdint.h>

struct pystack;

/*
 * Counts how many code objects the process has freed, up to now. The count may be too high, and grows with each one, before
 * its memory is used again. False: it is not known any more.
 */
struct pystack_frees {
        bool (*count)(void *ctx, uint64_t *ret);
        void *ctx;
};

/*
 * The address of the function that frees code objects, if all calls of it can be counted there: for pystack_frees_watch().
 * PYSTACK_E_UNSUPPORTED from 3.14 on, where the interpreter counts by itself; if the build may free code objects without
 * calling that function; and on other machines than x86-64. Reads the interpreter's code: 3 ms, and may hang as all
 * reading may. Another thread may use @py meanwhile, unless it closes it. Errors of reading.
 */
int pystack_frees_find(const struct pystack *py, uint64_t *ret_function);

/* Samples of @py take proofs for needless while the count stays. @frees is copied. NULL: nobody counts any more. */
void pystack_frees_watch(struct pystack *py, const struct pystack_frees *frees);

/* The samples since the last call at which the count had stayed, and those at which it had not. */
void pystack_frees_tell(struct pystack *py, uint64_t *ret_stayed, uint64_t *ret_changed);

#endif
