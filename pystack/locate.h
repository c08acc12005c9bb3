/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_LOCATE_H
#define PYSTACK_LOCATE_H

/* Where a process keeps its CPython runtime, by the symbols of the files it has mapped. */

#include "pystack.h"

struct location {
        uint64_t runtime;      /* address of _PyRuntime; 0: a CPython before 3.7 */
        uint64_t runtime_size; /* st_size of the symbol: tells layouts apart before 3.11 */
        uint64_t code_type;    /* address of PyCode_Type, 0: not found */
        uint64_t version_at;   /* address of Py_Version, 0: not found (before 3.11) */
        uint32_t ladder;       /* version by which symbols exist, micro 0 */
        char file[256];        /* as the target sees it */
};

/*
 * Looks through the executable and the mapped files called like Python. Of
 * several runtimes the one that @in_use approves of wins, else the first one.
 * PYSTACK_E_NOT_PYTHON, PYSTACK_E_GONE, PYSTACK_E_DENIED, or a negative errno.
 */
int locate_runtime(pid_t pid, bool (*in_use)(void *ctx, const struct location *), void *ctx, struct location *ret);

#endif
