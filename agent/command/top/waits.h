/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOP_WAITS_H
#define TOP_WAITS_H

/* Which part of the threads' time went into running, and into waiting for what. */

#include "agent/profile/profile.h"

#include <stdio.h>

/* As many as profile_reason_kind() knows, and one for threads that do not run for no known reason. */
#define WAITS_KINDS_MAX 16

struct waits {
        enum profile_mode mode;
        uint64_t running_ns, idle_ns;
        struct waits_kind {
                const char *kind; /* static storage */
                uint64_t ns;
        } kinds[WAITS_KINDS_MAX];
        size_t n;
};

/* Adds the samples of a profile. {0} is empty. */
void waits_add(struct waits *waits, const struct profile *profile);

/* Whether the mode tells of waits, or of the GIL. */
bool waits_are_told(const struct waits *waits);

/* Writes a line: "of the threads' time: run 29 %, wait for the GIL 12 %, io 40 %"; of mode gil how long it was held. */
void waits_write(const struct waits *waits, FILE *out);

#endif
