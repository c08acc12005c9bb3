/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes what demangles names: whatever a file calls its functions, a clean name comes of it, soon. */
#include "agent/symbol/symbol.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        char raw[1200], name[SYMBOL_NAME_SIZE], small[8];

        size = size < sizeof(raw) ? size : sizeof(raw) - 1;
        memcpy(raw, data, size);
        raw[size] = '\0';
        symbol_demangle(raw, name, sizeof(name));
        for (const char *c = name; *c; c++)
                if ((unsigned char)*c < ' ' || *c == 0x7f)
                        abort();
        symbol_demangle(raw, small, sizeof(small));
        return strlen(name) >= sizeof(name) || strlen(small) >= sizeof(small);
}
