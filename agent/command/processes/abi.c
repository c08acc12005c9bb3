/* SPDX-License-Identifier: Apache-2.0 */
/* Names of versions: by their digits, as Pyflame had them, or with a dot, as everybody writes them. */
#include "abi.h"

#include "pystack/pystack.h"

#include <stdio.h>
#include <string.h>

/* The major version has one digit, so the dot says nothing. */
static bool is_name_of_abi(uint32_t abi, const char *text)
{
        char digits[16], dotted[24];

        snprintf(digits, sizeof digits, "%u", abi);
        snprintf(dotted, sizeof dotted, "%c.%s", *digits, digits + 1);
        return strcmp(text, digits) == 0 || strcmp(text, dotted) == 0;
}

bool abi_parse(const char *text, uint32_t *ret)
{
        for (const uint32_t *abi = pystack_abis(); *abi; abi++)
                if (is_name_of_abi(*abi, text)) {
                        *ret = *abi;
                        return true;
                }
        return false;
}

void abi_list(char *ret, size_t size)
{
        size_t len = 0;

        *ret = '\0';
        for (const uint32_t *abi = pystack_abis(); *abi && len < size; abi++)
                len += (size_t)snprintf(ret + len, size - len, "%s%u", len > 0 ? " " : "", *abi);
}
