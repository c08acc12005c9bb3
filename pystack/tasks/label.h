/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_LABEL_H
#define PYSTACK_LABEL_H

/*
 * Frames that are no functions: a task, a greenlet. A label is an entry of the cache of code objects, at an address where
 * no memory is. So whoever keeps, counts and decodes frames needs to know nothing of it.
 */

#include "pystack/internal.h"

/*
 * The label that is called @prefix, an ASCII text, and then the characters at @data, as @text says (NULL: none). It is cut
 * if it has more than PYSTR_MAX_CHARS characters. Valid as code objects are. PYSTACK_E_COSTLY or -ENOMEM as code_cache_charge() and code_cache_put().
 */
int label_get(struct pystack *py, const char *prefix, const struct pystr *text, const uint8_t *data,
              const struct pystack_code **ret);

/* Whether this address of a code object is that of a label. No process has memory there. */
static inline bool label_is(uint64_t addr)
{
        return addr >> 63;
}

#endif
