/* SPDX-License-Identifier: Apache-2.0 */
#include "pystack/pystack.h"
#include "symbol.h"

#include <libiberty/demangle.h>
#include <stdlib.h>
#include <string.h>

enum symbol_language symbol_demangle(const char *raw, char *ret, size_t size)
{
        char *plain = cplus_demangle_v3(raw, DMGL_NO_OPTS);

        if (plain)
                pystack_escape(plain, strlen(plain), ret, size);
        else
                pystack_escape(raw, strlen(raw), ret, size);
        free(plain);
        return plain ? SYMBOL_CPP : SYMBOL_C;
}
