/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_FUZZ_FORMATS_H
#define TESTS_FUZZ_FORMATS_H

#include "agent/format/format.h"

/* No format may stumble over what was read. */
static inline void write_in_every_format(const struct profile_set *set)
{
        FILE *out = fopen("/dev/null", "w");

        for (size_t i = 0; i < format_table_n; i++)
                format_table[i]->write(set, out);
        fclose(out);
}

#endif
