/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/find_attributes.h"

#include <stdio.h>

const char *attributes_list(const struct find_process *process)
{
        static char text[2 * FIND_RESOURCE_SIZE];
        const char *key, *value = NULL;
        size_t at = 0;

        text[0] = '\0';
        while (find_resource_next(process, &key, &value))
                at += (size_t)snprintf(text + at, sizeof(text) - at, "%s=%s;", key, value);
        return text;
}
