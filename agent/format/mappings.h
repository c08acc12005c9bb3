/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORMAT_MAPPINGS_H
#define FORMAT_MAPPINGS_H

#include "agent/profile/profile.h"

/*
 * The mapped files of native code in a profile, each once, numbered from 1. Formats with a table of mappings need this.
 */
struct mapping {
        const char *file, *build_id; /* of the profile */
        bool named;                  /* the names of all its frames are known */
};

struct mappings {
        struct mapping *items; /* items[0] is mapping 1 */
        size_t n;
        uint32_t *of_function; /* by function id: its mapping; 0: it is Python */
};

/* Lists the mappings of @p. -ENOMEM. */
int mappings_init(struct mappings *mappings, const struct profile *p);
void mappings_deinit(struct mappings *mappings); /* accepts {0} */

#endif
