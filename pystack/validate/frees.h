/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_FREES_H
#define PYSTACK_FREES_H

/* Counts of freed code objects that the caller makes, in the place of the generation that 3.14 has: see frees.c. */

#include "pystack/internal.h"

/*
 * The generation of a snapshot that was just read, as if the interpreter had one: it stays while nothing is freed. 0 if
 * there is none, or if a code object may have been freed since the last call.
 */
uint64_t frees_generation(struct pystack *py);

/* Whether an instruction among the @len bytes of code at @at mentions the address @function, other than to call it. */
bool frees_is_mentioned(const uint8_t *code, size_t len, uint64_t at, uint64_t function);

/* The code of a file that @function of process @pid lies in. PYSTACK_E_UNSUPPORTED if it is none, or too much. Or an errno. */
int frees_find_code(pid_t pid, uint64_t function, uint64_t *ret_at, uint64_t *ret_len);

#endif
